"""The status page: how the daemon and each of its datasets is, in words, and what happened lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from etl_daemon.core.alerting.board import duration
from etl_daemon.core.pages.panel import Panel, Recent, State, panel
from etl_daemon.core.status.health import Identity, Moment, Patience, Reason, not_live, not_ready
from etl_daemon.core.status.history import BatchLine, FailureLine


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the page. ``unread``: why there is no history."""

    at: datetime
    name: str
    state: State
    facts: Mapping[str, str]
    panels: tuple[Panel, ...]
    batches: tuple[BatchLine, ...] = ()
    failures: tuple[FailureLine, ...] = ()
    unread: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


_WORDS = {
    "draining": ("busy", "Finishing the batch in hand, then it ends."),
    "waiting_for_lease": ("waiting", "Standing by: another process does the work."),
    "starting": ("busy", "Starting: source and destination have not both answered yet."),
    "stuck": ("trouble", "Nothing was heard of the loop for too long."),
}


def overview(identity: Identity, moment: Moment, patience: Patience, recent: Recent) -> Overview:
    """The page at a moment."""
    progress, now = moment.progress, moment.now
    own = recent.by_dataset()
    panels = tuple(panel(name, of, own.get(name, Recent()), now) for name, of in progress.datasets.items())
    lease = "held, generation " + str(progress.generation) if progress.generation is not None else "not held"
    down = [name for name, up in progress.up.items() if not up]
    facts = {
        "Loads into": identity.place,
        "Lease": progress.waiting or lease,
        "Works as": identity.holder,
        "Runs since": f"{identity.started:%Y-%m-%d %H:%M} UTC, for {duration(now - identity.started)}",
        "Version": identity.version,
        "Without answer": ", ".join(down),
    }
    state = _state((*not_live(moment, patience), *not_ready(moment)), panels)
    facts = {name: value for name, value in facts.items() if value}
    return Overview(now, identity.daemon, state, facts, panels, recent.batches, recent.failures, recent.unread)


def _state(reasons: Iterable[Reason], panels: Iterable[Panel]) -> State:
    """The first thing that keeps it from working; else what its datasets are at."""
    for each in reasons:
        kind, words = _WORDS.get(each.reason, ("trouble", each.detail))
        return State(kind, words, each.detail if words != each.detail else "")
    failing = [each.name for each in panels if each.state.kind == "trouble"]
    if failing:
        return State("trouble", f"Working, but not on {', '.join(failing)}.")
    busy = [each.name for each in panels if each.state.kind == "busy"]
    return State("busy", f"Loading {', '.join(busy)}.") if busy else State("well", "Working. Everything is loaded.")
