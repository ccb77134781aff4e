"""The status page: how the daemon and each of its datasets is, in words, and what happened lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from etl_daemon.core.alerting.board import duration
from etl_daemon.core.explanations import OBJECTS, ROWS
from etl_daemon.core.health import Identity, Moment, Patience, Reason, lag_seconds, not_live, not_ready
from etl_daemon.core.history import BatchLine, ExampleLine, FailureLine, Period
from etl_daemon.core.pages.charts import HOUR, WEEK, Chart, chart
from etl_daemon.core.pages.words import ago, objects, size
from etl_daemon.core.progress import DatasetProgress

TOP_REASONS = 5
"""Reasons that are shown of a dataset, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Recent:
    """What the history has: minutes of an hour, hours of a week, and the latest batches, failures and rejected rows."""

    minutes: tuple[Period, ...] = ()
    hours: tuple[Period, ...] = ()
    batches: tuple[BatchLine, ...] = ()
    failures: tuple[FailureLine, ...] = ()
    examples: tuple[ExampleLine, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """``kind`` is ``well``, ``busy``, ``waiting`` or ``trouble``; ``words`` say it, ``hint`` what to do about it."""

    kind: str
    words: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A reason of rejected rows, how many there are since the daemon's start, and one of them, if it may be shown."""

    reason: str
    rows: int
    meaning: str
    examples: tuple[ExampleLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """A dataset."""

    name: str
    state: State
    facts: Mapping[str, str]
    charts: tuple[Chart, ...]
    rejected: tuple[Rejected, ...]


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
    panels = tuple(_panel(name, of, recent, now) for name, of in progress.datasets.items())
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
    failing = [panel.name for panel in panels if panel.state.kind == "trouble"]
    if failing:
        return State("trouble", f"Working, but not on {', '.join(failing)}.")
    busy = [panel.name for panel in panels if panel.state.kind == "busy"]
    return State("busy", f"Loading {', '.join(busy)}.") if busy else State("well", "Working. Everything is loaded.")


def _panel(name: str, of: DatasetProgress, recent: Recent, now: datetime) -> Panel:
    batch = of.last_batch
    facts = {
        "Lag": _lag(of, now) if of.backlog.oldest else "none",
        "Waiting": f"{objects(of.backlog.objects)}, {size(of.backlog.bytes)}" if of.backlog.objects else "nothing",
        "Last success": ago(of.last_success, now),
        "Last batch": f"{batch.rows_loaded:,} rows, {ago(batch.at, now)}" if batch else "none yet",
        "Complete up to": f"{of.watermark:%Y-%m-%d %H:%M:%S} UTC" if of.watermark else "not known yet",
        "Refused": objects(of.objects["refused"]) if of.objects["refused"] else "",
        "Anomalies": ", ".join(f"{count:,} {name}" for name, count in of.anomalies.items() if count),
    }
    charts = (
        chart((each for each in recent.minutes if each.dataset == name), HOUR, now),
        chart((each for each in recent.hours if each.dataset == name), WEEK, now),
    )
    shown = {label: value for label, value in facts.items() if value}
    return Panel(name, _dataset_state(of, now), shown, charts, _rejected(name, of, recent))


def _dataset_state(of: DatasetProgress, now: datetime) -> State:
    if of.failing and of.last_error:
        return State("trouble", f"Failing: {of.last_error.detail}", of.last_error.hint)
    if of.backlog.objects:
        since = f", the oldest for {_lag(of, now)}" if of.backlog.oldest else ""
        return State("busy", f"{objects(of.backlog.objects)} to load{since}.")
    if of.last_success is None:
        return State("waiting", "Not looked at yet.")
    return State("well", "Up to date.")


def _lag(of: DatasetProgress, now: datetime) -> str:
    return duration(timedelta(seconds=lag_seconds(of.backlog, now)))


def _rejected(name: str, of: DatasetProgress, recent: Recent) -> tuple[Rejected, ...]:
    counted = sorted(((rows, reason) for reason, rows in of.reasons.items() if rows), reverse=True)[:TOP_REASONS]
    return tuple(
        Rejected(
            reason,
            rows,
            meaning(reason),
            tuple(each for each in recent.examples if each.dataset == name and reason in each.example.reasons)[:1],
        )
        for rows, reason in counted
    )


def meaning(reason: str) -> str:
    """What a reason code means, in a sentence; nothing for one that is not known."""
    found = ROWS.get(reason) or OBJECTS.get(reason)
    return found.what if found else ""
