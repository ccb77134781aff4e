"""A dataset as pages show it: its state in words, facts, charts, and why rows of it were rejected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from etl_daemon.core.alerting.board import duration
from etl_daemon.core.pages.charts import HOUR, WEEK, Chart, chart
from etl_daemon.core.pages.words import ago, objects, rows, size
from etl_daemon.core.rules.explanations import OBJECTS, ROWS
from etl_daemon.core.status.health import lag_seconds
from etl_daemon.core.status.history import BatchLine, ExampleLine, FailureLine, Period
from etl_daemon.core.status.progress import DatasetProgress

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

    def by_dataset(self) -> dict[str, Recent]:
        """Periods and rejected rows of each dataset, told apart once: there may be a hundred panels."""
        own: defaultdict[str, tuple[list[Period], list[Period], list[ExampleLine]]]
        own = defaultdict(lambda: ([], [], []))
        for minute in self.minutes:
            own[minute.dataset][0].append(minute)
        for hour in self.hours:
            own[hour.dataset][1].append(hour)
        for example in self.examples:
            own[example.dataset][2].append(example)
        return {
            name: Recent(tuple(minutes), tuple(hours), examples=tuple(examples))
            for name, (minutes, hours, examples) in own.items()
        }


@dataclass(frozen=True, slots=True)
class State:
    """``kind`` is ``well``, ``busy``, ``waiting`` or ``trouble``; ``words`` say it, ``hint`` what to do about it."""

    kind: str
    words: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A reason of rejected rows of a dataset, how many there are, and some of them, if they may be shown."""

    dataset: str
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


def panel(name: str, of: DatasetProgress, recent: Recent, now: datetime) -> Panel:
    """The dataset at a moment."""
    batch = of.last_batch
    facts = {
        "Lag": _lag(of, now) if of.backlog.oldest else "none",
        "Waiting": f"{objects(of.backlog.objects)}, {size(of.backlog.bytes)}" if of.backlog.objects else "nothing",
        "Last success": ago(of.last_success, now),
        "Last batch": f"{rows(batch.rows_loaded)}, {ago(batch.at, now)}" if batch else "none yet",
        "Complete up to": f"{of.watermark:%Y-%m-%d %H:%M:%S} UTC" if of.watermark else "not known yet",
        "Refused": objects(of.objects["refused"]) if of.objects["refused"] else "",
        "Anomalies": ", ".join(f"{count:,} {name}" for name, count in of.anomalies.items() if count),
    }
    charts = (
        chart((each for each in recent.minutes if each.dataset == name), HOUR, now),
        chart((each for each in recent.hours if each.dataset == name), WEEK, now),
    )
    shown = {label: value for label, value in facts.items() if value}
    return Panel(name, _state(of, now), shown, charts, rejected(name, of.reasons, recent.examples, 1)[:TOP_REASONS])


def rejected(
    dataset: str, reasons: Mapping[str, int], examples: Iterable[ExampleLine], most: int
) -> tuple[Rejected, ...]:
    """The commonest reason first, each with ``most`` of its examples at most."""
    own = [each for each in examples if each.dataset == dataset]
    counted = sorted(((rows, reason) for reason, rows in reasons.items() if rows), reverse=True)
    return tuple(
        Rejected(
            dataset,
            reason,
            rows,
            meaning(reason),
            tuple(each for each in own if reason in each.example.reasons)[:most],
        )
        for rows, reason in counted
    )


def meaning(reason: str) -> str:
    """What a reason code means, in a sentence; nothing for one that is not known."""
    found = ROWS.get(reason) or OBJECTS.get(reason)
    return found.what if found else ""


def _state(of: DatasetProgress, now: datetime) -> State:
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
