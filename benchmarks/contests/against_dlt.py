"""A whole cycle against dlt, from start to exit: few big files of JSON lines, and many small objects over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from benchmarks.contests.small import BUCKET, KEYS, OBJECT_ROWS, PREFIX, s3_settings, write_objects
from benchmarks.data import write_prices
from benchmarks.processes import PEERS, ROOT, Cycle, environment, timed
from benchmarks.race import Bound, Contender, Given, Heat, Took
from benchmarks.static_store import StaticStore, static_store

FILES = 4
APPEND = {"PRICE_DATA_MODE": "APPEND"}


@dataclass(frozen=True, slots=True)
class Dlt:
    """A run of dlt into a DuckDB file that is not there yet. ``way`` is ``arrow`` or ``jsonl``."""

    name: str
    way: str
    url: str
    folder: Path
    rows: int
    threads: int
    settings: dict[str, str] = field(default_factory=dict)

    def contender(self) -> Contender:
        """The run, and nothing left of the one before."""
        return Contender(self.name, self.rows, self.work, self.clear)

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def work(self) -> Took:
        program = str(ROOT / "benchmarks" / "peers" / "load_by_dlt.py")
        command = [str(PEERS), program, self.way, self.url, str(self.folder), str(self.threads)]
        return timed(command, env=environment(**self.settings), cwd=self.folder)

    def count(self) -> int:
        with duckdb.connect(str(self.folder / "dlt.duckdb"), read_only=True) as connection:
            found = connection.execute("SELECT count(*) FROM prices.prices").fetchone()
        return int(found[0]) if found else 0


def heats(given: Given) -> Iterator[Heat]:
    """Clean data, since pyarrow reads no other; in mode APPEND, since dlt looks at no keys."""
    yield _big(given, "arrow", given.size(2_000_000, 200_000), 1.5)
    yield _big(given, "jsonl", given.size(200_000, 50_000), 20.0)
    with static_store(given.folder / "nginx", BUCKET) as store:
        yield _small(given, store)


def _big(given: Given, way: str, rows: int, at_least: float) -> Heat:
    bucket = given.folder / way
    prefix = bucket / PREFIX
    prefix.mkdir(parents=True)
    for number in range(FILES):
        write_prices(prefix / f"{number}.json", rows // FILES, seed=0.1 + number / 100, dirty=False)
    cycle = Cycle(bucket, rows, given.threads, APPEND)
    dlt = Dlt(f"dlt, {way}", way, f"file://{prefix}", given.folder / f"dlt-{way}", rows, given.threads)
    return _heat(f"{FILES} files of JSON lines", cycle, dlt, at_least)


def _small(given: Given, store: StaticStore) -> Heat:
    objects = given.size(2_000 * OBJECT_ROWS, 300 * OBJECT_ROWS) // OBJECT_ROWS
    write_objects(store.path(PREFIX), objects, dirty=False)
    store.list_anew()
    rows = objects * OBJECT_ROWS
    cycle = Cycle(given.folder / "ours", rows, given.threads, {**s3_settings(store.url), **APPEND})
    settings = {
        "CREDENTIALS__ENDPOINT_URL": store.url,
        "CREDENTIALS__AWS_ACCESS_KEY_ID": KEYS["AWS_ACCESS_KEY_ID"],
        "CREDENTIALS__AWS_SECRET_ACCESS_KEY": KEYS["AWS_SECRET_ACCESS_KEY"],
        "CREDENTIALS__REGION_NAME": KEYS["AWS_REGION"],
    }
    url = f"s3://{BUCKET}/{PREFIX}"
    dlt = Dlt("dlt, arrow", "arrow", url, given.folder / "small", rows, given.threads, settings)
    return _heat(f"{objects:,} objects of {OBJECT_ROWS} rows, nginx", cycle, dlt, 4.0)


def _heat(what: str, cycle: Cycle, dlt: Dlt, at_least: float) -> Heat:
    def check() -> None:
        loaded, quarantined, _ = cycle.counts()
        assert (loaded, quarantined, dlt.count()) == (cycle.rows, 0, cycle.rows), (cycle.counts(), dlt.count())

    return Heat(what, (cycle.contender(), dlt.contender()), (Bound(dlt.name, at_least),), check)
