"""Which cycle and which batch a line belongs to.

Events say where they begin and end. What is in between is known to the thread that works, and to those that work for
it in a copy of its context (``pipeline.intake``): so to every line of theirs, be it an event's or a library's, and to
no line of other threads, such as the one that renews the lease. A fetch may be for a batch that has not begun, and
says so itself.
"""

from __future__ import annotations

from structlog.contextvars import bind_contextvars, unbind_contextvars

from etl_daemon.core.events import (
    BatchAbandoned,
    BatchBegan,
    BatchCommitted,
    CycleBegan,
    CycleEnded,
    DatasetFailed,
    Event,
    FetchBegan,
    LoopTurned,
)
from etl_daemon.errors import ObjectChangedError


def enter(event: Event) -> None:
    """Before the event's line."""
    if isinstance(event, CycleBegan | LoopTurned):
        unbind_contextvars("cycle_id", "batch_id")  # a cycle that failed has no other end
    if isinstance(event, CycleBegan):
        bind_contextvars(cycle_id=event.cycle_id)
    elif isinstance(event, BatchBegan | FetchBegan):
        bind_contextvars(batch_id=event.plan.batch_id)


def leave(event: Event) -> None:
    """After the event's line. The failure of a dataset is still its batch's."""
    if isinstance(event, CycleEnded):
        unbind_contextvars("cycle_id", "batch_id")
    elif isinstance(event, BatchCommitted | DatasetFailed) or _planned_again(event):
        unbind_contextvars("batch_id")


def _planned_again(event: Event) -> bool:
    return isinstance(event, BatchAbandoned) and (event.error is None or isinstance(event.error, ObjectChangedError))
