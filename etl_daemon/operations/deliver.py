"""Objects cleaned into files, without a warehouse: what the rules make of each, and nothing that knows of another."""

from __future__ import annotations

from collections.abc import Generator
from threading import Event as Signal

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import ObjectDeferred, ObjectRefused
from etl_daemon.core.model import Known
from etl_daemon.errors import ConfigError
from etl_daemon.operations.backfill import Progress, Span, after, due
from etl_daemon.operations.batches import planned
from etl_daemon.pipeline import Corridor
from etl_daemon.ports import Outlet


def deliver(
    dataset: Dataset, span: Span, corridor: Corridor, outlet: Outlet, stop: Signal
) -> Generator[Progress, None, None]:
    """Clean what was modified within the span into files; how far it is after each batch.

    There is no ledger: everything is read, every time. When all is there, that is noted beside the files.

    Raises:
        ConfigError: there is something in that place already.
        TransientError, SetupError: source, fleet or place did not do their part; files of whole batches stay.
    """
    if outlet.holds(dataset.name):
        raise ConfigError(f"There are files of {dataset.name} already.", hint="take another place, or remove them")
    found = due(dataset, span, corridor, Known())
    progress = Progress(len(found), sum(ref.size for ref in found))
    yield progress
    for plan in outlet.ahead(planned(dataset, found, corridor)):
        delivered = outlet.delivered(plan)
        for refusal in delivered.refusals:
            corridor.tell(ObjectRefused(dataset.name, refusal.ref, refusal.reason, refusal.detail))
        for late in delivered.receipt.deferrals:
            corridor.tell(ObjectDeferred(dataset.name, late.ref, late.detail, late.changed))
        progress = after(progress, plan, [delivered.receipt])
        yield progress
        if stop.is_set():
            break
    if progress.complete and not any(receipt.deferrals for receipt in progress.receipts):
        outlet.finish(dataset.name)
