"""What the monitor makes of what it sees: each bound from both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from etl_daemon.core.findings import Finding, State
from etl_daemon.core.model import Counts
from etl_daemon.core.monitor.disk import Space, room
from etl_daemon.core.monitor.judgement import judged
from etl_daemon.core.monitor.seen import Answer, Limits, Seen
from etl_daemon.core.status.health import Patience, Reason
from etl_daemon.core.status.history import BatchLine, FailureLine, Mark, Period, Process, Tally
from tests.support.rows import INDICATORS, PRICES

OK, WARN, FAIL = State
NOW = datetime(2026, 3, 4, 15, 20, tzinfo=UTC)
"""A Wednesday."""

LIMITS = Limits(Patience(300, 300), failed_share=0.2, reject_share=0.1, drift_share=0.5, free_bytes=100)
LATE = timedelta(seconds=1_200)
P = replace(PRICES, name="p", window_hours=1.0)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
WORKED = Tally(well=12)
MINUTE = timedelta(minutes=1)


def well(**more: object) -> Seen:
    """A daemon that is well: its last cycle a minute ago, its last rows two."""
    marks = {("p", Mark.SUCCESS): NOW - MINUTE, ("p", Mark.ROWS): NOW - 2 * MINUTE}
    return replace(Seen(NOW, (P,), marks=marks), **more)


def found(seen: Seen) -> dict[str, Finding]:
    return {finding.name: finding for finding in judged(seen, LIMITS)}


def lately(**tally: int) -> Seen:
    return well(minutes=(Period(NOW - MINUTE, "p", Tally(**tally)),))


def states(seen: Seen) -> dict[str, State]:
    return {name: finding.state for name, finding in found(seen).items()}


def hours(*days: Callable[[datetime], int | None], back: timedelta = 36 * DAY) -> tuple[Period, ...]:
    """The hours before this one: rows by the first function that has an answer; None: nobody watched."""
    begin = NOW.replace(minute=0)
    moments = [begin - HOUR * each for each in range(int(back / HOUR), 0, -1)]
    rows = [(at, next((rows for of in days if (rows := of(at)) is not None), None)) for at in moments]
    return tuple(Period(at, "p", replace(WORKED, read=count, loaded=count)) for at, count in rows if count is not None)


def market(at: datetime) -> int:
    """A hundred rows an hour from 14 to 20 UTC on working days."""
    return 100 if at.weekday() < 5 and 14 <= at.hour < 20 else 0


def test_all_is_well() -> None:
    seen = well(hours=hours(market), spaces=(Space("/", ("state",), 400, 1000),), minutes=(Period(NOW, "p", WORKED),))
    assert list(found(seen)) == [
        "process",
        "disk /",
        "errors",
        "errors p",
        "freshness p",
        "rejects p",
        "rows p",
    ]
    assert set(states(seen).values()) == {OK}
    assert {finding.dataset for finding in judged(seen, LIMITS)} == {"", "p"}


# ---------------------------------------------------------------- process


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (Answer(live=True, ready=True), OK, "works"),
        (Answer(live=False, ready=True, reasons=(Reason("stuck", "too long"),)), FAIL, "stuck: too long"),
        (Answer(live=True, ready=False, reasons=(Reason("failing", "s3 is down"),)), FAIL, "s3 is down"),
        (Answer(live=True, ready=False, reasons=(Reason("starting", "wait"),)), WARN, "wait"),
        (Answer(live=True, ready=False, reasons=(Reason("draining", "ends"),)), WARN, "ends"),
        (Answer(live=True, ready=False, reasons=(Reason("waiting_for_lease", "b has it"),)), OK, "b has it"),
        (Answer(live=True, ready=False), FAIL, "cannot work"),
    ],
)
def test_a_daemon_that_answers_is_taken_at_its_word(answer: Answer, state: State, words: str) -> None:
    finding = found(well(address="localhost:1", answer=answer))["process"]
    assert (finding.state, words in finding.detail) == (state, True)
    assert bool(finding.hint) is (state is not OK)


RUN = Process("run", 77, NOW - DAY)


@pytest.mark.parametrize(
    ("process", "address", "state"),
    [
        (RUN, "localhost:1", FAIL),
        (RUN, "", OK),
        (replace(RUN, ended=NOW - HOUR), "localhost:1", OK),
        (replace(RUN, word="once"), "localhost:1", OK),
        (None, "localhost:1", OK),
    ],
)
def test_a_daemon_that_nobody_ended_has_to_answer(process: Process | None, address: str, state: State) -> None:
    finding = found(well(process=process, address=address))["process"]
    assert finding.state is state
    if state is FAIL:
        assert "77" in finding.detail
        assert "localhost:1" in finding.detail


@pytest.mark.parametrize(
    ("ago", "state"), [(LATE, OK), (LATE + timedelta(seconds=1), FAIL)], ids=["just in time", "a second too late"]
)
@pytest.mark.parametrize("mark", [Mark.SUCCESS, Mark.COMMIT])
def test_without_one_the_last_good_cycle_tells(mark: Mark, ago: timedelta, state: State) -> None:
    assert found(well(marks={("p", mark): NOW - ago}))["process"].state is state


def test_cycles_that_are_rare_may_be_long_ago() -> None:
    rare = replace(LIMITS, patience=Patience(3_600, 300))
    marks = {("p", Mark.SUCCESS): NOW - 3 * HOUR}
    assert next(judged(well(marks=marks), rare)).state is OK
    often = replace(LIMITS, patience=Patience(1, 1))
    assert next(judged(well(marks={("p", Mark.SUCCESS): NOW - timedelta(minutes=15)}), often)).state is OK


def test_nothing_has_run_yet() -> None:
    finding = found(well(marks={}))["process"]
    assert (finding.state, finding.detail) == (FAIL, "No cycle is known to have gone well here yet.")
    assert "ETL_STATE_DIR" in finding.hint


STANDING = {("p", Mark.SUCCESS): NOW - DAY, ("", Mark.WAITED): NOW - MINUTE}


def test_who_stands_by_is_not_blamed_for_the_data() -> None:
    seen = well(marks=STANDING, spaces=(Space("/", ("state",), 1, 1000),))
    assert states(seen) == {"process": OK, "disk /": FAIL}
    assert "another process has the lease" in found(seen)["process"].detail
    waiting = Answer(live=True, ready=False, reasons=(Reason("waiting_for_lease", "b has it"),))
    assert states(well(marks={}, address="a:1", answer=waiting)) == {"process": OK}


def test_who_has_worked_since_does_not_stand_by() -> None:
    seen = well(marks={("p", Mark.SUCCESS): NOW - MINUTE, ("", Mark.WAITED): NOW - 2 * MINUTE})
    assert "errors p" in found(seen)


@pytest.mark.parametrize(
    "seen",
    [
        well(marks={**STANDING, ("", Mark.WAITED): NOW - LATE - MINUTE}),
        well(marks={**STANDING, ("", Mark.WAITED): NOW - DAY - MINUTE}),
        well(marks={**STANDING, ("", Mark.WAITED): NOW - 2 * HOUR}, process=RUN, address="a:1"),
    ],
    ids=["long ago", "then it worked", "it should answer"],
)
def test_standing_by_is_no_excuse_for_ever(seen: Seen) -> None:
    assert found(seen)["process"].state is FAIL


def test_a_daemon_without_a_port_stands_by_as_long_as_it_likes() -> None:
    assert found(well(marks={**STANDING, ("", Mark.WAITED): NOW - 3 * HOUR}, process=RUN))["process"].state is OK


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("failed", "ended_well", "state"),
    [(0, 12, OK), (0, 0, OK), (1, 11, WARN), (2, 8, WARN), (3, 9, FAIL), (1, 0, FAIL)],
)
def test_errors_are_a_share_of_the_cycles(failed: int, ended_well: int, state: State) -> None:
    assert found(lately(failed=failed, well=ended_well))["errors p"].state is state


def test_cycles_that_failed_as_a_whole_are_told_once() -> None:
    minutes = (Period(NOW, "p", Tally(well=9)), Period(NOW, "q", Tally(well=9)), Period(NOW, "", Tally(failed=3)))
    failures = (FailureLine(NOW, "", "TransientError", "it is down", "wait"),)
    seen = well(datasets=(P, replace(INDICATORS, name="q")), minutes=minutes, failures=failures)
    wrong = [finding for finding in judged(seen, LIMITS) if finding.name.startswith("errors") and finding.state is FAIL]
    assert [(each.name, each.dataset, each.hint) for each in wrong] == [("errors", "", "wait")]
    assert wrong[0].detail == "3 of 12 cycles failed in the last hour. The last one: TransientError: it is down"


def test_the_last_failure_of_the_dataset_is_told() -> None:
    lines = [FailureLine(NOW, name, "SetupError", f"{name} lacks a table") for name in ("q", "p")]
    finding = found(replace(lately(failed=1), failures=tuple(lines)))["errors p"]
    assert finding.detail.endswith("The last one: SetupError: p lacks a table")
    assert "journalctl" in finding.hint


# ---------------------------------------------------------------- rejects


@pytest.mark.parametrize(
    ("tally", "state"),
    [
        ({}, OK),
        ({"read": 100, "quarantined": 10}, OK),
        ({"read": 100, "quarantined": 11}, FAIL),
        ({"read": 19, "quarantined": 19}, WARN),
        ({"read": 20, "quarantined": 20}, FAIL),
        ({"read": 100, "quarantined": 0, "objects": 1, "refused": 1}, WARN),
        ({"refused": 1}, WARN),
    ],
)
def test_rejects_are_a_share_of_the_rows(tally: dict[str, int], state: State) -> None:
    assert found(lately(**tally))["rejects p"].state is state


def test_where_objects_are_refused_there_may_be_no_rows_at_all() -> None:
    assert found(lately(refused=1))["rejects p"].detail.startswith("0 of 0 rows (0.0%) ")


def test_the_most_frequent_reason_is_told() -> None:
    batches = tuple(
        BatchLine(NOW, name, "b", 1, 0, Counts(), reasons)
        for name, reasons in (("p", {"a": 3}), ("q", {"c": 99}), ("p", {"b": 2, "a": 1}))
    )
    detail = found(replace(lately(read=100, quarantined=11, refused=2, objects=3), batches=batches))["rejects p"].detail
    assert "11 of 100 rows (11.0%) were quarantined lately, most for a" in detail
    assert "2 of 5 objects were refused" in detail


# ---------------------------------------------------------------- freshness


def quiet(since: timedelta, past: Iterable[Period] = (), now: datetime = NOW, **more: object) -> Finding:
    """What is found of a dataset whose cycles go well, and whose last rows came so long ago."""
    marks = {("p", Mark.SUCCESS): now - MINUTE, ("p", Mark.ROWS): now - since}
    seen = Seen(now, (replace(P, **more),), marks=marks, hours=tuple(past))
    return found(seen)["freshness p"]


def test_rows_within_the_window_are_fresh() -> None:
    assert quiet(HOUR).state is OK
    assert quiet(HOUR + MINUTE).state is WARN, "nothing to compare with"
    assert quiet(24 * HOUR, window_hours=24.0).state is OK
    assert quiet(timedelta(minutes=20), window_hours=0.1).state is OK, "nothing is late within an hour"


@pytest.mark.parametrize(
    ("now", "since", "state"),
    [
        (NOW, 2 * HOUR + MINUTE * 21, FAIL),  # a Wednesday, 15:20: usually they come until then
        (datetime(2026, 3, 4, 3, 20, tzinfo=UTC), timedelta(hours=7, minutes=20), OK),  # at night
        (datetime(2026, 3, 4, 3, 20, tzinfo=UTC), timedelta(hours=8, minutes=19), OK),  # an hour more than usual
        (datetime(2026, 3, 4, 3, 20, tzinfo=UTC), timedelta(hours=8, minutes=21), FAIL),  # they ended too early
        (datetime(2026, 3, 1, 12, 0, tzinfo=UTC), timedelta(hours=40), OK),  # on a Sunday
        (datetime(2026, 3, 2, 13, 30, tzinfo=UTC), timedelta(hours=65, minutes=30), OK),  # on Monday, before it opens
        (datetime(2026, 3, 2, 17, 30, tzinfo=UTC), timedelta(hours=69, minutes=30), FAIL),  # it has not opened
    ],
)
def test_nights_and_weekends_are_quiet_by_habit(now: datetime, since: timedelta, state: State) -> None:
    past = [each for each in hours(market) if each.at <= now - since]
    silent = [Period(each.at, "p", WORKED) for each in hours(market) if now - since < each.at < now]
    assert quiet(since, past + silent, now).state is state


def test_a_holiday_a_week_ago_does_not_loosen_the_bound() -> None:
    holiday = hours(lambda at: 0 if at.date() == (NOW - WEEK).date() else None, market)
    assert quiet(3 * HOUR, holiday).state is FAIL


def test_within_the_first_week_other_working_days_are_compared_with_and_only_warn() -> None:
    first_days = hours(market, back=2 * DAY + 2 * HOUR)
    finding = quiet(3 * HOUR, first_days)
    assert (finding.state, "2 earlier days" in finding.detail) == (WARN, True)
    assert "no history" in quiet(3 * HOUR, hours(market, back=DAY)).detail
    saturday = NOW + 3 * DAY
    past = [
        Period(at, "p", replace(WORKED, loaded=market(at))) for at in (saturday - HOUR * each for each in range(96))
    ]
    assert quiet(19 * HOUR, reversed(past), saturday).state is WARN, "the first Saturday pages nobody"


def test_weeks_in_which_nobody_watched_are_no_habit() -> None:
    away = hours(lambda at: None if at < NOW - 4 * DAY and at > NOW - 10 * DAY else market(at), back=12 * DAY)
    assert quiet(3 * HOUR, away).state is WARN


def test_fresh_hours_are_taken_as_they_are() -> None:
    usual = hours(market)
    assert quiet(30 * HOUR, usual, fresh_hours=30.0).state is OK
    finding = quiet(30 * HOUR + MINUTE, usual, fresh_hours=30.0)
    assert (finding.state, "fresh_hours is 30" in finding.detail) == (FAIL, True)
    assert quiet(31 * HOUR, fresh_hours=30.0).state is FAIL, "it takes no history"


def test_a_dataset_without_rows_is_left_alone() -> None:
    assert found(well(marks={("p", Mark.SUCCESS): NOW}))["freshness p"].state is OK


def test_a_dataset_whose_cycles_fail_beside_others_is_told() -> None:
    both = (P, replace(INDICATORS, name="q"))
    marks = {("p", Mark.SUCCESS): NOW, ("q", Mark.SUCCESS): NOW - LATE - MINUTE, ("q", Mark.ROWS): NOW}
    told = found(well(datasets=both, marks=marks))
    assert (told["freshness p"].state, told["freshness q"].state) == (OK, FAIL)
    on_time = found(well(datasets=both, marks={**marks, ("q", Mark.SUCCESS): NOW - LATE}))
    assert on_time["freshness q"].state is OK
    nobody = {(name, Mark.SUCCESS): NOW - DAY for name in "pq"}
    assert found(well(datasets=both, marks=nobody))["freshness q"].state is OK, "that is for the process to answer"


# ---------------------------------------------------------------- rows


def came(rows: int | None, past: tuple[Period, ...], before: int = 0) -> Finding:
    """What is found of an hour with so many rows, and with ``before`` in each of the two hours before it."""
    last = NOW.replace(minute=0) - HOUR
    kept = tuple(each for each in past if each.at < last - 2 * HOUR)
    recent = [(last - 2 * HOUR, before), (last - HOUR, before)] + ([] if rows is None else [(last, rows)])
    seen = well(hours=kept + tuple(Period(at, "p", replace(WORKED, read=count)) for at, count in recent))
    return found(seen)["rows p"]


EVEN = hours(lambda at: 100)


@pytest.mark.parametrize(
    ("rows", "before", "state"),
    [
        (50, 0, OK),  # there are few in three hours, but this one is no worse than it may be
        (49, 0, FAIL),
        (49, 100, WARN),
        (0, 75, WARN),
        (0, 74, FAIL),
        (200, 100, OK),
        (201, 100, WARN),
    ],
)
def test_an_hour_is_held_against_the_same_hour_of_earlier_weeks(rows: int, before: int, state: State) -> None:
    finding = came(rows, EVEN, before)
    assert finding.state is state
    assert "100 are usual by the same hour of 5 earlier weeks" in finding.detail


def test_one_odd_week_does_not_count() -> None:
    odd = hours(lambda at: 10_000 if NOW - 8 * DAY < at < NOW - 6 * DAY else 100)
    assert came(100, odd, 100).state is OK


def test_weekends_are_held_against_weekends() -> None:
    sunday = datetime(2026, 3, 8, 15, 20, tzinfo=UTC)
    past = tuple(replace(each, at=each.at + 4 * DAY) for each in hours(lambda at: market(at + 4 * DAY)))
    marks = {("p", Mark.SUCCESS): sunday, ("p", Mark.ROWS): sunday}
    assert found(Seen(sunday, (P,), marks=marks, hours=past))["rows p"].state is OK


def test_before_there_are_three_weeks_it_only_warns() -> None:
    days = hours(lambda at: 100, back=8 * DAY)
    assert (came(0, days).state, "5 earlier days" in came(0, days).detail) == (WARN, True)
    assert "no history" in came(0, hours(lambda at: 100, back=2 * DAY + 12 * HOUR)).detail
    assert came(0, hours(lambda at: 100, back=3 * WEEK + HOUR * 2)).state is FAIL


def test_few_rows_and_hours_without_cycles_are_not_judged() -> None:
    assert came(0, hours(lambda at: 19)).state is OK
    assert came(19, hours(lambda at: 1)).state is OK
    assert "No cycle" in came(None, EVEN).detail


def test_a_share_of_one_lets_everything_pass() -> None:
    past = tuple(each for each in EVEN if each.at < NOW - 2 * HOUR)
    seen = well(hours=(*past, Period(NOW.replace(minute=0) - HOUR, "p", WORKED)))
    assert [each.state for each in judged(seen, LIMITS) if each.name == "rows p"] == [WARN]
    lenient = replace(LIMITS, drift_share=1.0)
    assert [each.state for each in judged(seen, lenient) if each.name == "rows p"] == [OK]


# ---------------------------------------------------------------- disk


@pytest.mark.parametrize(("free", "state"), [(400, OK), (399, WARN), (100, WARN), (99, FAIL)])
def test_disks_have_room_or_not(free: int, state: State) -> None:
    finding = room(Space("/var", ("state", "logs"), free, 1000), 100)
    assert (finding.name, finding.state) == ("disk /var", state)
    assert f"({free / 1000:.0%}) are free for state and logs" in finding.detail
    assert bool(finding.hint) is (state is not OK)
