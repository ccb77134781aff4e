"""What the rules make of a local file: counts, and how they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from etl_daemon.cli.printing import table
from etl_daemon.core.model import CleanSlice, Counts

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(slots=True)
class Finding:
    """What the rules make of a file, or of all. ``refused`` is why the file as a whole would not be loaded."""

    name: str
    counts: Counts = field(default_factory=Counts)
    reasons: Counter[str] = field(default_factory=Counter)
    anomalies: Counter[str] = field(default_factory=Counter)
    rounded: int = 0
    truncated: int = 0
    extra: tuple[str, ...] = ()
    seconds: float = 0.0
    refused: str = ""
    detail: str = ""

    def add(self, part: CleanSlice) -> None:
        """Count a slice."""
        self.counts += part.counts
        self.reasons.update(part.reasons)
        self.anomalies.update(_by_type(part))
        self.rounded += part.rounded
        self.truncated += part.truncated
        self.extra = tuple(dict.fromkeys((*self.extra, *part.extra)))

    def document(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        counts = asdict(self.counts)
        counts["valid"] = counts.pop("loaded")
        del counts["filtered"]
        return {
            "file": self.name,
            "rows": counts,
            "reasons": dict(self.reasons.most_common()),
            "anomalies": dict(self.anomalies.most_common()),
            "values_rounded": self.rounded,
            "timestamps_truncated": self.truncated,
            "extra_columns": list(self.extra),
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.counts.read / self.seconds) if self.seconds else 0,
            "refused": {"reason": self.refused, "detail": self.detail} if self.refused else None,
        }


def _by_type(part: CleanSlice) -> Mapping[str, int]:
    return {each["values"]: each["counts"] for each in part.anomalies["ANOMALY_TYPE"].value_counts().to_pylist()}


def total(findings: Sequence[Finding]) -> Finding:
    """All findings in one."""
    everything = Finding("total")
    for each in findings:
        everything.counts += each.counts
        everything.reasons.update(each.reasons)
        everything.anomalies.update(each.anomalies)
        everything.rounded += each.rounded
        everything.truncated += each.truncated
        everything.extra = tuple(dict.fromkeys((*everything.extra, *each.extra)))
        everything.seconds += each.seconds
    return everything


def show(findings: Sequence[Finding], out: Console) -> None:
    """Print the table, then which files would be refused and why."""
    heads = ["file", "#rows", "#valid", "#quarantined", "reasons", "#superseded", "anomalies", "#rows/s"]
    rows = [each.document() for each in (findings if len(findings) == 1 else [*findings, total(findings)])]
    out.print(table("", heads, [_cells(each) for each in rows]))
    for each in findings:
        if each.refused:
            out.print(f"{each.name}: refused: {each.refused}. {each.detail}", soft_wrap=True)
        if each.extra:
            names = ", ".join(map(repr, each.extra))
            out.print(f"{each.name}: columns that no dataset column takes: {names}.", soft_wrap=True)


def _cells(one: dict[str, Any]) -> list[object]:
    rows = one["rows"]
    found = [rows["read"], rows["valid"], rows["quarantined"], one["reasons"], rows["superseded"], one["anomalies"]]
    return [one["file"], *found, one["rows_per_second"] or None]
