"""Which rows come in and which give way, one row at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from etl_daemon.core.datasets import ROW_ORDER, Dataset, Mode

Row = dict[str, Any]


@dataclass(slots=True)
class Lost:
    """Rows that come in, rows of the target that give way, and per object key the rows that do not come in."""

    new: list[Row] = field(default_factory=list)
    beaten: list[Row] = field(default_factory=list)
    superseded: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)


def meet(rows: Sequence[Row], target: Sequence[Row], dataset: Dataset) -> Lost:
    """What becomes of a batch's rows; in modes that replace, ``target`` holds nothing of the dataset any more."""
    if dataset.mode is Mode.APPEND or not dataset.key:
        return Lost(new=list(rows))
    if dataset.mode is Mode.INCREMENTAL:
        return _first_come(rows, target, dataset)
    return _greatest(rows, [] if dataset.mode.replaces else target, dataset)


def _greatest(rows: Sequence[Row], target: Sequence[Row], dataset: Dataset) -> Lost:
    """Of each key the greatest row comes in, unless the target has a greater one; it beats what is smaller there."""
    lost = Lost()
    there = _by_key(target, dataset)
    for key, rivals in _by_key(rows, dataset).items():
        *losers, best = sorted(rivals, key=lambda row: _values(row, dataset.order))
        smaller = [row for row in there[key] if _values(row, dataset.order) < _values(best, dataset.order)]
        lost.beaten += smaller
        lost.superseded.update(row["_OBJECT_KEY"] for row in losers)
        if len(smaller) == len(there[key]):
            lost.new.append(best)
        else:
            lost.superseded[best["_OBJECT_KEY"]] += 1
    return lost


def _first_come(rows: Sequence[Row], target: Sequence[Row], dataset: Dataset) -> Lost:
    """A row comes in if nobody came before it: a row of its own object supersedes it, any other filters it."""
    lost = Lost()
    there = _by_key(target, dataset)
    mark = max((row[dataset.instant] for row in target), default=None) if dataset.by_timestamp else None
    seen: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for row in sorted(rows, key=lambda row: _values(row, ROW_ORDER)):
        key, of = _values(row, dataset.key), row["_OBJECT_KEY"]
        late = mark is not None and row[dataset.instant] <= mark if dataset.by_timestamp else bool(there[key])
        if of in seen[key]:
            lost.superseded[of] += 1
        elif seen[key] or late:
            lost.filtered[of] += 1
        else:
            lost.new.append(row)
        seen[key].add(of)
    return lost


def _by_key(rows: Sequence[Row], dataset: Dataset) -> defaultdict[tuple[Any, ...], list[Row]]:
    found: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[_values(row, dataset.key)].append(row)
    return found


def _values(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)
