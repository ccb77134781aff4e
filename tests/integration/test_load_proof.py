"""The proof of `make load`, on a few objects: that it goes through, and that it would find what it looks for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path

import duckdb
import pytest

from etl_daemon.config import settings_from
from tests.load.checking import check
from tests.load.feed import BUCKET, ROWS, Feed, datasets_file
from tests.load.history import remember
from tests.load.judging import MIB, Bounds, Course, judged
from tests.load.sampling import Answer, Sample
from tests.load.writer import Put

FEED = Feed(5, 1_000, 20.0, datetime(2026, 3, 4, 12, 30, tzinfo=UTC))
BOUNDS = Bounds(poll_seconds=10, lag_seconds=60, memory_bytes=512 * MIB, answer_seconds=1)


@pytest.fixture(scope="module")
def remembered(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("load")
    (folder / "datasets.toml").write_text(datasets_file(FEED.datasets))
    settings = settings_from({"S3_BUCKET": BUCKET, "ETL_DATASETS_FILE": str(folder / "datasets.toml")})
    remember(FEED, settings, folder / "etl.duckdb")
    return folder / "etl.duckdb"


@pytest.fixture
def database(remembered, tmp_path) -> Path:
    path = tmp_path / "etl.duckdb"
    path.write_bytes(remembered.read_bytes())
    return path


def wrong(database: Path, *puts: Put) -> dict[str, int]:
    return {what: count for what, count in check(database, FEED, puts).wrong.items() if count}


def test_it_finds_nothing_wrong_with_what_is_right(database):
    assert wrong(database) == {}


def test_it_finds_what_was_not_loaded(database):
    body = FEED.body(1_000)
    put = Put(1_000, 0, FEED.key(1_000, FEED.begins), md5(body).hexdigest(), 0.0)
    assert wrong(database, put) == {
        "last versions that were not loaded": 1,
        "objects whose rows are not there as they are, once": 1,
    }


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM ETL_CONTROL.ETL_OBJECTS WHERE KEY LIKE '%/000000001.json'", "lines of the history that are gone"),
        ("DELETE FROM LOAD.D001 WHERE _OBJECT_KEY LIKE '%/000000001.json' AND _OBJECT_ROW = 2", "rows of the history"),
        ("INSERT INTO LOAD.D001 SELECT * FROM LOAD.D001 LIMIT 1", "rows of the history"),
        ("DELETE FROM ETL_CONTROL.ETL_QUARANTINE WHERE DATASET = 'd000'", "rejected rows that are not"),
        (
            "UPDATE ETL_CONTROL.ETL_OBJECTS SET BATCH_ID = 'of nobody' WHERE DATASET = 'd000'",
            "lines of versions that no",
        ),
    ],
)
def test_it_finds_what_is_missing_or_too_much(database, statement, found):
    with duckdb.connect(str(database)) as connection:
        connection.execute(statement)
    assert [what for what in wrong(database) if what.startswith(found)]


def sample(place: int, **more: object) -> Sample:
    usual = Sample(
        at=place * 5.0,
        puts=place * 250,
        loaded=place * 250.0,
        cycles=place / 2,
        pending_seconds=4.0,
        resident=300 * MIB,
        cpu=place * 1.0,
        database=MIB,
        state=MIB,
        answers={"/livez": Answer(200, 0.002)},
    )
    return replace(usual, **more)


def judgement(samples: list[Sample], lags: list[tuple[float, float]]) -> list[str]:
    return [line.what for line in judged(Course(samples, lags), BOUNDS) if line.wrong]


CALM = [sample(place) for place in range(100)]
SOON = [(place * 0.1, 8.0) for place in range(5_000)]


def test_a_calm_run_passes():
    assert judgement(CALM, SOON) == []


@pytest.mark.parametrize(
    ("samples", "lags", "found"),
    [
        (CALM, [(at, 8 + at / 10) for at, _ in SOON], ["the same, p95 of the first third / the last"]),
        (CALM, [*SOON, (400.0, 61.0)], ["put to queryable, at most"]),
        ([sample(n, resident=(300 + n) * MIB, loaded=0.0) for n in range(100)], SOON, ["memory, median of the first"]),
        ([*CALM, sample(100, resident=513 * MIB)], SOON, ["memory at most"]),
        ([*CALM, sample(100, answers={"/livez": Answer(503, 0.1)})], SOON, ["/livez: 101 answers"]),
        ([sample(n, answers={"/livez": Answer(200, n / 50)}) for n in range(100)], SOON, ["/livez: 100 answers"]),
    ],
    ids=["lag grows", "late once", "memory grows", "over the limit", "not live", "slow"],
)
def test_it_finds_a_bound_that_is_broken(samples, lags, found):
    told = judgement(samples, lags)
    assert len(told) == len(found)
    assert all(line.startswith(start) for line, start in zip(told, found, strict=True))


def test_what_the_ledger_keeps_may_grow_with_what_is_loaded():
    growing = [sample(n, resident=300 * MIB + n * 10_000 * 350, loaded=n * 10_000.0) for n in range(60)]
    assert judgement(growing, SOON) == []


def test_the_short_form_goes_through(tmp_path):
    asked = "--minutes 0.05 --datasets 5 --versions 2000 --rate 20 --poll 0.5 --lag 60 --answer 30 --memory 1024"
    command = [sys.executable, "-m", "tests.load", *asked.split(), "--folder", tmp_path / "load"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = (tmp_path / "load/report.txt").read_text()
    assert "60 objects and 1 further versions" in report
    prices = (1_600 + 48) * ROWS - (80 + 4)
    orders = (12 + 1) * ROWS
    rows = prices + orders
    assert f"versions loaded, and rows in all tables                         61, {rows:,}" in report, report
