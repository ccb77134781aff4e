"""`python -m benchmarks.extraction`: rows from PostgreSQL over an object store into DuckDB, against COPY and a read.

The peer: COPY to a file by psycopg, then DuckDB makes a table of it, with nothing checked and nothing kept. Ours: what
a running daemon does for a dataset that is due, from the snapshot to the commit: COPY, an object, the rules, a ledger.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg

from benchmarks.file_store import file_store
from etl_daemon.bootstrap.runtime import build
from etl_daemon.bootstrap.upstreams import fed
from etl_daemon.vault import settings_from
from tests.conftest import AWS_ENVIRONMENT
from tests.support.databases import empty_postgresql, postgresql, run_postgresql
from tests.support.s3_servers import s3_client

BOUND = 1.5
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
Work = Callable[[], object]


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


def timed(work: Work) -> tuple[float, float]:
    """Seconds that a piece of work takes, and those that this process computes meanwhile."""
    started, computed = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - computed


def contest(url: str, folder: Path, way: str, runs: int) -> str:
    """Both in turn, so that a change of the machine's speed meets them alike; one warm-up. A line of the table."""
    pairs = []
    with ours(url, folder, way) as work:
        for run in range(runs + 1):
            run_postgresql(url, f"UPDATE trades SET quantity = -1 - quantity WHERE id = {run + 1}")
            pairs.append((timed(work), timed(lambda: theirs(url, folder))))
    walls = [ours[0] / theirs[0] for ours, theirs in pairs[1:]]
    computing = [ours[1] / theirs[1] for ours, theirs in pairs[1:]]
    seconds = [statistics.median(each[0] for each in side) for side in zip(*pairs[1:], strict=True)]
    shown = " | ".join(
        f"{value:.2f}" for value in (*seconds, min(walls), statistics.median(walls), statistics.median(computing))
    )
    return f"| {way} | {shown} | {BOUND} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="ways that hold these words, such as 'S3, csv'")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, file_store(Path(name, "s3")) as s3:
        os.environ.update({**AWS_ENVIRONMENT, "AWS_ENDPOINT_URL": s3})
        folder = Path(name)
        (folder / "server").mkdir()
        with postgresql(folder / "server") as server, empty_postgresql(server) as url:
            run_postgresql(url, TABLE, FILL.format(rows=given.rows), "VACUUM ANALYZE trades")
            print("| way | ours, s | theirs, s | ratio, min | median | of CPU | bound |\n|---|---|---|---|---|---|---|")
            for place in ("folder", "S3"):
                for rest in ("csv, TRUNCATE_INSERT", "parquet, TRUNCATE_INSERT", "csv, UPSERT"):
                    if given.only in (way := f"{place}, {rest}"):
                        print(contest(url, folder, way, given.runs), flush=True)


if __name__ == "__main__":
    main()
