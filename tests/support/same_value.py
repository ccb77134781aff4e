"""Whether a value in a table stands for exactly the value that arrived; independent of the code that cast it."""

# ruff: noqa: DTZ001 - tables hold UTC without zone

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa


def same(given: Any, stored: Any, type_: pa.DataType) -> bool:
    """``given`` as Arrow's Python value (text for text), ``stored`` likewise, of a column of that type."""
    if given is None or stored is None:
        return given is stored
    if isinstance(given, timedelta):
        given = given // timedelta(microseconds=1)
    if type_ == pa.json_() or isinstance(given, list | dict):
        return same_json(given, read_json(stored))
    if isinstance(given, bool):
        return stored is given or stored == str(given).lower()
    if isinstance(given, int | float | Decimal):
        return not isinstance(stored, bool) and same_number(given, stored)
    if isinstance(given, str):
        return text_says(given, stored)
    return moments(given, stored)


def text_says(text: str, stored: Any) -> bool:
    if isinstance(stored, str):
        return text == stored
    if isinstance(stored, bool):
        return text.strip().lower() == str(stored).lower()
    if isinstance(stored, int | float | Decimal):
        return same_number(text, stored)
    if isinstance(stored, date | datetime):
        return moments(datetime.fromisoformat(text.replace("/", "-")), stored)
    return bool(isinstance(stored, bytes) and stored == text.encode())


def same_number(given: Any, stored: Any) -> bool:
    if isinstance(given, float) and not math.isfinite(given):
        return str(given) == str(stored)
    try:
        return number(given) == number(stored)
    except InvalidOperation:
        return False


def number(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value).strip())


def moments(given: Any, stored: Any) -> bool:
    if isinstance(given, bytes):
        return stored in {given, given.decode("utf-8", "replace")}
    if isinstance(stored, str):
        stored = type(given).fromisoformat(stored)
    if isinstance(given, time):
        return bool(given == stored)
    return instant(given) == instant(stored)


def instant(value: Any) -> datetime:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def read_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def same_json(given: Any, read: Any) -> bool:
    if isinstance(given, bool) or given is None:
        return given is read
    if isinstance(given, dict):
        return (
            isinstance(read, dict) and given.keys() == read.keys() and all(same_json(given[k], read[k]) for k in read)
        )
    if isinstance(given, list):
        return isinstance(read, list) and len(given) == len(read) and all(map(same_json, given, read))
    if isinstance(given, int | float | Decimal):
        return not isinstance(read, bool) and isinstance(read, Decimal) and number(given) == read
    if isinstance(given, str):
        return bool(given == read)
    return bool(isinstance(read, str) and moments(given, read))
