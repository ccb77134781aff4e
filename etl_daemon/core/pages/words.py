"""Times and sizes as people say them."""

from __future__ import annotations

from datetime import datetime

from etl_daemon.core.alerting.board import duration


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago it was; ``never`` for None."""
    return "never" if at is None else f"{duration(now - at)} ago"


def size(count: float) -> str:
    """Bytes in a unit that keeps the number short."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1_000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1_000
    return f"{count:.1f} TB"


def objects(count: int) -> str:
    """So many objects."""
    return f"{count:,} object{'s' * (count != 1)}"


def rows(count: int) -> str:
    """So many rows."""
    return f"{count:,} row{'s' * (count != 1)}"
