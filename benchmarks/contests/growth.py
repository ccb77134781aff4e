"""A whole cycle of more and more rows: each row should cost the same."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.data import write_prices
from benchmarks.processes import Cycle
from benchmarks.race import Bound, Given, Heat

FILE_ROWS = 250_000
WITHIN = 1 / 1.1
"""Time per row within 10 %."""


def heats(given: Given) -> Iterator[Heat]:
    """One; the bound is between the least and the most, and those between are shown."""
    most = given.size(16_000_000, 1_000_000)
    sizes = [FILE_ROWS]
    while sizes[-1] * 4 <= most:
        sizes.append(sizes[-1] * 4)
    cycles = [_cycle(given, rows) for rows in sizes]
    bounds = [Bound(cycles[0].name, WITHIN if rows == most else 0.0, _name(rows)) for rows in sizes[1:]]
    yield Heat("time per row, JSON lines, APPEND", tuple(each.contender() for each in cycles), tuple(bounds))


def _cycle(given: Given, rows: int) -> Cycle:
    bucket = given.folder / str(rows)
    prefix = bucket / "processed" / "price_data"
    prefix.mkdir(parents=True)
    for number in range(rows // FILE_ROWS):
        write_prices(prefix / f"{number:03}.json", FILE_ROWS, seed=0.1 + number / 1000)
    return Cycle(bucket, rows, given.threads, {"PRICE_DATA_MODE": "APPEND"}, _name(rows))


def _name(rows: int) -> str:
    return f"{rows / 1e6:g} M rows"
