"""A process in place of dbt that does what dbt should not: hang, talk without end, leave no results."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from etl_daemon.adapters.dbt.project import DbtProject
from etl_daemon.adapters.retry import Retries
from etl_daemon.bootstrap.models import dbt_project
from etl_daemon.config import settings_from
from etl_daemon.core.policy import RetryPolicy
from etl_daemon.errors import BusyError, EtlError, SetupError
from tests.support.command import Shell

HANGS = """#!/bin/sh
sleep 600 &
echo $! >pid.new
trap 'echo cancelled >{}; exit 1' INT
mv pid.new {}
wait
wait
"""
"""Hangs with a process of its own, as a script around dbt does."""


def script(folder: Path, text: str) -> Path:
    file = folder / "dbt.sh"
    file.write_text(text)
    file.chmod(0o755)
    return file


def project(folder: Path, text: str, timeout_seconds: float = 60, state: str = "state") -> DbtProject:
    retries = Retries(RetryPolicy(attempts=1))
    return DbtProject(script(folder, text), folder, "t", "", {}, folder / state, timeout_seconds, retries)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_a_dbt_that_takes_too_long_may_cancel_and_ends_with_all_that_it_started(tmp_path: Path) -> None:
    pid, cancelled = tmp_path / "pid", tmp_path / "cancelled"
    with pytest.raises(SetupError, match="did not end within 1 s"):
        project(tmp_path, HANGS.format(cancelled, pid), timeout_seconds=1).build()
    assert cancelled.exists()
    until(lambda: is_gone(int(pid.read_text())))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_dbt_ends_with_the_command_that_waits_for_it(tmp_path: Path, number: signal.Signals) -> None:
    pid, cancelled = tmp_path / "pid", tmp_path / "cancelled"
    shell = Shell.embedded(tmp_path, DBT_EXECUTABLE=script(tmp_path, HANGS.format(cancelled, pid)))
    assert shell.run("init").code == 0
    with shell.start("models", "run") as command:
        until(pid.exists)
        command.send_signal(number)
        command.communicate(timeout=30)
    assert command.returncode != 0
    assert cancelled.exists()
    until(lambda: is_gone(int(pid.read_text())))


def test_dbt_may_cancel_in_peace_though_its_command_is_told_to_end_twice(tmp_path: Path) -> None:
    pid, asked, cancelled = (tmp_path / name for name in ("pid", "asked", "cancelled"))
    slow = HANGS.replace("'echo", f"'touch {asked}; sleep 1; echo")
    shell = Shell.embedded(tmp_path, DBT_EXECUTABLE=script(tmp_path, slow.format(cancelled, pid)))
    assert shell.run("init").code == 0
    with shell.start("models", "run") as command:
        until(pid.exists)
        command.terminate()
        until(asked.exists)
        command.terminate()
        command.communicate(timeout=30)
    assert cancelled.exists()


def test_a_daemon_that_ends_takes_dbt_with_it(tmp_path: Path) -> None:
    pid, cancelled = tmp_path / "pid", tmp_path / "cancelled"
    shell = Shell.embedded(
        tmp_path, DBT_EXECUTABLE=script(tmp_path, HANGS.format(cancelled, pid)), MODELS_AFTER_LOAD_SECONDS=1
    )
    row = "symbol,timestamp,open,high,low,close,volume\nAAPL,2026-01-02,10,11,9,10.5,7\n"
    (tmp_path / "bucket/processed/price_data/a.csv").write_text(row)
    with shell.start("run") as daemon:
        until(pid.exists)
        daemon.terminate()
        daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    assert cancelled.exists()
    until(lambda: is_gone(int(pid.read_text())))


def test_of_megabytes_that_dbt_says_the_error_has_the_end(tmp_path: Path) -> None:
    text = "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x\necho\necho at last\nexit 2\n"
    with pytest.raises(SetupError) as caught:
        project(tmp_path, text).build()
    assert caught.value.detail.endswith(" at last")
    assert len(caught.value.detail) < 1_000


def test_a_state_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(EtlError, match=r"Cannot write .*/state: .*ETL_STATE_DIR"):
        project(tmp_path, "#!/bin/sh\n").build()


def test_relative_paths_hold_from_where_dbt_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DBT_DUCKDB_DIR", "models")
    Path("key.p8").touch()
    names = {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": ".", "ETL_DUCKDB_PATH": "a.duckdb"}
    found = dbt_project(settings_from({**names, "SNOWFLAKE_PRIVATE_KEY_PATH": "key.p8"})).environment
    assert found["SNOWFLAKE_PRIVATE_KEY_PATH"] == str(tmp_path / "key.p8")
    assert found["ETL_DUCKDB_PATH"] == str(tmp_path / "a.duckdb")
    assert found["DBT_DUCKDB_DIR"] == str(tmp_path / "models")


def test_of_two_at_once_one_works(tmp_path: Path) -> None:
    begun = tmp_path / "state" / "begun"
    first = project(tmp_path, "#!/bin/sh\ntouch begun\nsleep 600\n", timeout_seconds=600)
    with ThreadPoolExecutor() as pool:
        working = pool.submit(first.build)
        until(begun.exists)
        with pytest.raises(BusyError, match="Another dbt is at work"):
            first.build()
        (pid,) = (int(line) for line in subprocess.check_output(["pgrep", "--full", str(tmp_path / "dbt.sh")]).split())
        os.killpg(pid, signal.SIGKILL)
        with pytest.raises(SetupError, match="dbt ended with -9"):
            working.result()


def test_our_words_come_last_for_the_last_one_counts(tmp_path: Path) -> None:
    said = project(tmp_path, '#!/bin/sh\necho "$@"\nexit 2\n')
    with pytest.raises(SetupError, match=r"build --target-path elsewhere .* --target-path .*/state/target --target t"):
        replace(said, arguments="--target-path elsewhere").build()
