"""A folder of objects that one machine, or executors of Spark, load into DuckDB files; and what came of it."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Signal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from pyarrow import parquet

from etl_daemon.adapters.spark.gathering import Direct, gathered
from etl_daemon.adapters.spark.jobs import Work, surveyed, told
from etl_daemon.adapters.spark.task import Task
from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.bootstrap.spark import Recipe, depot, on_spark, settings_of_executors
from etl_daemon.config import settings_from
from etl_daemon.core.events import Event
from etl_daemon.core.model import BatchPlan, CleanBatch
from etl_daemon.core.planning.shares import cut
from etl_daemon.operations.backfill import Span, backfill
from etl_daemon.pipeline import Dividing
from tests.support.corridor import ndjson
from tests.support.rows import NOW, price

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALWAYS = Span(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
ROW = "SELECT * EXCLUDE (_BATCH_ID, _LOADED_AT)"

Engine = Callable[[Runtime], Runtime]


def spark(session: SparkSession, partitions: int = 0) -> Engine:
    """Executors of the session."""
    return lambda runtime: on_spark(runtime, session, partitions=partitions)


def here(runtime: Runtime) -> Runtime:
    """This machine alone."""
    return runtime


@dataclass
class Heard:
    """Every event of a run."""

    events: list[Event] = field(default_factory=list)

    def notice(self, event: Event) -> None:
        self.events.append(event)


@dataclass(frozen=True)
class Site:
    """``settings`` go beside those that the folder gives."""

    folder: Path
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def bucket(self) -> Path:
        return self.folder / "bucket"

    @property
    def staging(self) -> list[Path]:
        """What executors have left."""
        walk = os.walk(self.bucket / "_etl_daemon/staging")  # which passes over folders that go meanwhile
        return [Path(folder, name) for folder, _, names in walk for name in names]

    def put(self, key: str, data: bytes, minutes: int = 0, prefix: str = "processed/price_data") -> None:
        path = self.bucket / prefix / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        at = (NOW + timedelta(minutes=minutes)).timestamp()
        os.utime(path, (at, at))

    def environment(self, name: str = "etl") -> dict[str, str]:
        """Settings whose destination is the DuckDB file of that name."""
        own = {
            "ETL_SOURCE": "local",
            "ETL_LOCAL_DIR": self.bucket,
            "ETL_DUCKDB_PATH": self.folder / f"{name}.duckdb",
            "ETL_STATE_DIR": self.folder / "state",
            "ETL_TIMEOUT": 60,
        }
        return {key: str(value) for key, value in {**own, **self.settings}.items()}

    @contextmanager
    def runtime(self, name: str, engine: Engine = here, heard: Heard | None = None) -> Iterator[Runtime]:
        with build(settings_from(self.environment(name)), [heard or Heard()]) as runtime:
            yield engine(runtime)

    def load(self, name: str, engine: Engine = here, dataset: str = "price_data") -> dict[str, list[tuple[Any, ...]]]:
        """A backfill of everything, and what the file holds then."""
        with self.runtime(name, engine) as runtime:
            (chosen,) = (each for each in runtime.datasets if each.name == dataset)
            for _ in backfill(chosen, ALWAYS, runtime.corridor, runtime.operator("ann")):
                pass
        return self.contents(name, chosen.table)

    def contents(self, name: str, table: str = "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA") -> dict[str, list[Any]]:
        """All that must be the same, whoever loaded it, and in whatever batches."""
        with duckdb.connect(self.folder / f"{name}.duckdb", read_only=True) as connection:
            ask = lambda sql: connection.execute(sql).fetchall()  # noqa: E731
            schema_table = table.partition(".")[2]
            return {
                "columns": ask(f"SELECT column_name, column_type FROM (DESCRIBE {schema_table})"),
                "rows": ask(f"{ROW} FROM {schema_table} ORDER BY ALL"),
                "anomalies": ask(f"{ROW} FROM ANALYTICS.ANOMALIES ORDER BY ALL"),
                "quarantine": ask(
                    "SELECT OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW, REASONS, RAW FROM ETL_CONTROL.ETL_QUARANTINE "
                    "ORDER BY ALL"
                ),
                "ledger": ask(
                    "SELECT KEY, VERSION, OUTCOME, REASON, ROWS_READ, ROWS_LOADED - ROWS_REPLACED, ROWS_QUARANTINED, "
                    "ROWS_SUPERSEDED + ROWS_REPLACED, ROWS_FILTERED FROM ETL_CONTROL.ETL_OBJECTS ORDER BY ALL"
                ),
            }


def dirty(count: int, seed: int) -> list[dict[str, object]]:
    """Rows of few keys, so that they meet; some unfit, some wild, some with more digits than there is room for."""
    chance = random.Random(seed)
    faults = [{}] * 12 + [
        {"volume": None},
        {"low": 12.0},
        {"open": "x"},
        {"close": 9.0, "open": 20.0, "high": 21.0},
        {"close": 10.123456789},
        {"timestamp": "2026-02-30"},
        {"symbol": "bad one"},
        {"note": "extra"},
    ]
    return [
        {
            **price(
                chance.choice(["AAPL", "MSFT", "IBM", " ge "]),
                f"2026-01-{chance.randint(1, 4):02d}T{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:00Z",
                round(chance.uniform(9, 11), 4),
            ),
            **chance.choice(faults),
        }
        for _ in range(count)
    ]


def csv(rows: list[dict[str, object]]) -> bytes:
    names = ["symbol", "timestamp", "open", "high", "low", "close", "volume"]
    lines = [",".join("" if row[name] is None else f'"{row[name]}"' for name in names) for row in rows]
    head = ",".join(names)
    return "\n".join([head, *lines[: len(lines) // 2], head, "AAPL,short", *lines[len(lines) // 2 :], ""]).encode()


def parquet_of(rows: list[dict[str, object]], **how: Any) -> bytes:
    sink = pa.BufferOutputStream()
    fit = [row for row in rows if not isinstance(row["open"], str)]
    parquet.write_table(pa.Table.from_pylist(fit), sink, **{"row_group_size": 100, **how})
    return sink.getvalue().to_pybytes()


def long_object(count: int) -> bytes:
    """Many rows, made quickly; one in a hundred is no record, one in fifty breaks a rule."""
    lines = []
    for at in range(count):
        low = 9.0 if at % 50 else 99.0
        at_minute = f"2026-01-{at % 28 + 1:02d}T{at // 28 % 1440 // 60:02d}:{at // 28 % 60:02d}:00Z"
        lines.append(
            f'{{"symbol":"S{chr(65 + at % 26)}","timestamp":"{at_minute}",'
            f'"open":10,"high":11,"low":{low},"close":{9.5 + at % 100 / 100},"volume":{at}}}'
            if at % 100
            else "no record"
        )
    return "\n".join(lines).encode()


def fill(site: Site, rows: int = 300, of_the_long_one: int = 300_000) -> None:
    """Objects of all forms, some of which cannot be read, and one a thousand times the others."""
    site.put("a.ndjson", ndjson(dirty(rows, 1)) + b"no record\n\n{\n", 0)
    site.put("b.csv", csv(dirty(rows, 2)), 1)
    site.put("c.parquet", parquet_of(dirty(rows, 3)), 2)
    site.put("d.ndjson.gz", gzip.compress(ndjson(dirty(rows, 4))), 3)
    site.put("e.json", json.dumps(dirty(rows, 5)).encode(), 4)
    site.put("f-empty.ndjson", b"", 5)
    site.put("g-broken.parquet", b"PAR1 and no more", 6)
    site.put("h-columns.csv", b"symbol,close\nAAPL,1\n", 7)
    site.put("i-unfit.ndjson", ndjson([price(), price("IBM"), *[price("bad one")] * rows]), 8)
    site.put("j-long.ndjson", long_object(of_the_long_one), 9)
    for number in range(20):
        site.put(f"k{number:02d}.ndjson", ndjson(dirty(rows // 10, 10 + number)), 10 + number)


@dataclass(frozen=True)
class Hands:
    """A fleet without Spark: the tasks of a batch run here, one after another, as executors run them."""

    runtime: Runtime
    most: int
    direct: Direct | None = None

    def ahead(self, plans: Iterable[BatchPlan]) -> Iterator[BatchPlan]:
        yield from plans

    @contextmanager
    def cleaned(self, plan: BatchPlan) -> Iterator[CleanBatch]:
        settings = self.runtime.settings
        recipe, name = Recipe(settings_of_executors(settings)), f"{plan.dataset.name}/{plan.batch_id}"
        divider = Dividing(self.runtime.corridor.intake)
        shares = tuple(cut(plan.objects, self.most, surveyed(plan, self.most, divider, recipe, in_turn)))
        task = Task(recipe, plan.dataset, shares, name, shown=bool(self.direct))
        lying = depot(settings, lambda _: None, Signal())
        yield CleanBatch(plan, gathered(plan.dataset, told(task, divider, in_turn), lying, self.direct))
        lying.clear(task.folder)


def in_turn(work: Work, count: int, columns: str) -> list[dict[str, Any]]:
    """A job without Spark."""
    numbers = (pa.RecordBatch.from_pydict({"id": [number]}) for number in range(count))
    rows = [row for batch in work(numbers) for row in batch.to_pylist()]
    assert all(list(row) == [column.split()[0] for column in columns.split(", ")] for row in rows)
    return rows


def hands(most: int, direct: Direct | None = None) -> Engine:
    """As many tasks, here."""

    def manned(runtime: Runtime) -> Runtime:
        return replace(runtime, corridor=replace(runtime.corridor, fleet=Hands(runtime, most, direct)))

    return manned
