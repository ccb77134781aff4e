"""The checker of storms finds what is lost, doubled or wrong, each kind of it, and nothing where all is well."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.storm import checker
from tests.storm.checker import DOUBLED, LOST, WRONG, Lesson, Version

NOON = datetime(2026, 1, 5, 12)  # noqa: DTZ001 - as the tables have it
AT = "2026-01-02T15:00:00+00:00"
WHEN = datetime(2026, 1, 2, 15)  # noqa: DTZ001
BAD = '{"broken'
Held = dict[str, list[tuple[Any, ...]]]


def line(symbol: str, close: float) -> tuple[str, bool]:
    row = {"symbol": symbol, "timestamp": AT, "open": 10.0, "high": 13.0, "low": 9.0, "close": close, "volume": 7}
    return json.dumps(row), True


def version(dataset: str, key: str, minutes: int, *lines: tuple[str, bool], refused: bool = False) -> Version:
    return Version(dataset, key, f"tag{minutes}", NOON + timedelta(minutes=minutes), refused, lines)


VERSIONS = [
    version("price_data", "a", 1, line("AAPL", 10.5), (BAD, False)),
    version("price_data", "b", 2, line("AAPL", 10.25), line("IBM", 9.5)),
    version("price_data", "a", 3, line("AAPL", 12.5), (BAD, False)),
    version("ticks", "c", 4, line("F", 10.5), line("F", 10.5)),
    version("ticks", "d", 5, ("garbage", False), refused=True),
    version("roster", "e", 6, line("NA", 10.5)),
    version("roster", "e", 7, line("NA", 9.75), (BAD, False)),
]


def row(key: str, number: int, symbol: str, close: str, minutes: int) -> tuple[Any, ...]:
    prices = [Decimal(each) for each in ("10", "13", "9", close)]
    return (key, number, symbol, WHEN, *prices, Decimal(7), prices[3] - 10, NOON + timedelta(minutes=minutes))


def entry(dataset: str, key: str, minutes: int, *counts: int, outcome: str = "loaded") -> tuple[Any, ...]:
    """Counts: read, loaded, quarantined, superseded, replaced."""
    read, loaded, quarantined, superseded, replaced = counts
    tag = f"tag{minutes}"
    return (dataset, key, tag, f"{tag}-x", outcome, read, loaded, quarantined, superseded, 0, replaced)


HELD: Held = {
    "price_data": [row("a", 1, "AAPL", "12.5", 3), row("b", 2, "IBM", "9.5", 2)],
    "ticks": [row("c", 1, "F", "10.5", 4), row("c", 2, "F", "10.5", 4)],
    "roster": [row("e", 1, "NA", "9.75", 7)],
    "anomalies": [("etl_daemon:price_data", "a", "AAPL", WHEN)],
    "ledger": [
        entry("price_data", "a", 1, 2, 1, 1, 0, 1),
        entry("price_data", "b", 2, 2, 2, 0, 0, 1),
        entry("price_data", "a", 3, 2, 1, 1, 0, 0),
        entry("ticks", "c", 4, 2, 2, 0, 0, 0),
        entry("ticks", "d", 5, 0, 0, 0, 0, 0, outcome="refused"),
        entry("roster", "e", 7, 2, 1, 1, 0, 0),
    ],
    "quarantine": [
        ("price_data", "a", "tag1-x", 2, BAD),
        ("price_data", "a", "tag3-x", 2, BAD),
        ("roster", "e", "tag7-x", 2, BAD),
    ],
    "batches": [("price_data", 4, 3, 1), ("price_data", 2, 1, 1), ("ticks", 2, 2, 0), ("roster", 2, 1, 1)],
}


def found(held: Held, versions: list[Version] = VERSIONS) -> dict[str, int]:
    return dict(checker.check(Lesson(versions, held)).counts)


def changed(rows: list[tuple[Any, ...]], at: int, column: int, value: object) -> None:
    rows[at] = (*rows[at][:column], value, *rows[at][column + 1 :])


CASES: dict[str, tuple[Callable[[Held], object], dict[str, int]]] = {
    "a row is lost": (lambda held: held["ticks"].pop(), {LOST: 1, WRONG: 1}),  # and the ledger is wrong about it
    "a row is there twice": (lambda held: held["ticks"].append(held["ticks"][0]), {DOUBLED: 1, WRONG: 1}),
    "a price is wrong": (lambda held: changed(held["ticks"], 0, 7, Decimal("10.51")), {WRONG: 1}),
    "a change is wrong": (lambda held: changed(held["ticks"], 0, 9, Decimal("0.6")), {WRONG: 1}),
    "a time is wrong": (lambda held: changed(held["roster"], 0, 3, NOON), {WRONG: 1}),
    "an older version is there": (
        lambda held: changed(held["roster"], 0, 10, NOON + timedelta(minutes=6)),
        {WRONG: 1},
    ),
    "who lost is there instead": (
        lambda held: held["price_data"].append(row("b", 1, "AAPL", "10.25", 2)),
        {WRONG: 2},
    ),
    "an anomaly is lost": (lambda held: held["anomalies"].pop(), {LOST: 1}),
    "an anomaly is there twice": (lambda held: held["anomalies"].append(held["anomalies"][0]), {DOUBLED: 1}),
    "an anomaly of nothing": (lambda held: held["anomalies"].append(("etl_daemon:ticks", "c", "F", WHEN)), {WRONG: 1}),
    "an object is unknown": (lambda held: held["ledger"].pop(4), {LOST: 1}),
    "an object is entered twice": (lambda held: held["ledger"].append(held["ledger"][4]), {DOUBLED: 1}),
    "a version that nobody wrote": (
        lambda held: held["ledger"].append(entry("ticks", "z", 9, 0, 0, 0, 0, 0)),
        {WRONG: 1},
    ),
    "a replaced version is left": (
        lambda held: held["ledger"].append(entry("roster", "e", 6, 1, 1, 0, 0, 1)),
        {WRONG: 1},
    ),
    "rows read differ": (lambda held: changed(held["ledger"], 3, 5, 3), {WRONG: 2}),  # from batches, too
    "rows quarantined differ": (lambda held: changed(held["ledger"], 5, 7, 2), {WRONG: 1}),
    "rows replaced differ": (lambda held: changed(held["ledger"], 0, 10, 0), {WRONG: 1}),
    "garbage is loaded": (lambda held: changed(held["ledger"], 4, 4, "loaded"), {WRONG: 1}),
    "a commit is missing": (lambda held: held["batches"].pop(0), {WRONG: 1}),
    "a rejected row is lost": (lambda held: held["quarantine"].pop(0), {LOST: 1}),
    "a rejected row is there twice": (lambda held: held["quarantine"].append(held["quarantine"][0]), {DOUBLED: 1}),
    "a rejected row has another text": (lambda held: changed(held["quarantine"], 0, 4, "{}"), {LOST: 1, WRONG: 1}),
}


def test_where_all_is_well_it_finds_nothing() -> None:
    assert found(HELD) == {LOST: 0, DOUBLED: 0, WRONG: 0}


def test_rejected_rows_of_a_version_that_was_replaced_may_be_left() -> None:
    versions = [*VERSIONS[:5], version("roster", "e", 6, line("NA", 10.5), (BAD, False)), VERSIONS[6]]
    held = {**HELD, "quarantine": [*HELD["quarantine"], ("roster", "e", "tag6-x", 2, BAD)]}
    assert found(held, versions) == {LOST: 0, DOUBLED: 0, WRONG: 0}


@pytest.mark.parametrize("case", CASES)
def test_it_finds_what_is_not_as_written(case: str) -> None:
    harm, expected = CASES[case]
    held = deepcopy(HELD)
    harm(held)
    assert found(held) == {LOST: 0, DOUBLED: 0, WRONG: 0} | expected


def test_it_shares_no_code_with_what_it_checks() -> None:
    tree = ast.parse(Path(checker.__file__).read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    named = {(getattr(node, "module", None) or node.names[0].name).split(".")[0] for node in imports}
    assert named - set(sys.stdlib_module_names) == {"duckdb", "snowflake"}


@pytest.mark.parametrize("lost", [0, 1])
def test_as_a_program_it_reports_in_numbers_and_says_by_its_code_how_it_went(tmp_path: Path, lost: int) -> None:
    database = tmp_path / "market.duckdb"
    with duckdb.connect(str(database)) as file:
        for name, rows in {**HELD, "ticks": HELD["ticks"][lost:]}.items():
            make(file, checker.QUERIES[name], rows)
    story = {"world": "calm", "seed": 7, "seconds": 900, "counts": {"acts": {"kill -9": 3, "once": 4}}}
    told = told_by(tmp_path, {"duckdb": str(database)}, story)
    assert told.returncode == lost, told.stderr
    assert told.stdout.splitlines()[:5] == [
        "storm     calm, seed 7, 0.25 hours",
        "acts      7: 3 kill -9, 4 once",
        "written   5 objects in 7 versions, 12 rows",
        f"found     6 ledger lines, 4 commits, {5 - lost} rows, 3 quarantined, 1 anomalies",
        f"result    lost {lost}, doubled 0, wrong {lost}",
    ]


def make(file: duckdb.DuckDBPyConnection, query: str, rows: list[tuple[Any, ...]]) -> None:
    """The table that a query asks, with these rows."""
    columns, _, rest = query.removeprefix("SELECT ").partition(" FROM ")
    table = rest.split()[0]
    types = {int: "BIGINT", str: "VARCHAR", datetime: "TIMESTAMP", Decimal: "DECIMAL(20,8)"}
    named = [f"{name} {types[type(value)]}" for name, value in zip(columns.split(", "), rows[0], strict=True)]
    named += ["ANOMALY_TYPE VARCHAR DEFAULT 'extreme_price_movement'"] if "WHERE" in rest else []
    file.execute(f"CREATE SCHEMA IF NOT EXISTS {table.partition('.')[0]}")
    file.execute(f"CREATE TABLE {table} ({', '.join(named)})")
    file.executemany(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(rows[0]))})", rows)


def told_by(folder: Path, destination: object, story: object) -> subprocess.CompletedProcess[str]:
    paths = [folder / name for name in ("manifest.jsonl", "destination.json", "story.json")]
    entries = [{**vars(each), "modified": each.modified.isoformat()} for each in VERSIONS]
    texts = ["".join(json.dumps(each) + "\n" for each in entries), json.dumps(destination), json.dumps(story)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    command = [sys.executable, checker.__file__, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
