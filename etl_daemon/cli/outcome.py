"""What a cycle did, per dataset: as a document, and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from etl_daemon.cli.printing import table
from etl_daemon.cli.runbook import described, told
from etl_daemon.core.events import BatchCommitted, Event, ExtraColumns, ObjectDeferred, ObjectRefused
from etl_daemon.core.model import Counts, Outcome, Receipt
from etl_daemon.daemon import DatasetReport

if TYPE_CHECKING:
    from rich.console import Console

Document = dict[str, Any]
EVERYTHING_HOURS = 876_000


@dataclass(slots=True)
class Tally:
    """An observer that keeps what receipts do not tell: how long batches took, and why objects were left out."""

    seconds: dict[str, float] = field(default_factory=dict)
    refused: list[ObjectRefused] = field(default_factory=list)
    deferred: list[ObjectDeferred] = field(default_factory=list)
    extra: dict[str, set[str]] = field(default_factory=dict)

    def notice(self, event: Event) -> None:
        """Take note."""
        if isinstance(event, BatchCommitted):
            self.seconds[event.dataset] = self.seconds.get(event.dataset, 0.0) + event.seconds
        elif isinstance(event, ObjectRefused):
            self.refused.append(event)
        elif isinstance(event, ObjectDeferred):
            self.deferred.append(event)
        elif isinstance(event, ExtraColumns):
            self.extra.setdefault(event.dataset, set()).update(event.columns)


def document(report: DatasetReport, tally: Tally) -> Document:
    """Everything that a cycle did for one dataset."""
    lines = [line for receipt in report.receipts for line in receipt.objects]
    outcomes = Counter(line.outcome for line in lines)
    refused = [event for event in tally.refused if event.dataset == report.dataset]
    deferred = [event for event in tally.deferred if event.dataset == report.dataset]
    rows, seconds = totals(report.receipts), tally.seconds.get(report.dataset, 0.0)
    return {
        "dataset": report.dataset,
        "objects": {
            "pending": report.pending,
            "loaded": outcomes[Outcome.LOADED],
            "refused": outcomes[Outcome.REFUSED],
            "superseded": outcomes[Outcome.SUPERSEDED],
            "deferred": len(deferred),
            "ignored": report.ignored,
        },
        "rows": {**asdict(rows), "replaced": sum(receipt.replaced for receipt in report.receipts)},
        "reasons": added(receipt.reasons for receipt in report.receipts),
        "anomalies": added(receipt.anomalies for receipt in report.receipts),
        "refused": [{"key": each.ref.key, "reason": each.reason, "detail": each.detail} for each in refused],
        "deferred": [{"key": each.ref.key, "detail": each.detail} for each in deferred],
        "extra_columns": sorted(tally.extra.get(report.dataset, ())),
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows.read / seconds) if seconds else 0,
        "error": described(report.error) if report.error else None,
    }


def totals(receipts: Iterable[Receipt]) -> Counts:
    """The rows of all batches."""
    return sum((receipt.counts for receipt in receipts), Counts())


def added(parts: Iterable[Any]) -> dict[str, int]:
    """Counts by name, added up, the greatest first."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total.most_common())


def show(documents: Sequence[Document], console: Console, title: str = "") -> None:
    """Print the table, then what was left out and why."""
    heads = ["dataset", "#objects", "#refused", "#rows read", "#loaded", "#quarantined", "reasons", "#superseded"]
    console.print(table(title, [*heads, "anomalies", "#rows/s"], map(_row, documents)))
    for each in documents:
        for line in _notes(each):
            console.print(line, soft_wrap=True)


def _row(one: Document) -> list[object]:
    objects, rows = one["objects"], one["rows"]
    return [
        one["dataset"],
        objects["loaded"],
        objects["refused"],
        rows["read"],
        rows["loaded"],
        rows["quarantined"],
        one["reasons"],
        rows["superseded"],
        one["anomalies"],
        one["rows_per_second"] or None,
    ]


def _notes(one: Document) -> Iterable[str]:
    name, objects = one["dataset"], one["objects"]
    yield from (f"{name}: refused {each['key']}: {each['reason']}. {each['detail']}" for each in one["refused"])
    yield from (f"{name}: put off {each['key']}: {each['detail']}" for each in one["deferred"])
    if one["extra_columns"]:
        yield f"{name}: columns that no dataset column takes: {', '.join(map(repr, one['extra_columns']))}."
    if one["rows"]["replaced"]:
        yield f"{name}: {one['rows']['replaced']:,} rows of earlier objects were replaced."
    if objects["ignored"]:
        yield (
            f"{name}: {objects['ignored']:,} objects older than the window were left alone; to load them: "
            f"etl-daemon once --dataset {name} --since {EVERYTHING_HOURS}"
        )
    if one["error"]:
        yield f"{name}: failed: {told(one['error'])}"
