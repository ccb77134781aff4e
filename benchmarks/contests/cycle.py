"""A whole cycle, from start to exit, few big files into DuckDB, against DuckDB with and without the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.data import write_prices
from benchmarks.processes import Cycle, Statement
from benchmarks.race import Bound, Given, Heat
from benchmarks.statement import TEXT_COLUMNS, TYPED_COLUMNS, filtered, ndjson, over_files

FILES = 4
EQUAL, FILTER = "one DuckDB statement", "DuckDB filter and insert"
READERS: Mapping[str, str] = {
    "csv": f"read_csv('PATTERN', header = true, ignore_errors = true, columns = {TYPED_COLUMNS})",
    "parquet": "read_parquet('PATTERN')",
    "json.gz": ndjson("PATTERN", TYPED_COLUMNS),
    "json.zst": ndjson("PATTERN", TYPED_COLUMNS),
    "array.json": f"read_json('PATTERN', format = 'array', ignore_errors = true, columns = {TYPED_COLUMNS})",
}
"""What reads each format. Parquet has its types."""


def heats(given: Given) -> Iterator[Heat]:
    """JSON lines: APPEND, and UPSERT into an empty table."""
    rows = given.size(2_000_000, 400_000)
    pattern = _files(given, "json", rows)
    for mode in ("APPEND", "UPSERT"):
        cycle = Cycle(given.folder / "json", rows, given.threads, {"PRICE_DATA_MODE": mode})
        query = over_files(ndjson(pattern, TEXT_COLUMNS), deduplicated=mode == "UPSERT")
        equal = Statement(EQUAL, given.folder / "equal.duckdb", query, rows, given.threads)
        yield _heat(mode, cycle, _filtering(given, ndjson(pattern, TYPED_COLUMNS), rows), equal)


def formats(given: Given) -> Iterator[Heat]:
    """The other formats, in the usual mode."""
    rows = given.size(2_000_000, 400_000)
    for name, reader in READERS.items():
        pattern = _files(given, name, rows)
        cycle = Cycle(given.folder / name, rows, given.threads)
        filtering = _filtering(given, reader.replace("PATTERN", pattern), rows)

        def check(cycle: Cycle = cycle, filtering: Statement = filtering) -> None:
            _check_filtering(cycle, filtering)

        contenders = (cycle.contender(), filtering.contender())
        yield Heat(f"whole cycle, {name}", contenders, (Bound(FILTER, 0.6),), check)


def _files(given: Given, format_: str, rows: int) -> str:
    """A bucket of this format's name; the pattern of its objects."""
    prefix = given.folder / format_ / "processed" / "price_data"
    prefix.mkdir(parents=True)
    for number in range(FILES):
        write_prices(prefix / f"{number}.{format_}", rows // FILES, seed=0.1 + number / 100)
    return f"{prefix}/*"


def _filtering(given: Given, reader: str, rows: int) -> Statement:
    return Statement(FILTER, given.folder / "filtered.duckdb", filtered(reader), rows, given.threads)


def _heat(mode: str, cycle: Cycle, filtering: Statement, equal: Statement) -> Heat:
    def check() -> None:
        loaded, quarantined, _ = cycle.counts()
        assert (loaded, quarantined) == (equal.count("reasons = ''"), equal.count("reasons <> ''")), cycle.counts()
        _check_filtering(cycle, filtering)

    contenders = (cycle.contender(), equal.contender(), filtering.contender())
    return Heat(f"whole cycle, JSON lines, {mode}", contenders, (Bound(EQUAL, 2.0), Bound(FILTER, 0.65)), check)


def _check_filtering(cycle: Cycle, filtering: Statement) -> None:
    """It knows no keys, so it has all fit rows."""
    loaded, _, beaten = cycle.counts()
    assert loaded + beaten == filtering.count(), (cycle.counts(), filtering.count())
