"""Rows from PostgreSQL over an object store into DuckDB, against COPY and a read; needs PostgreSQL.

The peer: COPY to a file by psycopg, then DuckDB makes a table of it, with nothing checked and nothing kept. Ours: what
a running daemon does for a dataset that is due, from the snapshot to the commit: COPY, an object, the rules, a ledger.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import duckdb
import psycopg

from benchmarks.file_store import file_store
from benchmarks.race import OURS, Bound, Contender, Given, Heat
from etl_daemon.bootstrap.runtime import build
from etl_daemon.bootstrap.upstreams import fed
from etl_daemon.vault import settings_from
from tests.conftest import AWS_ENVIRONMENT
from tests.support.databases import empty_postgresql, postgresql, run_postgresql
from tests.support.s3_servers import s3_client

COPY = "COPY and a bare read"
TABLE = """
    CREATE TABLE trades (id bigint PRIMARY KEY, symbol text NOT NULL, at timestamptz NOT NULL, price numeric(18,6),
                         quantity integer, account text, settled boolean)
"""
FILL = """
    INSERT INTO trades SELECT i, 'SYM' || i % 500, timestamptz '2026-01-01' + i * interval '1 second',
        (i % 100000) / 1000.0, i % 1000, CASE WHEN i % 10 > 0 THEN 'account ' || i % 5000 END, i % 2 = 0
    FROM generate_series(1, {rows}) AS i
"""
DATASETS = """
    datasets.price_data.enabled = false
    datasets.technical_indicators.enabled = false
    datasets.anomalies.enabled = false
    [datasets.trades]
    table = "T.TRADES"
    mode = "{mode}"
    primary_key = ["id"]
    [datasets.trades.sql]
    url = "{url}"
    table = "trades"
    every_seconds = 0
    format = "{format}"
"""
Work = Callable[[], None]


def theirs(url: str, folder: Path) -> None:
    """COPY and a bare read."""
    file = folder / "theirs.csv"
    copy = "COPY trades TO STDOUT (FORMAT csv, HEADER)"
    with psycopg.connect(url) as connection, file.open("wb") as out, connection.cursor().copy(copy) as rows:
        out.writelines(rows)
    with duckdb.connect(str(folder / "theirs.duckdb")) as database:
        database.execute("SET enable_progress_bar = false")
        database.execute(f"CREATE OR REPLACE TABLE trades AS FROM read_csv('{file}')")


@contextmanager
def ours(url: str, folder: Path, way: str) -> Iterator[Work]:
    """A daemon that has started, whose dataset is due each time."""
    place, format_, mode = way.split(", ")
    own = folder / way.replace(", ", "-")
    (own / "bucket").mkdir(parents=True)
    (own / "datasets.toml").write_text(DATASETS.format(url=url, mode=mode, format=format_))
    source = {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": str(own / "bucket")} if place == "folder" else {}
    settings = {
        "S3_BUCKET": own.name.lower().replace("_", "-"),
        "ETL_DATASETS_FILE": str(own / "datasets.toml"),
        "ETL_DUCKDB_PATH": str(own / "ours.duckdb"),
        "ETL_STATE_DIR": str(own / "state"),
        **source,
    }
    if place == "S3":
        s3_client(os.environ["AWS_ENDPOINT_URL"]).create_bucket(Bucket=settings["S3_BUCKET"])
    with build(settings_from(settings)) as runtime:
        daemon = fed(runtime.daemon(), runtime, extracting=True)

        def work() -> None:
            (report,) = daemon.cycle()
            assert report.error is None, report.error
            assert report.settled == 1, report

        yield work


def heats(given: Given) -> Iterator[Heat]:
    """A folder and a lean S3, formats, and modes. Before each run a row changes, so that there is something to do."""
    rows = given.size(1_000_000, 100_000)
    with file_store(given.folder / "s3") as s3:
        os.environ.update({**AWS_ENVIRONMENT, "AWS_ENDPOINT_URL": s3})
        (given.folder / "server").mkdir()
        with postgresql(given.folder / "server") as server, empty_postgresql(server) as url:
            run_postgresql(url, TABLE, FILL.format(rows=rows), "VACUUM ANALYZE trades")
            for place in ("folder", "S3"):
                for rest in ("csv, TRUNCATE_INSERT", "parquet, TRUNCATE_INSERT", "csv, UPSERT"):
                    with ours(url, given.folder, f"{place}, {rest}") as work:
                        yield _heat(url, given.folder, (f"{place}, {rest}", rows), work)


def _heat(url: str, folder: Path, what: tuple[str, int], work: Work) -> Heat:
    way, rows = what
    changes = count(1)

    def change() -> None:
        run_postgresql(url, f"UPDATE trades SET quantity = -1 - quantity WHERE id = {next(changes)}")

    peer = Contender(COPY, rows, lambda: theirs(url, folder))
    return Heat(f"extract, {way}", (Contender(OURS, rows, work, change), peer), (Bound(COPY, 1 / 1.5),))
