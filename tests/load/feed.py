"""What there is and what comes: objects by number, so that their keys, versions and rows follow from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5

BUCKET = "market-data"
ROWS = 10
"""Rows of an object."""
ORDERS_EVERY = 5
"""One dataset in so many holds orders, a table of any columns; the others hold prices."""
HISTORY_BYTES = 1_300
"""Of an object of the history, as listings and ledger have it."""
UNFIT_EVERY = 20
"""One object of prices in so many has a row that no rule lets through."""
RESTATED_EVERY = 50
"""One put in so many is followed by another version of the object that came ``RESTATED_AFTER_SECONDS`` before it."""
RESTATED_AFTER_SECONDS = 60

_SYMBOLS = 26**4
_START = datetime(2026, 1, 2, tzinfo=UTC)
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Feed:
    """Objects go round the datasets. Numbers below ``history`` came at the same ``rate`` until it ``begins``.

    All of them lie under the hour in which they came.
    """

    datasets: int
    history: int
    rate: float
    begins: datetime

    def came(self, number: int) -> datetime:
        """When an object of the history was put, as stores tell it: in whole seconds."""
        before = timedelta(microseconds=(self.history - number) * self.every_microseconds)
        return (self.begins - before).replace(microsecond=0)

    @property
    def every_microseconds(self) -> int:
        """Between two objects."""
        return round(_MICROSECONDS / self.rate)

    @property
    def restated_before(self) -> int:
        """How many objects lie between one and the one after which it comes again."""
        return round(RESTATED_AFTER_SECONDS * self.rate)

    def dataset(self, number: int) -> str:
        """Whose the object is."""
        return name(number % self.datasets)

    def key(self, number: int, at: datetime) -> str:
        """Where the object lies that came then."""
        return f"{self.dataset(number)}/{at:%Y/%m/%d/%H}/{number:09d}.json"

    def body(self, number: int, version: int = 0) -> bytes:
        """Its rows; each has a key of its own, and says of which version it is."""
        place = number // self.datasets
        rows = self._orders(number, version) if orders(number % self.datasets) else self._prices(place, version)
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    def unfit(self, number: int) -> int:
        """How many of its rows break a rule."""
        return int(not orders(number % self.datasets) and number // self.datasets % UNFIT_EVERY == 0)

    def _prices(self, place: int, version: int) -> Iterator[dict[str, object]]:
        start = _START + timedelta(minutes=place // _SYMBOLS)
        for row in range(ROWS):
            fit = row or place % UNFIT_EVERY
            yield {
                "symbol": symbol(place),
                "timestamp": (start + timedelta(seconds=row)).isoformat(),
                "open": 10,
                "high": 12,
                "low": 9,
                "close": 11.25 if fit else -1,
                "volume": version,
            }

    def _orders(self, number: int, version: int) -> Iterator[dict[str, object]]:
        for row in range(ROWS):
            at = _START + timedelta(seconds=number)
            yield {"id": number * ROWS + row, "at": at.isoformat(), "side": "buy", "price": 10.5, "volume": version}


def name(place: int) -> str:
    """A dataset's."""
    return f"d{place:03d}"


def orders(place: int) -> bool:
    """Whether the dataset holds orders."""
    return place % ORDERS_EVERY == ORDERS_EVERY - 1


def symbol(place: int) -> str:
    """Four letters."""
    return "".join(chr(65 + place // base % 26) for base in (1, 26, 676, 17_576))


def tag(number: int) -> str:
    """The ETag of an object of the history, whose body nobody has."""
    return md5(str(number).encode()).hexdigest()


def datasets_file(count: int) -> str:
    """What ``ETL_DATASETS_FILE`` holds."""
    tables = [
        f"[datasets.{built_in}]\nenabled = false\n" for built_in in ("price_data", "technical_indicators", "anomalies")
    ]
    for place in range(count):
        own = 'primary_key = ["id"]\ntimestamp_column = "at"\n' if orders(place) else 'kind = "price_data"\n'
        own += "window_hours = 1\n"  # as prices have by default: a cycle lists all of the window
        where = f'prefix = "{name(place)}/{{year}}/{{month}}/{{day}}/{{hour}}"\ntable = "LOAD.{name(place).upper()}"\n'
        tables.append(f"[datasets.{name(place)}]\n{own}{where}")
    return "\n".join(tables)
