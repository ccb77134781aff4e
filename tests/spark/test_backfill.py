"""`etl-daemon backfill --engine spark` as a process: killed, beside a daemon, on executors of their own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from tests.support.command import COMMAND, Shell
from tests.support.corridor import ndjson
from tests.support.spark import Site, dirty, long_object

pytestmark = pytest.mark.spark

BACKFILL = ("backfill", "--dataset", "price_data", "--since", "2020-01-01", "--until", "2030-01-01", "--json")
ON_SPARK = (*BACKFILL, "--engine", "spark")


@pytest.fixture
def site(java: None, tmp_path: Path) -> Site:
    made = Site(tmp_path, {"SPARK_BATCH_SIZE": 2_000})  # one object each
    for number in range(3):
        made.put(f"{number}.ndjson", ndjson(dirty(1500, number)), number)
    return made


def test_a_killed_run_leaves_whole_batches_and_the_next_one_loads_the_rest(site: Site) -> None:
    shell = _shell(site)
    _killed(site, shell, 2)
    assert site.staging, "nothing was under way"

    _hold_together(site)
    before = site.contents("etl")["ledger"]
    ended = shell.run(*ON_SPARK)
    assert ended.code == 0, ended.err[-2000:]
    assert ended.document["objects"]["loaded"] == 3 - len(before)
    assert site.contents("etl") == site.load("alone")
    assert site.staging == []


def test_a_run_that_is_killed_while_two_read_one_object_leaves_nothing_of_it(site: Site) -> None:
    site.put("long.ndjson", long_object(800_000), 3)
    shell = _shell(site)
    _killed(site, shell, 4)
    _hold_together(site)
    assert "long.ndjson" not in {line[0].rpartition("/")[2] for line in site.contents("etl")["ledger"]}

    ended = shell.run(*ON_SPARK)
    assert ended.code == 0, ended.err[-2000:]
    assert site.contents("etl") == site.load("alone")
    assert site.staging == []


def test_a_daemon_at_work_at_the_same_time_loads_nothing_twice(site: Site) -> None:
    shell = _shell(site, PRICE_DATA_WINDOW=87_600, ETL_BATCH_SIZE=2_000)
    with subprocess.Popen(
        [COMMAND, *ON_SPARK],
        cwd=site.folder,
        env=shell.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as run:
        _until(lambda: bool(site.staging) or run.poll() is not None)
        daemon = shell.run("once", "--json")
        run.communicate(timeout=120)
    assert (daemon.code, run.returncode) == (0, 0)
    _hold_together(site)
    assert site.contents("etl") == site.load("alone")


def test_executors_in_processes_of_their_own_do_the_same(site: Site) -> None:
    ended = _shell(site).run(*ON_SPARK, "--master", "local-cluster[2,1,1024]", SPARK_BATCH_SIZE=10_000)
    assert ended.code == 0, ended.err[-2000:]
    assert site.contents("etl") == site.load("alone")
    assert site.staging == []


def _shell(site: Site, **more: object) -> Shell:
    return Shell(site.folder, {**site.environment(), "JAVA_HOME": os.environ.get("JAVA_HOME", ""), **more})


def _hold_together(site: Site) -> None:
    """The table has as many rows of each object as the ledger says."""
    found = site.contents("etl")
    kept = {line[0]: line[5] for line in found["ledger"]}
    rows = [row[found["columns"].index(("_OBJECT_KEY", "VARCHAR"))] for row in found["rows"]]
    assert {key: rows.count(key) for key in kept} == kept
    assert set(rows) <= set(kept)


def _killed(site: Site, shell: Shell, batches: int) -> None:
    """A backfill, killed once so many batches have begun to leave rows."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = subprocess.Popen(
        [COMMAND, *ON_SPARK], cwd=site.folder, env=shell.environment(), start_new_session=True, **silent
    )
    seen: set[str] = set()

    def begun() -> bool:
        seen.update(path.relative_to(site.bucket / "_etl_daemon/staging").parts[2] for path in site.staging)
        assert run.poll() is None, "it ended before it was killed"
        return len(seen) >= batches

    _until(begun)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(10)


def _until(holds: Callable[[], bool], patience_seconds: float = 60.0) -> None:
    pause = Event()
    for _ in range(int(patience_seconds / 0.01)):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come about")
