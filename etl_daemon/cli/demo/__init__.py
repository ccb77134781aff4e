"""``etl-daemon demo``: the corridor on real prices, an S3 in this process and a DuckDB file; no account anywhere."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.adapters.s3.clients import Endpoint, connect
from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.cli import outcome
from etl_daemon.cli.demo import data as demo_data
from etl_daemon.cli.demo.checks import miscounted, unaccounted
from etl_daemon.cli.demo.data import Bar, Delivery
from etl_daemon.cli.demo.store import BUCKET, REGION, store
from etl_daemon.cli.demo.text import show_results, show_way_on, write_settings
from etl_daemon.cli.options.corridor import DemoOptions
from etl_daemon.cli.orders import stopping
from etl_daemon.cli.printing import console
from etl_daemon.config import Settings, settings_from
from etl_daemon.daemon import Daemon, DatasetReport
from etl_daemon.errors import SetupError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DATABASE_FILE = "financial_data.duckdb"
"""Opened by itself, the file's database has the name that three-part table names begin with."""
LIVE_SECONDS = 2.0
LIVE_DAYS = 250


def demo(options: DemoOptions) -> None:
    """Deliver, load, load again, and show what came of it.

    Raises:
        typer.Exit: with 1 where a count was not what it has to be.
        SetupError: what the demo needs is not installed, or the folder holds a demo already.
    """
    bars = demo_data.real_bars()
    days = sorted({bar.day for bar in bars})
    live_from = days[-LIVE_DAYS] if options.serve else "9999"
    with store() as address, _folder(options) as folder:
        bucket = _Bucket(connect(Endpoint(region=REGION), 60.0).boto, folder / "objects")
        delivered = demo_data.deliveries([bar for bar in bars if bar.day < live_from])
        for delivery in (each for part in delivered.values() for each in part):
            bucket.put(delivery)
        console().print(f"{address} stands for S3; bucket {BUCKET} holds {bucket.objects} objects: {_story(bars)}")
        settings = _settings(folder)
        with build(settings, [tally := outcome.Tally()]) as runtime:
            daemon = runtime.daemon()
            problems = _two_cycles(daemon, delivered, tally, settings)
            show_results(_file(settings))
            if options.serve:
                _serve(daemon, runtime, bucket, deque(bar for bar in bars if bar.day >= live_from))
        for problem in problems:
            console().print(f"WRONG: {problem}", style="bold red")
        write_settings(folder, settings)
        show_way_on(folder, settings, kept=_kept(options))
    if problems:
        raise typer.Exit(1)


@dataclass(slots=True)
class _Bucket:
    """Where deliveries go: the store, and a folder that keeps a copy to look at."""

    client: S3Client
    copies: Path
    objects: int = field(default=0)

    def __post_init__(self) -> None:
        self.client.create_bucket(Bucket=BUCKET)

    def put(self, delivery: Delivery) -> None:
        self.client.put_object(Bucket=BUCKET, Key=delivery.key, Body=delivery.body)
        copy = self.copies / delivery.key
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(delivery.body)
        self.objects += 1


def _kept(options: DemoOptions) -> bool:
    return options.keep or options.dir is not None


@contextmanager
def _folder(options: DemoOptions) -> Iterator[Path]:
    if options.dir is not None:
        if (options.dir / DATABASE_FILE).exists():
            raise SetupError(f"{options.dir} holds a demo already.", hint="name another folder with --dir")
        options.dir.mkdir(parents=True, exist_ok=True)
        yield options.dir.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="etl-demo-"))
    try:
        yield folder
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path) -> Settings:
    return settings_from(
        {
            "S3_BUCKET": BUCKET,
            "S3_REGION": REGION,
            "ETL_DUCKDB_PATH": folder / DATABASE_FILE,
            "ETL_STATE_DIR": folder / "state",
            "ETL_RETRY_DELAY": 0.2,
        }
    )


def _story(bars: Sequence[Bar]) -> str:
    symbols = ", ".join(dict.fromkeys(bar.symbol for bar in bars))
    first, last = min(bar.day for bar in bars), max(bar.day for bar in bars)
    return f"daily prices of {symbols}, {first} to {last}, in NDJSON, CSV and Parquet, and some broken ones."


def _file(settings: Settings) -> DuckDBFile:
    return DuckDBFile(settings.etl_duckdb_path, settings.snowflake_database)


def _two_cycles(
    daemon: Daemon, delivered: Mapping[str, Sequence[Delivery]], tally: outcome.Tally, settings: Settings
) -> list[str]:
    first = daemon.cycle()
    outcome.show([outcome.document(report, tally) for report in first], console(), "First cycle")
    second = daemon.cycle()
    again = sum(report.pending for report in second)
    console().print(f"Second cycle: {again} objects to load. What is loaded stays loaded, once.\n")
    problems = [line for report in first for line in unaccounted(report, delivered[report.dataset])]
    problems += [f"{report.dataset}: the second cycle was not idle." for report in second if report.pending]
    return problems + miscounted(first, daemon.datasets, _file(settings))


def _serve(daemon: Daemon, runtime: Runtime, bucket: _Bucket, bars: deque[Bar]) -> None:
    """A trading day arrives every few seconds; the daemon loads it."""
    console().print(f"A new object arrives every {LIVE_SECONDS:g} seconds. Ctrl-C ends the demo.")
    arriving = (
        (day, list(group)) for day, group in groupby(sorted(bars, key=lambda bar: bar.day), lambda bar: bar.day)
    )
    with stopping(runtime.stop):
        while not runtime.stop.is_set():
            day, rows = next(arriving, ("", []))
            if rows:
                body = demo_data.json_lines([bar.record for bar in rows])
                bucket.put(Delivery(f"{demo_data.PRICES}/live/{day}.ndjson", body, len(rows)))
            _tell(daemon.cycle(runtime.stop))
            runtime.stop.wait(LIVE_SECONDS)


def _tell(reports: Sequence[DatasetReport]) -> None:
    for receipt in (receipt for report in reports for receipt in report.receipts):
        keys, counts = ", ".join(line.ref.key for line in receipt.objects), receipt.counts
        loaded = f"{receipt.dataset}: {counts.loaded} of {counts.read} rows loaded from {keys}"
        console().print(f"{time.strftime('%H:%M:%S')} {loaded}", soft_wrap=True)
