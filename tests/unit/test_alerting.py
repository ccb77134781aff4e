"""When alerts are due: at the start, again, at the end, and never too many."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from etl_daemon.core.alerting.alert import Severity, Sign
from etl_daemon.core.alerting.board import AlertPolicy, Board, Notice, duration, judge, undelivered
from etl_daemon.core.alerting.words import subject

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
DOWN = Sign("dependency_down:s3", "s3 does not work.", "503", "wait")
REFUSED = Sign("object_refused:p", "1 object of p cannot be loaded.", "a.csv")


@dataclass
class Desk:
    """Judges as time goes by."""

    policy: AlertPolicy = field(default_factory=AlertPolicy)
    board: Board = field(default_factory=Board)
    now: datetime = START

    def hear(self, *signs: Sign, later: float = 0) -> list[str]:
        """What is told, ``later`` minutes after the last time."""
        return [f"{each.alert.state} {each.alert.key}" for each in self.notices(*signs, later=later)]

    def notices(self, *signs: Sign, later: float = 0) -> tuple[Notice, ...]:
        self.now += timedelta(minutes=later)
        self.board, notices = judge(self.board, signs, self.now, self.policy)
        return notices


@pytest.fixture
def desk() -> Desk:
    return Desk()


def well(sign: Sign) -> Sign:
    return Sign(sign.key, well=True)


def test_what_passes_within_the_time_is_never_told(desk: Desk) -> None:
    assert desk.hear(DOWN) == []
    assert desk.hear(DOWN, later=9) == []
    assert desk.hear(well(DOWN), later=0.9) == []
    assert desk.board.standing == {}
    assert desk.hear(DOWN, later=1) == [], "it begins anew"


def test_what_lasts_is_told_once_and_so_is_its_end(desk: Desk) -> None:
    desk.hear(DOWN)
    (notice,) = desk.notices(DOWN, later=10)
    assert (notice.alert.since, notice.alert.severity, notice.alert.hint) == (START, Severity.CRITICAL, "wait")
    assert [desk.hear(DOWN, later=60) for _ in range(23)] == [[]] * 23
    (over,) = desk.notices(well(DOWN), later=30)
    assert (over.alert.key, over.alert.state, over.alert.since) == (DOWN.key, "resolved", START)
    assert over.alert.summary == "s3 works again."
    assert over.alert.detail == "It lasted 23 h 40 min, until 2026-03-03 11:40:00 UTC."
    assert desk.hear(well(DOWN), later=5) == []


def test_time_alone_does_not_make_it_due(desk: Desk) -> None:
    """Nobody has looked since: the process may have been stopped."""
    desk.hear(DOWN)
    assert desk.hear(later=60) == []
    assert desk.hear(DOWN, later=60) == ["firing dependency_down:s3"]


def test_it_is_told_again_after_the_repeat_time_while_it_lasts(desk: Desk) -> None:
    desk.hear(DOWN)
    desk.hear(DOWN, later=10)
    assert desk.hear(DOWN, later=24 * 60 - 1) == []
    assert desk.hear(DOWN, later=1) == ["firing dependency_down:s3"]
    assert desk.hear(DOWN, later=1) == []


def test_single_events_are_told_at_once_again_only_if_they_come_again_and_end_after_an_hour(desk: Desk) -> None:
    assert desk.hear(REFUSED) == ["firing object_refused:p"]
    assert desk.hear(later=48 * 60) == [], "nothing new was refused"
    assert desk.hear(REFUSED) == ["firing object_refused:p"]
    assert desk.hear(well(REFUSED), later=59) == []
    assert desk.hear(REFUSED) == []
    assert desk.hear(well(REFUSED), later=60) == ["resolved object_refused:p"]


def test_trouble_that_gets_worse_is_told_at_once(desk: Desk) -> None:
    def disk(severity: Severity) -> Sign:
        return Sign("monitor:disk", "disk", severity=severity)

    assert desk.hear(disk(Severity.WARNING)) == ["firing monitor:disk"]
    assert desk.hear(disk(Severity.CRITICAL), later=1) == ["firing monitor:disk"]
    assert desk.hear(disk(Severity.CRITICAL), later=1) == []
    assert desk.hear(disk(Severity.WARNING), later=1) == []
    assert desk.hear(Sign("monitor:disk", well=True), later=1) == ["resolved monitor:disk"]


def test_without_patience_it_is_told_at_once() -> None:
    desk = Desk(AlertPolicy(after=timedelta(0)))
    assert desk.hear(DOWN) == ["firing dependency_down:s3"]


def test_what_the_monitor_finds_of_a_dataset_is_explained_by_its_failing(desk: Desk) -> None:
    stale = {name: Sign(f"monitor:freshness:{name}", "stale") for name in "pq"}
    disk = Sign("monitor:disk", "full")
    failing = Sign("dataset_failing:p", "p is not loaded.")
    assert desk.hear(failing, *stale.values(), disk) == ["firing monitor:disk", "firing monitor:freshness:q"]
    assert desk.hear(failing, stale["p"], later=10) == ["firing dataset_failing:p"]
    assert desk.hear(well(failing), stale["p"], later=10) == [
        "resolved dataset_failing:p",
        "firing monitor:freshness:p",
    ]


def test_an_outage_explains_every_dataset_but_not_for_ever(desk: Desk) -> None:
    stale = Sign("monitor:freshness:p", "stale")
    desk.hear(DOWN)
    desk.hear(DOWN, later=10)
    assert desk.hear(stale, later=30) == []
    assert desk.hear(stale, later=31) == ["firing monitor:freshness:p"], "nobody has seen the outage for an hour"


def test_errors_of_the_last_hour_are_no_news_after_an_outage_that_was_told(desk: Desk) -> None:
    found = [Sign(f"monitor:{check}", "x") for check in ("errors", "errors:p", "process", "freshness:p")]
    desk.hear(DOWN)
    desk.hear(DOWN, later=10)
    assert desk.hear(DOWN, *found, later=10) == []
    assert desk.hear(well(DOWN), later=10) == ["resolved dependency_down:s3"]
    assert desk.hear(*found, later=59) == ["firing monitor:freshness:p", "firing monitor:process"]
    assert desk.hear(*found, later=1) == ["firing monitor:errors", "firing monitor:errors:p"]


def test_bad_rows_are_told_by_the_daemon_or_by_the_monitor_not_by_both(desk: Desk) -> None:
    rejects = [Sign(f"monitor:rejects:{name}", "x") for name in "pq"]
    spike = Sign("quarantine_spike:p", "x")
    assert desk.hear(spike, *rejects) == ["firing monitor:rejects:q", "firing quarantine_spike:p"]
    assert desk.hear(*rejects, later=60) == ["firing monitor:rejects:p"]


# ---------------------------------------------------------------- not too many


def failing(count: int) -> list[Sign]:
    return [Sign(f"object_refused:d{number:02d}", f"d{number}") for number in range(count)]


def test_beyond_the_limit_the_rest_is_summed_up_in_the_last_notice() -> None:
    desk = Desk(AlertPolicy(per_hour=3))
    *alone, summary = desk.notices(*failing(30), Sign("configuration", "wrong"))
    assert [notice.alert.key for notice in alone] == ["configuration", "object_refused:d00"], "the worst first"
    assert summary.alert.key == "many"
    assert summary.alert.summary == "29 alerts at once: 29 firing, 0 resolved."
    assert "firing warning object_refused:d01: d1\n" in summary.alert.detail
    assert summary.alert.detail.endswith("and 9 more")
    assert len(summary.covers) == 29


def test_what_has_no_place_waits_for_one_and_is_forgotten_if_it_ends_before() -> None:
    desk = Desk(AlertPolicy(per_hour=2))
    first, second, third, fourth = failing(4)
    assert desk.hear(first) == ["firing object_refused:d00"]
    assert desk.hear(second, later=30) == ["firing object_refused:d01"]
    assert desk.hear(third, Sign("configuration", "wrong"), later=1) == []
    assert desk.hear(Sign("configuration", well=True), later=1) == []
    assert desk.hear(later=27) == []
    assert desk.hear(later=1) == ["firing object_refused:d02"], "an hour after the first"
    assert desk.hear(fourth, later=1) == []


def test_an_end_that_waits_is_taken_back_if_it_begins_again() -> None:
    desk = Desk(AlertPolicy(per_hour=1))
    wrong = Sign("configuration", "wrong")
    assert desk.hear(wrong) == ["firing configuration"]
    assert desk.hear(well(wrong), later=1) == []
    assert desk.hear(wrong, later=1) == []
    assert desk.hear(later=58) == [], "there is a place for its end now, but it has not ended"
    assert desk.hear(well(wrong), later=1) == ["resolved configuration"]
    assert desk.hear(well(wrong), later=1) == []
    assert desk.hear(wrong, later=59) == ["firing configuration"], "that is another one"


# ---------------------------------------------------------------- what reached nobody


def lose(desk: Desk, notices: tuple[Notice, ...]) -> None:
    for notice in notices:
        desk.board = undelivered(desk.board, notice.covers, desk.now, desk.policy)


def test_what_reached_nobody_is_due_again(desk: Desk) -> None:
    lose(desk, desk.notices(REFUSED))
    assert desk.hear(later=5) == ["firing object_refused:p"]
    lose(desk, desk.notices(well(REFUSED), later=60))
    assert desk.hear(later=5) == ["resolved object_refused:p"]
    assert desk.hear(later=5) == []


def test_a_repeat_that_reached_nobody_is_due_again_and_its_end_is_told(desk: Desk) -> None:
    desk.hear(REFUSED)
    lose(desk, desk.notices(REFUSED, later=24 * 60))
    assert desk.hear(REFUSED, later=5) == ["firing object_refused:p"]
    lose(desk, desk.notices(REFUSED, later=24 * 60))
    assert desk.hear(well(REFUSED), later=60) == ["resolved object_refused:p"]


def test_where_no_notice_reached_anybody_its_end_is_not_told(desk: Desk) -> None:
    first, again = desk.notices(REFUSED), desk.notices(REFUSED, later=24 * 60)
    lose(desk, again)
    lose(desk, first)
    assert desk.hear(well(REFUSED), later=60) == []


def test_what_came_and_went_unheard_is_not_told_at_all() -> None:
    desk = Desk(AlertPolicy(per_hour=1))
    wrong = Sign("configuration", "wrong")
    unheard = desk.notices(wrong)
    assert desk.hear(well(wrong), later=1) == []
    lose(desk, unheard)
    assert desk.hear(later=120) == []
    assert desk.board.standing == {}


# ---------------------------------------------------------------- words


def test_the_first_word_says_whether_it_begins_or_ends(desk: Desk) -> None:
    (began,) = desk.notices(REFUSED)
    (over,) = desk.notices(well(REFUSED), later=60)
    assert subject(began.alert, "host") == "[WARNING] 1 object of p cannot be loaded. (host)"
    assert subject(over.alert, "host").startswith("[RESOLVED] ")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "less than a second"),
        (59, "59 s"),
        (60, "1 min"),
        (3_661, "1 h 1 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, said: str) -> None:
    assert duration(timedelta(seconds=seconds)) == said
