"""Refused objects, read again after a setting has changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import BatchPlan, Outcome, Receipt
from etl_daemon.core.review import LedgerLine
from etl_daemon.operations.backfill import refuse_whole
from etl_daemon.operations.batches import attempted, current, planned
from etl_daemon.operations.claim import Operator, claim, fenced
from etl_daemon.pipeline import Corridor, load, read, stage, transform


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """What became of refused objects: ``loaded`` with so many ``rows``, ``gone`` from the source.

    ``refused`` holds those that are refused again with their reason, ``unread`` those that could not be read now with
    the detail.
    """

    dataset: str
    loaded: int = 0
    rows: int = 0
    gone: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: ReloadReport) -> ReloadReport:
        return ReloadReport(
            self.dataset,
            self.loaded + other.loaded,
            self.rows + other.rows,
            self.gone + other.gone,
            self.refused + other.refused,
            self.unread + other.unread,
        )


def reload(
    dataset: Dataset, refused: Collection[LedgerLine], corridor: Corridor, operator: Operator, *, dry_run: bool = False
) -> ReloadReport:
    """Read refused objects of a dataset again, as they are now; with ``dry_run`` nothing is changed.

    Raises:
        ConfigError: the dataset's mode replaces its table: it reads all of its objects again, or none.
        LeaseLostError, BusyError: another replay of the dataset is under way, or the destination is held.
    """
    refuse_whole(dataset, "its refused objects come in with the others")
    refs = current([line.key for line in refused if line.bucket == corridor.bucket], corridor)
    report = ReloadReport(dataset.name, gone=len(refused) - len(refs))
    operator.heard(report.gone)
    if not refs:
        return report
    if dry_run:
        for plan in planned(dataset, refs.values(), corridor):
            report += _tried(plan, corridor)
            operator.heard(len(plan.objects))
        return report
    mine = claim(dataset, "replay", corridor, operator)
    operator.log("reload", dataset.name, f"begun, {len(refs)} refused objects are read again")
    for plan in planned(mine.dataset, refs.values(), corridor):
        with fenced("replay", dataset):
            receipts = attempted(plan, lambda part: load(part, corridor, lambda: mine.fence, operator.clock.now()))
        report = sum((_outcome(receipt) for receipt in receipts), report)
        operator.heard(len(plan.objects))
        if operator.stop.is_set():
            break
    operator.log("reload", dataset.name, f"{report.loaded} of {len(refs)} objects loaded, {report.rows} rows")
    return report


def _outcome(receipt: Receipt) -> ReloadReport:
    refused = tuple((line.ref.key, line.reason) for line in receipt.objects if line.outcome is Outcome.REFUSED)
    loaded = sum(line.outcome is Outcome.LOADED for line in receipt.objects)
    late = tuple((item.ref.key, item.detail) for item in receipt.deferrals)
    return ReloadReport(receipt.dataset, loaded, receipt.counts.loaded, 0, refused, late)


def _tried(plan: BatchPlan, corridor: Corridor) -> ReloadReport:
    staged = stage(transform(read(plan, corridor.intake), corridor.intake), corridor)
    refused = tuple((item.ref.key, item.reason) for item in staged.refusals)
    late = tuple((item.ref.key, item.detail) for item in staged.deferrals)
    rows = sum(part.counts.loaded for part in staged.slices)
    loaded = len(plan.objects) - len(refused) - len(late)
    return replace(ReloadReport(plan.dataset.name), loaded=loaded, rows=rows, refused=refused, unread=late)
