"""Alerts on their way: beside the work, tried again, within bounds at the end, and with or without a state file."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl_daemon.adapters.alerts.courier import MOST_WAITING, Courier, Patience
from etl_daemon.adapters.memory.alerts import MemoryBoardStore, MemoryNotifier
from etl_daemon.adapters.sqlite.alerts import TABLES, SqliteBoardStore
from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.core.alerting.alert import Alert, Severity, State
from etl_daemon.core.alerting.board import AlertPolicy, Notice, Standing
from etl_daemon.core.events import (
    AlertFailed,
    Checked,
    CycleEnded,
    DatasetFailed,
    DatasetSettled,
    LoopTurned,
    StageEnded,
    WorkFailed,
)
from etl_daemon.errors import SetupError, TransientError
from tests.support.alerting import Watch

TURNED, ENDED = LoopTurned(""), CycleEnded("", 0.1)
FAILED = DatasetFailed("a", SetupError("No access to p/.", hint="grant it"))
QUICK = Patience(first_pause=0.001, longest_pause=0.002)


def notice(key: str) -> Notice:
    alert = Alert(key, Severity.WARNING, State.FIRING, "s", "d", "h", datetime(2026, 3, 2, tzinfo=UTC))
    return Notice(alert, (alert,))


@dataclass
class Hanging:
    """A channel that takes its time until it is let go."""

    channel: str = "hanging"
    asked: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)
    sent: list[str] = field(default_factory=list)

    def send(self, alert: Alert) -> None:
        self.asked.set()
        self.free.wait(60)
        self.sent.append(alert.key)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    made = Hanging()
    yield made
    made.free.set()


@dataclass
class Post:
    """A courier, and what became of what it was given."""

    notifiers: tuple[object, ...]
    failures: list[AlertFailed] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.courier = Courier(self.notifiers, self.failures.append, QUICK)  # type: ignore[arg-type]  # notifiers of tests

    def send(self, *keys: str) -> None:
        for key in keys:
            self.courier.send(notice(key), lambda each: self.lost.append(each.alert.key))


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


# ---------------------------------------------------------------- the courier


def test_a_channel_that_hangs_holds_nobody_up(hanging: Hanging) -> None:
    post = Post((hanging,))
    begun = time.monotonic()
    post.send("a", "b")
    assert time.monotonic() - begun < 0.5
    hanging.free.set()
    post.courier.close(10)
    assert (hanging.sent, post.lost, post.failures) == (["a", "b"], [], [])


def test_what_passes_is_tried_again_and_what_lasts_is_not() -> None:
    passing, lasting, good = MemoryNotifier("passing"), MemoryNotifier("lasting"), MemoryNotifier("good")
    passing.faults = deque([TransientError("503"), TransientError("503")])
    lasting.faults = deque([SetupError("403", hint="grant")])
    post = Post((passing, lasting, good))
    post.send("a")
    until(lambda: good.sent)
    assert [len(each.sent) for each in (passing, lasting)] == [1, 0]
    assert post.failures == [AlertFailed("", "lasting", "a", "403", "grant")]
    post.courier.close(10)
    assert post.lost == [], "it reached somebody"


def test_after_three_attempts_a_channel_is_given_up_for_this_alert() -> None:
    down = MemoryNotifier("down", faults=deque([TransientError("503")] * 3))
    post = Post((down,))
    post.send("a", "b")
    until(lambda: [each.key for each in down.sent] == ["b"])
    post.courier.close(10)
    assert [each.key for each in post.failures] == post.lost == ["a"]


def test_a_defect_of_a_channel_is_told_and_the_others_go_on() -> None:
    broken, good = MemoryNotifier("broken", faults=deque([KeyError("s3cret")])), MemoryNotifier("good")
    post = Post((broken, good))
    post.send("a")
    post.courier.close(10)
    assert len(good.sent) == 1
    assert [(each.channel, each.detail) for each in post.failures] == [("broken", "KeyError.")]


def test_the_end_waits_only_so_long_and_says_what_is_lost(hanging: Hanging) -> None:
    post = Post((hanging,))
    post.send("a", "b")
    hanging.asked.wait(30)
    begun = time.monotonic()
    post.courier.close(0.2)
    assert time.monotonic() - begun < 5
    assert post.lost == ["a", "b"]
    assert {each.detail for each in post.failures} == {"The process ended before it was sent."}


def test_what_had_arrived_somewhere_is_not_lost_at_the_end(hanging: Hanging) -> None:
    good = MemoryNotifier()
    post = Post((good, hanging))
    post.send("a")
    hanging.asked.wait(30)
    post.courier.close(0.2)
    assert (len(good.sent), post.lost) == (1, [])


def test_at_the_end_there_are_no_second_attempts() -> None:
    down = MemoryNotifier("down", faults=deque([TransientError("503")] * 300))
    post = Post((down,))
    post.courier.patience = Patience(first_pause=60, longest_pause=60)
    post.send("a", "b")
    begun = time.monotonic()
    post.courier.close(30)
    assert time.monotonic() - begun < 10
    assert post.lost == ["a", "b"]
    assert len(down.faults) >= 297, "one for each, and the one that was being waited for"


def test_only_so_many_wait(hanging: Hanging) -> None:
    post = Post((hanging,))
    post.send("first")
    hanging.asked.wait(30)
    post.send(*(f"k{number}" for number in range(MOST_WAITING + 2)))
    assert post.lost == [f"k{MOST_WAITING}", f"k{MOST_WAITING + 1}"]


def test_without_channels_there_is_no_thread() -> None:
    before = threading.active_count()
    post = Post(())
    post.send("a")
    assert threading.active_count() == before
    post.courier.close(10)
    assert (post.lost, post.failures) == ([], [])


# ---------------------------------------------------------------- the observer


def test_what_reached_nobody_is_told_again_at_the_next_pause() -> None:
    down = MemoryNotifier(faults=deque([SetupError("403")]))
    watch = Watch(notifiers=(down,), policy=AlertPolicy(after=timedelta(0)))
    assert watch.hear(FAILED, ENDED) == ["firing dataset_failing:a"]
    until(lambda: watch.failures)
    until(lambda: watch.hear(TURNED) == ["firing dataset_failing:a"])
    until(lambda: down.sent)
    assert watch.hear(TURNED) == []
    watch.observer.close()


def test_the_end_of_a_process_sends_what_is_due() -> None:
    notifier = MemoryNotifier()
    watch = Watch(notifiers=(notifier,))
    watch.hear(Checked("", "disk", "fail", "full"))
    watch.close()
    assert [alert.key for alert in notifier.sent] == ["monitor:disk"]


def kept(folder: Path) -> SqliteBoardStore:
    return SqliteBoardStore(StateFile(folder / "state", TABLES, busy_seconds=0.1), "d")


def test_one_shots_tell_together_what_one_loop_would_tell(tmp_path: Path) -> None:
    first = Watch(store=kept(tmp_path))
    told = []
    for failing in (True, True, True, True, False, False):
        shot = Watch(store=kept(tmp_path), clock=first.clock)
        events = [FAILED] if failing else [DatasetSettled("a")]
        told += [[*shot.hear(*events, ENDED, later=5), *shot.close()]]
    assert told == [[], [], ["firing dataset_failing:a"], [], ["resolved dataset_failing:a"], []]


def test_the_monitor_and_the_daemon_share_what_stands(tmp_path: Path) -> None:
    daemon = Watch(store=kept(tmp_path))
    down = TransientError("503")
    daemon.hear(StageEnded("a", "list", 0.1, down), DatasetFailed("a", down), ENDED)
    stale = Checked("b", "freshness", "fail", "Nothing since 09:00.")
    monitor = Watch(store=kept(tmp_path), clock=daemon.clock)
    assert monitor.hear(stale, later=11) + monitor.close() == [], "it is the outage, which the daemon is to tell"
    assert daemon.hear(TURNED) == ["firing dependency_down:s3"]
    over = daemon.hear(StageEnded("a", "list", 0.1), DatasetSettled("a"), ENDED, later=1)
    assert over == ["resolved dependency_down:s3"], "what was stale then may be loaded by now"
    monitor = Watch(store=kept(tmp_path), clock=daemon.clock)
    assert monitor.hear(stale) + monitor.close() == ["firing monitor:freshness:b"]


def test_without_a_state_file_alerts_go_out_all_the_same_and_it_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    notifier = MemoryNotifier()
    watch = Watch(store=kept(tmp_path), notifiers=(notifier,))
    assert watch.hear(FAILED, ENDED) == []
    assert watch.hear(FAILED, ENDED, later=10) == ["firing dataset_failing:a"]
    assert watch.hear(FAILED, ENDED, later=10) == []
    assert watch.hear(DatasetSettled("a"), ENDED, later=10) == ["resolved dataset_failing:a"]
    assert [(each.channel, each.key) for each in watch.failures] == [("state file", "")]
    assert "ETL_STATE_DIR" in watch.failures[0].hint
    (tmp_path / "state").unlink()
    watch.hear(FAILED, ENDED, later=10)
    assert list(board(tmp_path)) == ["dataset_failing:a"], "it is kept again as soon as it can be"
    assert watch.close() == []


def board(folder: Path) -> dict[str, Standing]:
    return kept(folder).update(lambda there: (there, dict(there.standing)), datetime(2026, 3, 2, tzinfo=UTC))


def test_a_store_that_fails_for_a_while_is_brought_up_to_date(tmp_path: Path) -> None:
    store = kept(tmp_path)
    watch = Watch(store=store, policy=AlertPolicy(after=timedelta(0)))
    assert watch.hear(FAILED, ENDED) == ["firing dataset_failing:a"]
    watch.observer.store = MemoryBoardStore(faults=deque([TransientError("busy")] * 2))
    assert watch.hear(FAILED, ENDED, later=1) == [], "it remembers what it told"
    assert watch.hear(DatasetSettled("a"), ENDED, later=1) == ["resolved dataset_failing:a"]
    watch.observer.store = store
    assert watch.hear(ENDED, later=1) == [], "nor is it told by what the file has missed"
    assert [each.done for each in board(tmp_path).values()] == [True]


def test_a_write_that_fails_after_the_read_loses_no_alert() -> None:
    class Halfway(MemoryBoardStore):
        def update(self, change, now):  # type: ignore[no-untyped-def]  # as the port says
            change(self.board)
            raise TransientError("The disk is full.")

    watch = Watch(store=Halfway(), policy=AlertPolicy(after=timedelta(0)))
    assert watch.hear(FAILED, ENDED) == ["firing dataset_failing:a"]


def test_what_a_process_cannot_leave_to_the_next_one_it_tells_before_it_ends(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    error = TransientError("503")
    watch = Watch(store=kept(tmp_path))
    assert watch.hear(StageEnded("", "recall", 0.1, error), WorkFailed("", error)) == []
    assert watch.close() == ["firing dependency_down:snowflake"]


def test_events_of_many_threads_are_all_heard() -> None:
    watch = Watch(policy=AlertPolicy(after=timedelta(0)))
    threads = [
        threading.Thread(target=lambda: [watch.observer.notice(StageEnded("a", "get", 0.1)) for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    told = [watch.hear(FAILED, ENDED) for _ in range(50)]
    for thread in threads:
        thread.join()
    assert told == [["firing dataset_failing:a"], *[[]] * 49]
