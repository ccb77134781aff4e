"""Live, ready and the status are decided from the progress alone, and events make the progress."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from etl_daemon.core.events import (
    BatchCommitted,
    CyclePlanned,
    DatasetFailed,
    DatasetSettled,
    LeaseAwaited,
    LeaseLost,
    LeaseReleased,
    LeaseRenewed,
    LeaseTaken,
    ObjectDeferred,
    ObjectRefused,
    Retried,
    StageEnded,
)
from etl_daemon.core.model import Counts, Fence, ObjectReceipt, ObjectRef, Outcome, Receipt
from etl_daemon.core.status.advance import advance
from etl_daemon.core.status.health import Identity, Moment, Patience, not_live, not_ready, status
from etl_daemon.core.status.progress import Backlog, begun
from etl_daemon.errors import DataError, LeaseLostError, ObjectChangedError, SetupError, TransientError
from tests.support.rows import NOW

PATIENCE = Patience(poll_seconds=10, call_seconds=60)
IDENTITY = Identity("etl-daemon", "1.2.3", "host:1:ab", NOW, "/data/etl.duckdb")
EARLY, LATE = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
A, B = (ObjectRef(at, f"p/{name}", "v1", size=size) for name, at, size in (("a", EARLY, 100), ("b", LATE, 50)))
RECEIPT = Receipt(
    "b1",
    "p",
    (ObjectReceipt(A, Outcome.LOADED, "", Counts(10, 6, 2, 1, 1)), ObjectReceipt(B, Outcome.REFUSED, "undecodable")),
    reasons={"price_range": 2, "ohlc_relation": 1},
    anomalies={"high": 3},
    watermark=LATE,
)
PLANNED = CyclePlanned("p", 2, 150, 0, EARLY, False, None, 3)


def after(*events, datasets=("p", "q")):
    progress = begun("s3", "duckdb", datasets)
    for event in events:
        progress = advance(progress, event, NOW)
    return progress


def moment(progress, *, silent=0.0, draining=False):
    return Moment(progress, silent, NOW, draining)


def reasons(*events, draining=False):
    return [reason.reason for reason in not_ready(moment(after(*events), draining=draining))]


def failed(dataset, error=None):
    return DatasetFailed(dataset, error or TransientError("no answer", hint="wait"))


@pytest.mark.parametrize(("silent", "live"), [(0, True), (90, True), (90.1, False)])
def test_it_lives_while_the_loop_was_heard_of_within_three_polls_and_the_longest_call(silent, live):
    found = not_live(moment(after(), silent=silent), PATIENCE)
    assert [reason.reason for reason in found] == ([] if live else ["stuck"])


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], ["starting"]),
        ([LeaseTaken("", 1, "free")], ["starting"]),
        ([PLANNED], []),
        ([LeaseAwaited("", "b", "b has the lease")], ["waiting_for_lease"]),
        ([LeaseAwaited("", "b", "b has the lease"), LeaseTaken("", 2, "expired"), PLANNED], []),
        ([PLANNED, LeaseLost("", "not renewed")], ["waiting_for_lease"]),
        ([failed("")], ["failing"]),
        ([PLANNED, failed("")], ["failing"]),
        ([failed(""), PLANNED], []),
        ([PLANNED, failed("p")], []),
        ([PLANNED, failed("p"), failed("q")], ["failing", "failing"]),
        ([PLANNED, failed("p"), failed("q"), DatasetSettled("q")], []),
        ([PLANNED, failed("p"), failed("q"), PLANNED], ["failing", "failing"]),
    ],
)
def test_it_is_ready_when_it_can_work(events, expected):
    assert reasons(*events) == expected


def test_it_is_not_ready_once_it_was_told_to_stop():
    assert reasons(PLANNED, draining=True) == ["draining"]


def test_a_commit_takes_its_objects_off_the_backlog_and_counts_them():
    progress = after(PLANNED, BatchCommitted("p", RECEIPT, 2.5))
    of = progress.datasets["p"]
    assert after(PLANNED).datasets["p"].backlog == Backlog(2, 150, EARLY)
    assert of.backlog == Backlog()
    assert of.watermark == LATE
    assert of.list_requests == 3
    assert {name: count for name, count in of.objects.items() if count} == {"loaded": 1, "refused": 1}
    assert of.rows == {"loaded": 6, "quarantined": 2, "superseded": 1, "filtered": 1}
    assert {name: count for name, count in of.reasons.items() if count} == {"price_range": 2, "ohlc_relation": 1}
    assert of.anomalies == {"low": 0, "medium": 0, "high": 3, "critical": 0}
    assert of.batches == {"committed": 1, "failed": 0}
    assert progress.datasets["q"] == after().datasets["q"]


def test_what_was_put_off_stays_pending():
    half = Receipt("b1", "p", RECEIPT.objects[:1])
    progress = after(PLANNED, ObjectDeferred("p", B, "timeout"), BatchCommitted("p", half, 1.0))
    assert progress.datasets["p"].backlog == Backlog(1, 50, EARLY)
    settled = advance(progress, DatasetSettled("p", 1, 50, LATE), NOW).datasets["p"]
    assert (settled.backlog, settled.last_success, settled.objects["deferred"]) == (Backlog(1, 50, LATE), NOW, 1)


def test_a_watermark_never_moves_back():
    older = Receipt("b2", "p", RECEIPT.objects[:1], watermark=EARLY)
    assert after(BatchCommitted("p", RECEIPT, 1.0), BatchCommitted("p", older, 1.0)).datasets["p"].watermark == LATE


@pytest.mark.parametrize(
    ("event", "name", "up"),
    [
        (StageEnded("p", "list", 0.1), "s3", True),
        (StageEnded("p", "get", 0.1, TransientError("503")), "s3", False),
        (StageEnded("p", "list", 0.1, SetupError("denied")), "s3", False),
        (StageEnded("p", "get", 0.1, ObjectChangedError("gone")), "s3", True),
        (StageEnded("", "recall", 0.1), "duckdb", True),
        (StageEnded("p", "commit", 0.1, TransientError("disk full")), "duckdb", False),
        (StageEnded("p", "commit", 0.1, LeaseLostError("fenced")), "duckdb", True),
        (StageEnded("p", "decode", 0.1, DataError("undecodable", "cut")), "s3", True),
        (LeaseTaken("", 1, "free"), "lease", True),
        (Retried("", "lease", 1, "503"), "lease", False),
        (Retried("", "s3", 1, "503"), "s3", False),
    ],
)
def test_dependencies_are_up_or_down_by_their_last_call(event, name, up):
    before = [StageEnded("p", "list", 0.1), StageEnded("", "recall", 0.1), LeaseTaken("", 1, "free")]
    assert after(*before, event).up[name] is up
    assert not any(after().up.values())


def test_errors_retries_and_failed_batches_are_counted():
    progress = after(
        failed("p"),
        failed("", LeaseLostError("lost")),
        failed("q", ValueError("odd")),
        ObjectRefused("p", A, "undecodable", "cut"),
        Retried("", "s3", 1, "503"),
        Retried("", "s3", 2, "503"),
        StageEnded("p", "commit", 0.1, LeaseLostError("lost")),
    )
    counted = {name: count for name, count in progress.errors.items() if count}
    assert counted == {"TransientError": 1, "LeaseLostError": 1, "ValueError": 1, "DataError": 1}
    assert progress.retries == {"s3": 2, "duckdb": 0, "lease": 0}
    assert progress.datasets["p"].batches == {"committed": 0, "failed": 1}


def test_the_lease_is_held_from_taking_to_losing_or_giving_back():
    fence = Fence(4, "host:1:ab")
    taken = LeaseTaken("", fence.generation, "free")
    assert after(taken).generation == 4
    assert after(taken, LeaseLost("", "late")).generation is None
    assert after(taken, LeaseReleased("", 4)).generation is None
    assert after(taken, Retried("", "lease", 1, "503"), LeaseRenewed("", 5)).generation == 5


def test_one_that_stands_by_says_nothing_of_what_is_pending_or_fails():
    for turn in (LeaseLost("", "late"), LeaseAwaited("", "b", "b has the lease"), LeaseAwaited("", "", "503")):
        of = after(PLANNED, failed("p"), turn).datasets["p"]
        assert (of.backlog, of.failing, of.list_requests) == (Backlog(), False, 3)
        assert of.last_error.detail == "no answer"


def test_without_a_lease_there_is_no_such_dependency():
    assert begun("s3", "duckdb", "p", ()).up == {"s3": False, "duckdb": False}


def test_the_status_is_a_plain_document():
    progress = after(PLANNED, failed("q"), BatchCommitted("p", RECEIPT, 2.5), DatasetSettled("p", 1, 50, LATE))
    document = status(IDENTITY, moment(progress), PATIENCE)
    assert json.loads(json.dumps(document)) == document
    assert (document["daemon"], document["version"], document["live"], document["ready"]) == (
        "etl-daemon",
        "1.2.3",
        True,
        True,
    )
    assert document["lease"] == {"held": False, "generation": None, "waiting": None}
    p, q = document["datasets"]["p"], document["datasets"]["q"]
    assert p["watermark"] == "2026-01-05T11:00:00.000+00:00"
    assert p["lag_seconds"] == 3600
    assert p["pending"] == {"objects": 1, "bytes": 50, "oldest": "2026-01-05T11:00:00.000+00:00"}
    assert p["quarantined"] == {"price_range": 2, "ohlc_relation": 1}
    assert p["last_batch"]["batch_id"] == "b1"
    assert (p["failing"], q["failing"], q["last_error"]["hint"]) == (False, True, "wait")


def test_secrets_in_errors_are_starred():
    progress = after(failed("p", TransientError("https://user:hunter2@proxy:3128 refused")))
    assert "hunter2" not in json.dumps(status(IDENTITY, moment(progress), PATIENCE))
