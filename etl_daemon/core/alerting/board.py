"""Which alerts are due: what stands, what was found just now and the time decide; nothing else is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from etl_daemon.core.alerting.alert import CALM, Alert, Severity, Sign, State, befallen, kind_of
from etl_daemon.core.alerting.spikes import Usual

HOUR = timedelta(hours=1)
OUTAGES = ("dependency_down", "cycle_failing")
WHOLE_CHECKS = ("process", "errors")
"""Checks of the monitor that an outage explains although they are of no dataset."""

EXPLAINS: Mapping[str, tuple[str, ...]] = {"rejects": ("reject_share_high", "quarantine_spike")}
"""What else explains a check of the monitor, of the same dataset."""

NAMED = 20
"""So many alerts are named in one that sums up; of the others it says how many there are."""


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """How long trouble lasts before it is told, how long until it is told again, how many notices an hour may have."""

    after: timedelta = timedelta(minutes=10)
    repeat: timedelta = timedelta(hours=24)
    per_hour: int = 20


@dataclass(frozen=True, slots=True)
class Told:
    """The last notice of a trouble: when, as how grave, and the how many-th it was."""

    at: datetime
    severity: Severity
    times: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """A trouble that stands, or that ended lately; ``seen`` is when it was last found.

    One with neither ``told`` nor ``over`` may still pass unheard; of one with both the end is to be told.
    """

    alert: Alert
    seen: datetime
    told: Told | None = None
    over: datetime | None = None

    @property
    def pending(self) -> bool:
        """Whether there is something to tell yet, now or later."""
        return (self.told is None) is (self.over is None)

    @property
    def done(self) -> bool:
        """Whether it has ended, and there is nothing left to tell."""
        return self.over is not None and self.told is None


@dataclass(frozen=True, slots=True)
class Board:
    """All that outlives a process: what stands by key, when notices went out within the hour, what is usual."""

    standing: Mapping[str, Standing] = field(default_factory=dict)
    sent: tuple[datetime, ...] = ()
    usual: Mapping[str, Usual] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert to send, and all those that it stands for: itself, or many that it sums up."""

    alert: Alert
    covers: tuple[Alert, ...]


def judge(board: Board, signs: Iterable[Sign], now: datetime, policy: AlertPolicy) -> tuple[Board, tuple[Notice, ...]]:
    """What stands from now on, and what is to be told now, the worst first."""
    standing = {key: each for key, each in board.standing.items() if not (each.done and _long_ago(each, now))}
    for sign in signs:
        _enter(standing, sign, now)
    standing = {key: each for key, each in standing.items() if not _explained(each, standing, now)}
    due = [each for each in standing.values() if _due(each, now, policy)]
    due.sort(key=lambda each: (-each.alert.severity.rank, each.alert.since, each.alert.key))
    sent = tuple(at for at in board.sent if now - at < HOUR)
    notices = _within([_as_told(each, now) for each in due], policy.per_hour - len(sent), now)
    for alert in (alert for notice in notices for alert in notice.covers):
        _mark(standing, alert, now)
    return Board(standing, (*sent, *(now for _ in notices)), board.usual), notices


def undelivered(board: Board, alerts: Iterable[Alert], now: datetime, policy: AlertPolicy) -> Board:
    """These alerts reached nobody: they are due again."""
    standing = dict(board.standing)
    for alert in alerts:
        there = standing.get(alert.key)
        if alert.state is State.RESOLVED and (there is None or there.done):
            again = replace(alert, state=State.FIRING, detail="")
            standing[alert.key] = Standing(again, now, Told(now, alert.severity), over=now)
        elif alert.state is State.FIRING and there and there.told:
            standing[alert.key] = replace(there, told=_before(there.told, policy))
            if there.over and there.told.times == 1:
                del standing[alert.key]  # it came and went, and nobody heard of it
    return replace(board, standing=standing)


def _before(told: Told, policy: AlertPolicy) -> Told | None:
    """As if this notice had not been: the one before it is due to be told again."""
    return replace(told, at=told.at - policy.repeat, times=told.times - 1) if told.times > 1 else None


def _enter(standing: dict[str, Standing], sign: Sign, now: datetime) -> None:
    key, kind, there = sign.key, kind_of(sign.key), standing.get(sign.key)
    if there and there.done and not sign.well:
        there = None  # it begins anew
    if not sign.well:
        severity = sign.severity or kind.severity
        since = there.alert.since if there else now
        alert = Alert(key, severity, State.FIRING, sign.summary, sign.detail, sign.hint, since)
        standing[key] = replace(there, alert=alert, seen=now, over=None) if there else Standing(alert, now)
    elif there and there.over is None and now - there.seen >= kind.calm:
        standing[key] = replace(there, alert=replace(there.alert, detail=sign.detail), over=now)
        if there.told is None:
            del standing[key]  # it passed before anybody heard of it


def _due(each: Standing, now: datetime, policy: AlertPolicy) -> bool:
    if each.over:
        return each.pending
    if each.told is None:
        return not kind_of(each.alert.key).lasting or each.seen - each.alert.since >= policy.after
    worse = each.alert.severity.rank > each.told.severity.rank
    return worse or (each.seen > each.told.at and now - each.told.at >= policy.repeat)


def _explained(each: Standing, standing: Mapping[str, Standing], now: datetime) -> bool:
    """What the monitor finds is no news while nothing is loaded, or the daemon says it itself; later it is found anew.

    Errors are those of the last hour, so what has ended meanwhile explains them too.
    """
    kind, _, rest = each.alert.key.partition(":")
    check, _, dataset = rest.partition(":")
    if kind != "monitor" or each.told or not (dataset or check in WHOLE_CHECKS):
        return False
    others = {
        key for key, other in standing.items() if (check == "errors" or not other.over) and not _long_ago(other, now)
    }
    causes = {f"{name}:{dataset}" for name in ("dataset_failing", *EXPLAINS.get(check, ()))}
    return bool(causes & others) or any(key.partition(":")[0] in OUTAGES for key in others)


def _long_ago(each: Standing, now: datetime) -> bool:
    return now - (each.over or each.seen) >= CALM


def _as_told(each: Standing, now: datetime) -> Alert:
    alert = each.alert
    if each.over is None:
        return alert
    summary = kind_of(alert.key).over.format(befallen(alert.key))
    lasted = f"It lasted {duration(each.over - alert.since)}, until {each.over:%Y-%m-%d %H:%M:%S} UTC."
    detail = f"{lasted} {alert.detail}".rstrip()
    return replace(alert, state=State.RESOLVED, summary=summary, detail=detail, hint="")


def _within(due: Sequence[Alert], left: int, now: datetime) -> tuple[Notice, ...]:
    """As many notices as may go out; what has no place of its own is in the last one, or waits."""
    if left <= 0 or not due:
        return ()
    alone = due if len(due) <= left else due[: left - 1]
    rest = tuple(due[len(alone) :])
    notices = tuple(Notice(alert, (alert,)) for alert in alone)
    return (*notices, Notice(summed_up(rest, now), rest)) if rest else notices


def summed_up(alerts: Sequence[Alert], now: datetime) -> Alert:
    """Many alerts as one."""
    lines = [f"{each.state} {each.severity} {each.key}: {each.summary}" for each in alerts[:NAMED]]
    if len(alerts) > NAMED:
        lines.append(f"and {len(alerts) - NAMED:,} more")
    firing = [each for each in alerts if each.state is State.FIRING]
    worst = max((each.severity for each in firing or alerts), key=lambda severity: severity.rank)
    return Alert(
        "many",
        worst,
        State.FIRING if firing else State.RESOLVED,
        f"{len(alerts):,} alerts at once: {len(firing):,} firing, {len(alerts) - len(firing):,} resolved.",
        "\n".join(lines),
        "etl-daemon status; the log has a line for each: its event is alert",
        min((each.since for each in alerts), default=now),
    )


def _mark(standing: dict[str, Standing], alert: Alert, now: datetime) -> None:
    there = standing[alert.key]
    if there.over:
        standing[alert.key] = replace(there, told=None)
    else:
        times = there.told.times if there.told else 0
        standing[alert.key] = replace(there, told=Told(now, alert.severity, times + 1))


def duration(lasted: timedelta) -> str:
    """How long, in two units at most."""
    minutes, seconds = divmod(round(lasted.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    named = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    said = [f"{count} {unit}" for count, unit in named if count]
    return " ".join(said[:2]) or "less than a second"
