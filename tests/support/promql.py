"""What a query of Prometheus asks for: metrics and labels, as far as names tell."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from etl_daemon.adapters.observers.metric_table import TABLE, Observed

OF_EVERY_TARGET = frozenset({"job", "instance"})
"""Labels that Prometheus adds."""

OTHERS = {"up": frozenset[str](), "process_start_time_seconds": frozenset[str]()} | {
    f"process_{name}": frozenset[str]()
    for name in ("cpu_seconds_total", "resident_memory_bytes", "virtual_memory_bytes", "open_fds", "max_fds")
}
"""Metrics that are not in the table: Prometheus's own, and the client library's."""

_TEXT = r'"(?:[^"\\]|\\.)*"'
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)?\s*\{([^}]*)\}")
_WORDS = frozenset(
    {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool"}
)


def known() -> dict[str, AbstractSet[str]]:
    """The series that a daemon exposes, with their labels."""
    found: dict[str, AbstractSet[str]] = {name: labels | OF_EVERY_TARGET for name, labels in OTHERS.items()}
    for each in TABLE:
        labels = OF_EVERY_TARGET | set(each.labels)
        if isinstance(each, Observed):
            found |= {f"{each.name}_{end}": labels for end in ("sum", "count")} | {
                f"{each.name}_bucket": labels | {"le"}
            }
        else:
            found[each.name] = labels
    return found


def unknown(query: str) -> set[str]:
    """Metrics and labels in the query that no daemon exposes; ``name{label}`` for a label that its metric lacks."""
    metrics, series = set(), known()
    wrong = set()
    bare = re.sub(_TEXT, '""', query)
    for name, matchers in _SELECTOR.findall(bare):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        wrong |= {f"{name}{{{label}}}" for label in labels - series.get(name, set())}
        metrics.add(name)
    grouped = {label.strip() for group in _GROUPING.findall(bare) for label in group.split(",") if label.strip()}
    rest = _GROUPING.sub(" ", re.sub(r"\{[^}]*\}|\[[^\]]*\]|\boffset\s+\w+", " ", bare))
    metrics |= set(re.findall(r"(?<![\w.$])([a-zA-Z_:][\w:]*)(?!\s*\(|[\w:])", rest)) - _WORDS
    wrong |= {name for name in metrics if name not in series}
    labels = {label for name in metrics for label in series.get(name, ())}
    return wrong | {f"{{{label}}}" for label in grouped - labels}
