"""Whether a value that a database gives is the one that was loaded, whatever type it comes in."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


def same(held: Any, loaded: Any) -> bool:
    """Numbers by their value, instants in UTC, JSON by what it says; nulls are the same as nulls alone."""
    if held is None or loaded is None:
        return held is loaded
    if held == loaded:
        return True
    for form in (_number, _instant, _json):
        one, other = form(held), form(loaded)
        if one is not None and other is not None:
            return bool(one == other)
    return str(held) == str(loaded)


def _number(value: Any) -> Decimal | str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(str(value))
    return "NaN" if number.is_nan() else number  # which is the same as another one


def _instant(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None  # noqa: DTZ001 - as held


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value if isinstance(value, dict | list) else None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
