"""Runs of models as outcomes, metrics and alerts."""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl_daemon.adapters.dbt.results import count_tests, outcomes
from etl_daemon.adapters.local.models import run_models
from etl_daemon.adapters.observers.after_load import AfterLoad
from etl_daemon.adapters.observers.metrics import write_models
from etl_daemon.cli.models import state
from etl_daemon.core.events import BatchCommitted, CycleEnded
from etl_daemon.core.events.side import ModelsRan
from etl_daemon.core.medallion.modelling import ModelOutcome, summary
from etl_daemon.core.model import Receipt
from etl_daemon.core.status.advance import advance
from etl_daemon.core.status.progress import ModelsProgress, begun
from etl_daemon.errors import SetupError, TransientError
from tests.support.alerting import Watch

AT = datetime(2026, 3, 2, tzinfo=UTC)
WELL = ModelsRan("", "dbt", 3, (), 1.5)
ILL = ModelsRan("", "dbt", 3, ("a", "b"), 2.5, "a is wrong", "mend a")
COMMITTED = BatchCommitted("p", Receipt("b", "p", ()), 1.0)


def result(unique_id: str, status: str, **more: object) -> dict[str, object]:
    return {"unique_id": unique_id, "status": status, "execution_time": 0.5, "message": None, "failures": None, **more}


def left(folder: Path, *results: dict[str, object]) -> Path:
    (folder / "run_results.json").write_text(json.dumps({"results": results}))
    return folder


def test_of_dbt_models_are_told_and_tests_that_found_something(tmp_path: Path) -> None:
    rows = {"adapter_response": {"rows_affected": 7}}
    left(
        tmp_path,
        result("model.p.a", "success", **rows),
        result("test.p.unique_a.1f", "pass", failures=0),
        result("test.p.few_a", "warn", failures=2, message="Got 2 results, configured to warn if != 0"),
        result("test.p.sound_a", "fail", failures=3, message="Got 3 results"),
        result("model.p.b", "skipped"),
        result("unit_test.p.b.sums", "skipped"),
        result("snapshot.p.c", "error", message="Runtime Error\n  no such table"),
    )
    found = {each.model: (each.counts, str(each.error or "")) for each in outcomes(tmp_path)}
    assert list(found) == ["a", "few_a", "sound_a", "b", "c"]
    assert found["a"] == ({"rows": 7}, "")
    assert found["few_a"] == ({"failures": 2}, "")
    assert found["sound_a"][1].startswith("Got 3 results. Hint: ")
    assert "mend that one first" in found["b"][1]
    assert "Runtime Error no such table." in found["c"][1]
    assert count_tests(tmp_path) == 3


@pytest.mark.parametrize("text", ["", "{}", '{"results": [{"status": "success"}]}', '{"results": 1}'])
def test_results_that_cannot_be_read_are_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "run_results.json").write_text(text)
    with pytest.raises(TransientError, match="dbt left no results"):
        outcomes(tmp_path)


def test_a_run_is_summed_up() -> None:
    lines = [
        ModelOutcome("dbt", "a", 1.0, error=SetupError("a is wrong", hint="mend a")),
        ModelOutcome("dbt", "c", 1.0),
        ModelOutcome("dbt", "b", 1.0, error=SetupError("b too")),
    ]
    assert summary("dbt", lines, 2.5) == ILL


@pytest.mark.parametrize("rubbish", [b"\xff\xfe", b"foo{", b'etl_model{kind="dbt"} x', b""])
def test_a_file_of_metrics_that_cannot_be_read_is_made_anew(tmp_path: Path, rubbish: bytes) -> None:
    file = tmp_path / "models.prom"
    file.write_bytes(rubbish)
    write_models({"dbt": ModelsProgress({"made": 0, "failed": 1}, 2, 2.5)}, file)
    assert 'etl_models_failed{kind="dbt"} 2.0' in file.read_text()


def test_progress_counts_runs_and_keeps_the_last_success() -> None:
    progress = begun("s3", "duckdb", ["p"])
    for event in (WELL, ILL):
        progress = advance(progress, event, AT)
    assert progress.models == {"dbt": ModelsProgress({"made": 1, "failed": 1}, 2, 2.5, AT)}


def test_failed_models_are_told_once_and_that_they_are_made_again() -> None:
    watch = Watch()
    assert watch.hear(WELL) == []
    watch.hear(ILL)
    (alert,) = watch.alerts
    assert (alert.key, alert.summary) == ("models_failing:dbt", "2 models of dbt failed: a, b.")
    assert (alert.detail, alert.hint) == ("a is wrong", "mend a")
    watch.hear(ILL, later=1)
    assert len(watch.alerts) == 1
    watch.hear(WELL, later=1)
    assert (len(watch.alerts), watch.alerts[-1].state) == (2, "resolved")


def said(text: str) -> list[str]:
    return [sys.executable, "-c", f"print({text!r})"]


def test_a_process_beside_tells_by_kind_what_it_made() -> None:
    error = {"kind": "SetupError", "detail": "a is wrong", "hint": "mend a"}
    lines = [
        {"kind": "silver", "model": "p", "seconds": 0.5, "counts": {}, "error": None},
        {"kind": "dbt", "model": "a", "seconds": 1.0, "counts": {}, "error": error},
        {"kind": "dbt", "model": "c", "seconds": 0.5, "counts": {}, "error": None},
        {"kind": "dbt", "model": "b", "seconds": 1.0, "counts": {}, "error": error},
    ]
    found = run_models(threading.Event(), (), said(json.dumps({"ok": False, "models": lines})))
    assert found == [ModelsRan("", "silver", 1, (), 0.5), ILL]


def test_a_process_that_says_nothing_is_a_failed_run() -> None:
    found = run_models(threading.Event(), ("silver", "dbt"), [sys.executable, "-c", "raise SystemExit(78)"])
    ended = (("run",), "models run ended with 78.")
    assert {each.kind: (each.failed, each.detail) for each in found} == {"silver": ended, "dbt": ended}


def test_a_process_that_cannot_be_started_is_a_failed_run(tmp_path: Path) -> None:
    (found,) = run_models(threading.Event(), ("dbt",), [str(tmp_path / "nothing")])
    assert (found.kind, found.failed) == ("dbt", ("run",))
    assert "No such file" in found.detail


def test_a_process_that_said_nothing_is_well_again_once_models_are_made() -> None:
    watch = Watch()
    for event in run_models(threading.Event(), ("dbt",), [sys.executable, "-c", "raise SystemExit(78)"]):
        watch.hear(event)
    watch.hear(WELL, later=1)
    assert [each.state for each in watch.alerts] == ["firing", "resolved"]


def test_a_process_under_way_is_stopped_with_the_daemon() -> None:
    stop = threading.Event()
    stop.set()
    assert run_models(stop, ("dbt",), [sys.executable, "-c", "import time; time.sleep(600)"]) == []


def test_work_follows_cycles_that_committed_and_only_those(tmp_path: Path) -> None:
    worked = threading.Semaphore(0)
    after = AfterLoad(lambda _stop: worked.release(), every_seconds=0, due=tmp_path / "state" / "due")
    after.notice(CycleEnded("", 1.0))
    after.notice(COMMITTED)
    assert not worked.acquire(timeout=0.1)  # the cycle goes on
    after.notice(CycleEnded("", 1.0))
    assert worked.acquire(timeout=10)
    after.notice(CycleEnded("", 1.0))
    assert not worked.acquire(timeout=0.1)
    after.close()


def test_what_is_committed_meanwhile_is_followed_by_one_more_time(tmp_path: Path) -> None:
    began, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def work(_stop: threading.Event) -> None:
        began.release()
        assert go_on.acquire(timeout=10)

    after = AfterLoad(work, every_seconds=0, due=tmp_path / "state" / "due")
    for _ in range(3):
        after.notice(COMMITTED)
        after.notice(CycleEnded("", 1.0))
    assert began.acquire(timeout=10)
    for _ in range(2):
        after.notice(COMMITTED)
        after.notice(CycleEnded("", 1.0))
    go_on.release(2)
    assert began.acquire(timeout=10)
    assert not began.acquire(timeout=0.1)
    after.close()


def test_work_that_the_end_stopped_is_done_by_the_next_start(tmp_path: Path) -> None:
    due, began = tmp_path / "due", threading.Semaphore(0)

    def work(stop: threading.Event) -> None:
        began.release()
        assert stop.wait(10)

    first = AfterLoad(work, every_seconds=0, due=due)
    for event in (COMMITTED, CycleEnded("", 1.0)):
        first.notice(event)
    assert began.acquire(timeout=10)
    first.close()

    done = threading.Event()
    second = AfterLoad(lambda _stop: done.set(), every_seconds=0, due=due)
    second.notice(CycleEnded("", 1.0))
    assert done.wait(10)
    deadline = time.monotonic() + 10
    while due.exists():
        assert time.monotonic() < deadline
    second.close()

    third = AfterLoad(lambda _stop: began.release(), every_seconds=0, due=due)
    third.notice(CycleEnded("", 1.0))
    assert not began.acquire(timeout=0.1)
    third.close()


def test_what_does_not_say_how_many_rows_it_wrote_was_made_all_the_same() -> None:
    assert state(ModelOutcome("dbt", "a", 1.0)) == "made"
    assert state(ModelOutcome("silver", "a", 1.0, {"inserted": 0})) == "nothing new"
    assert state(ModelOutcome("silver", "a", 1.0, {"inserted": 1})) == "made"
