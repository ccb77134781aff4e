"""Whether this machine's clock goes right, by what others' clocks say."""

from __future__ import annotations

from datetime import datetime, timedelta

from etl_daemon.core.findings import Finding, State

TOLERANCE = timedelta(minutes=2)
REFUSED = timedelta(minutes=15)
"""From there on AWS takes no request."""

HINT = "set this machine's clock by NTP: timedatectl"


def apart(who: str, ahead: timedelta) -> Finding:
    """Of a clock that is ``ahead`` of this machine's, or behind it."""
    name = f"clock {who}"
    way = "behind" if ahead > timedelta() else "ahead of"
    detail = f"This machine's clock is {abs(ahead).total_seconds():.0f} seconds {way} that of {who}."
    if abs(ahead) <= TOLERANCE:
        return Finding(name, State.OK, detail)
    return Finding(name, State.WARN if abs(ahead) < REFUSED else State.FAIL, detail, HINT)


def newest(moment: datetime, now: datetime) -> Finding:
    """Of the newest object or commit: it cannot be newer than now, unless this clock is behind."""
    here = now.isoformat(timespec="seconds")
    if moment - now > TOLERANCE:
        detail = f"It is {here} here, but an object or commit is {moment - now} ahead of that."
        return Finding("clock", State.WARN, detail, HINT)
    return Finding("clock", State.OK, f"It is {here}; no object or commit is newer.")
