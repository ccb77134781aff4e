"""``etl-daemon monitor`` and the history that it reads, with daemons and one-shots as processes."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import COMMAND, Ended, Shell
from tests.support.s3_servers import require
from tests.support.watching import free_port, watched

ROOT = Path(__file__).resolve().parents[2]
FIT = '{"symbol":"AAPL","timestamp":"2026-01-02T15:00:%02dZ","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
UNFIT = FIT.replace('"low":9', '"low":10.8')


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.embedded(tmp_path, ETL_POLL_INTERVAL_SECONDS=0.2, MIN_FREE_DISK_MB=1)


def deliver(shell: Shell, name: str, text: str) -> None:
    (shell.folder / "bucket/processed/price_data" / name).write_text(text)


def checks(ended: Ended) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in ended.document["checks"]}


def wrong(ended: Ended) -> dict[str, str]:
    return {name: each["state"] for name, each in checks(ended).items() if each["state"] != "ok"}


def age(shell: Shell, **span: float) -> None:
    """Have all that is in the history happened so much earlier."""
    with sqlite3.connect(shell.folder / "state/history.sqlite") as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            db.execute(f"UPDATE {table} SET AT = AT - ?", (timedelta(**span).total_seconds(),))
    db.close()


def test_one_shots_are_judged_by_what_they_left_behind(shell: Shell) -> None:
    before = shell.run("monitor", "--json")
    assert (before.code, wrong(before)) == (1, {"process": "fail"})
    assert [line["event"] for line in before.log if line["level"] != "info"] == ["checked", "alert"]

    deliver(shell, "a.ndjson", "".join(FIT % second for second in range(30)))
    assert shell.run("once").code == 0
    after = shell.run("monitor", "--json")
    assert (after.code, wrong(after), after.document["ok"]) == (0, {}, True)
    assert [(line["event"], line["state"]) for line in after.log] == [("alert", "resolved")]
    assert datetime.fromisoformat(after.document["at"]) - datetime.now(UTC) < timedelta(minutes=1)
    assert "0 of 30 rows" in checks(after)["rejects price_data"]["detail"]

    age(shell, minutes=14)
    assert shell.run("monitor").code == 0
    age(shell, minutes=2)
    late = shell.run("monitor")
    assert late.code == 1
    assert "fail process: No cycle has gone well for 16 minutes" in late.out.splitlines()[-2], "the worst comes last"
    assert "     hint: see systemctl status" in late.out
    assert [(line["event"], line["level"]) for line in late.log] == [("checked", "error"), ("alert", "error")]


def test_a_daemon_has_to_answer_until_it_is_ended(shell: Shell) -> None:
    with watched(
        shell, ETL_POLL_INTERVAL_SECONDS=60
    ) as daemon:  # one that is stopped while it writes its history locks it
        daemon.until(lambda: daemon.ask("/readyz")[0] == 200)

        def process() -> dict[str, Any]:
            return checks(shell.run("monitor", "--json", ETL_HTTP_PORT=daemon.port))["process"]

        assert (process()["state"], "works" in process()["detail"]) == ("ok", True)
        daemon.process.send_signal(signal.SIGSTOP)
        hung = process()
        daemon.process.send_signal(signal.SIGCONT)
        assert (hung["state"], "does not answer" in hung["detail"]) == ("fail", True)
        daemon.process.kill()
        daemon.process.wait()
        assert str(daemon.process.pid) in process()["detail"]
        port = daemon.port
    with watched(shell) as daemon:
        daemon.until(lambda: daemon.ask("/readyz")[0] == 200)
    ended = shell.run("monitor", "--json", ETL_HTTP_PORT=port)
    assert (ended.code, "went well" in checks(ended)["process"]["detail"]) == (0, True), ended.out


def test_failed_cycles_and_bad_data_are_found(shell: Shell) -> None:
    deliver(shell, "a.ndjson", "".join(UNFIT % second for second in range(30)))
    assert shell.run("once").code == 0
    down = {
        "ETL_SOURCE": "s3",
        "S3_BUCKET": "bucket",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "ETL_LEASE_URL": "none",
        "ETL_MAX_RETRIES": 0,
    }
    assert shell.run("once", **down).code == 1
    ended = shell.run("monitor", "--json")
    assert ended.code == 1
    found = checks(ended)
    assert set(wrong(ended)) == {"rejects price_data", *(f"errors {name}" for name in ended_datasets(found))}
    assert "most for ohlc_relation" in found["rejects price_data"]["detail"]
    assert found["rejects price_data"]["dataset"] == "price_data"
    assert "TransientError: Listing s3://bucket" in found["errors price_data"]["detail"]
    told = {line["name"]: line for line in ended.log}
    assert set(told) == set(wrong(ended))
    assert told["rejects price_data"]["dataset"] == "price_data"


def ended_datasets(found: dict[str, Any]) -> list[str]:
    return [name.partition(" ")[2] for name in found if name.startswith("rows ")]


def test_a_cycle_that_fails_as_a_whole_is_known_too(shell: Shell) -> None:
    assert shell.run("once").code == 0
    (shell.folder / "occupied").write_text("no database")
    failed = shell.run("once", ETL_DUCKDB_PATH=shell.folder / "occupied")
    assert failed.code == 1
    assert [line["event"] for line in failed.log if line["level"] == "error"] == ["work_failed"]
    ended = shell.run("monitor", "--json")
    assert wrong(ended) == {"errors": "fail"}
    assert "1 of 2 cycles failed" in checks(ended)["errors"]["detail"]


def test_that_others_are_at_work_is_no_failure(shell: Shell) -> None:
    assert shell.run("once").code == 0
    with watched(shell) as daemon:
        daemon.until(lambda: daemon.ask("/readyz")[0] == 200)
        assert shell.run("once", ETL_STATE_DIR=shell.folder / "elsewhere", ETL_LEASE_URL=lease(shell)).code == 75
    ended = shell.run("monitor", "--json", ETL_STATE_DIR=shell.folder / "elsewhere")
    assert (ended.code, next(iter(checks(ended)))) == (0, "process")
    assert "another process has the lease" in checks(ended)["process"]["detail"]


def lease(shell: Shell) -> Path:
    return shell.folder / "state/lease/etl-daemon.json"


def test_a_damaged_history_costs_what_it_held(shell: Shell) -> None:
    assert shell.run("once").code == 0
    file = shell.folder / "state/history.sqlite"
    file.write_bytes(b"no database at all" * 99)
    ended = shell.run("monitor", "--json")
    assert (ended.code, wrong(ended)) == (1, {"process": "fail"})
    assert [line["event"] for line in ended.log] == ["state_rebuilt", "checked", "alert"]
    assert shell.run("once").code == 0
    assert shell.run("monitor").code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_history_that_cannot_be_read_is_a_finding(shell: Shell) -> None:
    (shell.folder / "state/history.sqlite").mkdir(parents=True)
    ended = shell.run("monitor", "--json")
    assert wrong(ended) == {"history": "fail", "process": "fail"}
    assert "ETL_STATE_DIR" in checks(ended)["history"]["hint"]


def test_wrong_settings_end_it_with_78(shell: Shell) -> None:
    ended = shell.run("monitor", "--json", ETL_BATCH_SIZE="many")
    assert (ended.code, wrong(ended)) == (78, {"settings": "fail"})
    assert "ETL_BATCH_SIZE" in checks(ended)["settings"]["detail"]


def test_no_secret_is_told_of_what_failed(shell: Shell) -> None:
    down = {
        "ETL_SOURCE": "s3",
        "S3_BUCKET": "bucket",
        "AWS_ENDPOINT_URL": f"http://user:hunter2@127.0.0.1:{free_port()}",
        "ETL_LEASE_URL": "none",
        "ETL_MAX_RETRIES": 0,
    }
    assert shell.run("once", **down).code == 1
    ended = shell.run("monitor")
    assert "cycles failed" in ended.out
    assert "hunter2" not in ended.out + ended.err
    assert b"hunter2" not in (shell.folder / "state/history.sqlite").read_bytes()


@pytest.mark.parametrize(
    ("mount", "told"),
    [("mount -t tmpfs -o size=16k tmpfs state", "make room"), ("mount -t tmpfs -o ro tmpfs state", "ETL_STATE_DIR")],
)
def test_a_state_folder_that_takes_nothing_costs_a_line_and_no_work(shell: Shell, mount: str, told: str) -> None:
    unshared = ["unshare", "--mount", "--map-root-user"]
    allowed = shutil.which("unshare") and subprocess.run([*unshared, "true"], check=False, capture_output=True)
    require(
        bool(allowed) and allowed.returncode == 0, "mounts of its own", "apt-get install util-linux, or run as root"
    )
    (shell.folder / "state").mkdir()
    deliver(shell, "a.ndjson", FIT % 1)
    program = f"{mount} && {COMMAND} once --json"
    ended = shell.execute([*unshared, "sh", "-ec", program], ETL_LEASE_URL="none")
    assert ended.code == 0, ended.err
    assert ended.document["datasets"][0]["rows"]["loaded"] == 1, ended.out
    unwritten = [line for line in ended.log if line["event"] == "history_unwritten"]
    assert len(unwritten) == 1, ended.err
    assert told in unwritten[0]["detail"] + unwritten[0]["hint"]


def test_the_script_does_the_same(shell: Shell) -> None:
    script = ROOT / "scripts/monitor-etl.sh"
    ended = shell.execute([str(script), "--json"], PATH=f"{COMMAND.parent}:/usr/bin:/bin")
    assert (ended.code, wrong(ended)) == (1, {"process": "fail"})
