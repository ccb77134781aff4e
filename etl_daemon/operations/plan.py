"""What a cycle would do, found out as a cycle finds it out, and not done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import BatchPlan, Cursor, Known
from etl_daemon.core.planning.discovery import EPOCH, Discovery, sweep_due
from etl_daemon.core.planning.knowledge import seen
from etl_daemon.core.planning.statements import Statements, of_batch, of_sweep
from etl_daemon.errors import BusyError, ConfigError, EtlError
from etl_daemon.pipeline import Corridor, Look, discover
from etl_daemon.ports import Upstream


@dataclass(frozen=True, slots=True)
class Intent:
    """What a cycle would do for one dataset.

    ``cursor`` is how far it is; ``swept`` says that everything under the prefix was compared, ``requests`` what the
    listing took. With an ``error`` the cycle would fail for the dataset, and the rest says nothing.
    """

    dataset: Dataset
    cursor: Cursor
    found: Discovery = field(default_factory=lambda: Discovery(EPOCH))
    batches: tuple[BatchPlan, ...] = ()
    swept: bool = False
    requests: int = 0
    error: EtlError | None = None

    def statements(self, staging: int) -> Statements:
        """What its batches send to a destination where staging a table takes so many, and the note of a sweep."""
        batches = (of_batch(self.dataset, staging, loads=bool(each.objects)) for each in self.batches)
        return sum(batches, of_sweep() if self.swept and not self.error else Statements())


@dataclass(frozen=True, slots=True)
class Cycle:
    """When the cycle would begin, and what ``once`` would be asked: as in ``Daemon``."""

    now: datetime
    again: bool = False
    force: bool = False


def intent(
    dataset: Dataset, known: Known, corridor: Corridor, cycle: Cycle, upstream: Upstream | None = None
) -> Intent:
    """List what a cycle would list, and cut what is due into the batches that it would load.

    Raises:
        BusyError, ConfigError: they would end the whole cycle, too.
    """
    source, swept = corridor.intake.source, sweep_due(known.cursor, cycle.now, corridor.reach.sweep_every)
    before = source.list_requests
    try:
        dataset = upstream.pull(dataset) if upstream else dataset
        look = Look(dataset, known, cycle.now, sweep=swept)
        visible = seen(known, dataset.mode, again=cycle.again, force=cycle.force)
        found = discover(dataset, visible, corridor, cycle.now, sweep=swept)
    except (BusyError, ConfigError):
        raise
    except EtlError as error:
        return Intent(dataset, known.cursor, swept=swept, requests=source.list_requests - before, error=error)
    batches = tuple(look.plans(found, corridor.reach.batch))
    return Intent(dataset, known.cursor, found, batches, swept, source.list_requests - before)
