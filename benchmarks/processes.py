"""Contenders that are whole processes, from start to exit: a cycle of ours, and SQL in DuckDB."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.race import OURS, Contender, Took

ROOT = Path(__file__).parent.parent
TABLE = "MARKET_DATA.PRICE_DATA"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
"""The environment of what we are measured against: `make peers-setup`."""


def environment(**more: str) -> dict[str, str]:
    """Ours without anything of this project, and with compiled modules kept, as an installation has them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "PYTHON", "SNOWFLAKE_"))}
    return kept | {"AWS_EC2_METADATA_DISABLED": "true"} | more


def timed(command: Sequence[str], **how: Any) -> Took:
    """Run a command to its end; what it took, and nothing of what goes on here meanwhile."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, **how)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


@dataclass(frozen=True, slots=True)
class Cycle:
    """`etl-daemon once` over a folder, or over what ``settings`` name, into a DuckDB file that is not there yet.

    Its files lie beside ``bucket``, the folder, which need not be there.
    """

    bucket: Path
    rows: int
    threads: int
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = OURS
    program: str = "etl_daemon"

    @property
    def target(self) -> Path:
        return self.bucket.with_name(f"{self.name}.duckdb")

    @property
    def state(self) -> Path:
        return self.bucket.with_name(f"{self.name}-state")

    def contender(self) -> Contender:
        """The cycle, and nothing left of the one before."""
        return Contender(self.name, self.rows, self.work, self.clear)

    def clear(self) -> None:
        clear(self.target)
        shutil.rmtree(self.state, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        settings = {
            **({"ETL_SOURCE": "local", "ETL_LOCAL_DIR": str(self.bucket)} if self.bucket.is_dir() else {}),
            "ETL_DESTINATION": "duckdb",
            "ETL_DUCKDB_PATH": str(self.target),
            "ETL_STATE_DIR": str(self.state),
            "CPU_LIMIT_CORES": str(self.threads),
            "LOG_LEVEL": "ERROR",
            **self.settings,
        }
        return environment(**settings)

    def work(self) -> Took:
        command = [sys.executable, "-m", self.program, "once", "--dataset", "price_data", "--hours-back", "876000"]
        return timed(command, env=self.environment(), stdout=subprocess.DEVNULL, cwd=ROOT)

    def counts(self) -> tuple[int, int, int]:
        """Rows of the table, of the quarantine, and those that other rows beat, by the ledger."""
        with duckdb.connect(str(self.target), read_only=True) as connection:
            query = f"""
                SELECT (SELECT count(*) FROM {TABLE}), (SELECT count(*) FROM ETL_CONTROL.ETL_QUARANTINE),
                       (SELECT sum(rows_superseded + rows_replaced) FROM ETL_CONTROL.ETL_OBJECTS)
            """
            loaded, quarantined, superseded = connection.execute(query).fetchone() or (0, 0, 0)
        return loaded, quarantined, int(superseded)


@dataclass(frozen=True, slots=True)
class Statement:
    """A query's result as the table ``prices`` of a new DuckDB file."""

    name: str
    target: Path
    query: str
    rows: int
    threads: int

    def contender(self) -> Contender:
        """The statement, and nothing left of the one before."""
        return Contender(self.name, self.rows, self.work, lambda: clear(self.target))

    def work(self) -> Took:
        run = [
            f"SET threads = {self.threads}",
            "SET enable_progress_bar = false",
            f"CREATE TABLE prices AS {self.query}",
        ]
        code = (
            "import duckdb, json, sys\n"
            "with duckdb.connect(sys.argv[1]) as connection:\n"
            "    for statement in json.load(sys.stdin): connection.execute(statement)"
        )
        command = [sys.executable, "-c", code, str(self.target)]
        return timed(command, input=json.dumps(run), text=True, env=environment())

    def count(self, condition: str = "true") -> int:
        """Rows of which the condition holds."""
        with duckdb.connect(str(self.target), read_only=True) as connection:
            found = connection.execute(f"SELECT count(*) FROM prices WHERE {condition}").fetchone()
        return int(found[0]) if found else 0


def clear(file: Path) -> None:
    """Remove a DuckDB file and its log."""
    for each in (file, file.with_name(f"{file.name}.wal")):
        each.unlink(missing_ok=True)


@contextmanager
def worker(program: str, *words: str) -> Iterator[Worker]:
    """A program of ``benchmarks/peers`` in the environment of the peers, ready and warm; it ends with the context."""
    with staying([str(PEERS), str(ROOT / "benchmarks" / "peers" / program), *words], environment()) as process:
        yield process


@contextmanager
def staying(command: Sequence[str], env: Mapping[str, str]) -> Iterator[Worker]:
    """A program that works for each line that it is sent; it ends with the context."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=env, cwd=ROOT, **pipes) as process:
        try:
            yield Worker(process)
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Worker:
    """It works once for each line that it is sent, and answers with seconds, those of processors, and a count."""

    process: subprocess.Popen[str]

    def work(self) -> Took:
        return Took(*self.ask()[:2])

    def ask(self) -> list[float]:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin
        assert stdout
        print("work", file=stdin, flush=True)
        return list(map(float, stdout.readline().split()))
