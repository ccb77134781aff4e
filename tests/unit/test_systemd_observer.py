"""What systemd is told: readiness once dependencies were seen, status, and progress where there was some."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from etl_daemon.adapters.systemd.notify import Notifier, notifier
from etl_daemon.adapters.systemd.observer import Patience, SystemdObserver
from etl_daemon.core.events import (
    BatchCommitted,
    CycleEnded,
    CyclePlanned,
    DatasetFailed,
    Event,
    LeaseAwaited,
    LeaseTaken,
    LoopTurned,
    Retried,
    StageEnded,
    WorkFailed,
)
from etl_daemon.core.model import Counts, ObjectReceipt, ObjectRef, Outcome, Receipt
from etl_daemon.errors import SetupError, TransientError

NOW = datetime(2025, 6, 30, 14, 5, tzinfo=UTC)
REF = ObjectRef(NOW, "a.csv", "v1")
RECEIPT = Receipt("b1", "price_data", (ObjectReceipt(REF, Outcome.LOADED, "", Counts(1234, 1200, 34, 0)),))
IDLE = CyclePlanned("price_data", 0, 0, 0, None, swept=False)
BUSY = CyclePlanned("price_data", 3, 30, 0, NOW - timedelta(seconds=90), swept=False)


@dataclass(frozen=True)
class Told(Notifier):
    """Keeps what it would send."""

    sent: list[str] = field(default_factory=list)

    def send(self, *lines: str) -> None:
        self.sent.extend(lines)


def told(*events: Event, watchdog_seconds: float = 60.0) -> list[str]:
    """What the last of the events has systemd told."""
    notified = Told("socket", watchdog_seconds)
    observer = SystemdObserver(notified, Patience(pause=300, batch=7200), lambda: NOW)
    for event in events:
        notified.sent.clear()
        observer.notice(event)
    return notified.sent


@pytest.mark.parametrize(
    "event",
    [IDLE, CycleEnded("", 0.1), DatasetFailed("", TransientError("no answer")), LeaseAwaited("", "host:1", "busy")],
)
def test_it_is_ready_once_dependencies_were_seen_good_or_bad(event: Event) -> None:
    assert "READY=1" in told(event)
    assert "READY=1" not in told(event, event), "once is enough"


ENDED = WorkFailed("", SetupError("Cannot listen on 127.0.0.1:9108."))


@pytest.mark.parametrize("event", [LoopTurned(""), LeaseTaken("", 1, "free"), Retried("", "s3", 1, "503"), ENDED])
def test_it_is_not_ready_before(event: Event) -> None:
    assert "READY=1" not in told(event)


@pytest.mark.parametrize(
    "event",
    [
        LoopTurned(""),
        StageEnded("price_data", "decode", 0.1),
        IDLE,
        BatchCommitted("price_data", RECEIPT, 1.0),
        CycleEnded("", 0.1),
        DatasetFailed("price_data", TransientError("no answer")),
    ],
)
def test_work_that_goes_on_feeds_the_watchdog(event: Event) -> None:
    assert "WATCHDOG=1" in told(event)
    assert told(event, watchdog_seconds=0).count("WATCHDOG=1") == 0, "nobody watches"


@pytest.mark.parametrize(
    "event", [Retried("", "lease", 1, "503"), LeaseTaken("", 1, "free"), LeaseAwaited("", "host:1", "busy")]
)
def test_what_the_thread_of_the_lease_may_tell_does_not(event: Event) -> None:
    assert "WATCHDOG=1" not in told(event)


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        ([LoopTurned("")], 60),
        ([LoopTurned(""), IDLE], 60),
        ([LoopTurned(""), BUSY], 7260),
        ([LoopTurned(""), BUSY, StageEnded("price_data", "stage", 9.0)], 7260),
        ([LoopTurned(""), BUSY, BatchCommitted("price_data", RECEIPT, 1.0)], 7260),
        ([BUSY, DatasetFailed("price_data", TransientError("no answer"))], 60),
        ([BUSY, CycleEnded("", 0.1)], 360),
        ([DatasetFailed("", TransientError("no answer"))], 360),
        ([CycleEnded("", 0.1), LoopTurned("")], 60),
        ([CycleEnded("", 0.1), LoopTurned("", resting=True)], 360),
    ],
)
def test_silence_may_last_as_long_as_what_is_under_way(events: list[Event], seconds: int) -> None:
    assert f"WATCHDOG_USEC={seconds}000000" in told(*events)


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([IDLE], "lag 0 s; no batch yet"),
        ([BUSY], "lag 90 s, 3 objects planned; no batch yet"),
        (
            [BUSY, BatchCommitted("price_data", RECEIPT, 1.0)],
            "lag 90 s, 3 objects planned; last batch price_data: 1,200 rows at 2025-06-30 14:05:00 UTC",
        ),
        (
            [BUSY, BatchCommitted("price_data", RECEIPT, 1.0), CycleEnded("", 0.1)],
            "lag 0 s; last batch price_data: 1,200 rows at 2025-06-30 14:05:00 UTC",
        ),
        (
            [BUSY, DatasetFailed("price_data", TransientError("no\nanswer", hint="wait")), CycleEnded("", 0.1)],
            "price_data failed: no answer Hint: wait; lag 90 s, 3 objects planned; no batch yet",
        ),
        ([DatasetFailed("price_data", TransientError("no answer")), IDLE], "lag 0 s; no batch yet"),
        ([LeaseAwaited("", "host:1", "host:1 has the lease.")], "Standing by. host:1 has the lease."),
    ],
)
def test_the_status_says_lag_and_last_batch(events: list[Event], status: str) -> None:
    assert f"STATUS={status}" in told(*events)


def test_the_socket_is_that_of_the_environment() -> None:
    assert notifier({}) == Notifier()
    assert notifier({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "1500000"}) == Notifier("/run/n", 1.5)
    assert notifier({"NOTIFY_SOCKET": "@n"}).address == "\0n"
    of_another = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}
    assert notifier(of_another).watchdog_seconds == 0
