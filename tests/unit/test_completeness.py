from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.quality.facts import Facts, Rejected, RejectedRow, Repeated, Totals, Volume
from etl_daemon.core.quality.report import EXAMPLES, calendar_of, verdict, wanted
from etl_daemon.core.quality.sessions import AROUND, Calendar, Day, Gap, Partial, Session, Span, completeness

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
OPENS, CLOSES = timedelta(hours=14, minutes=30), timedelta(hours=21)
WEEKS = [MONDAY + timedelta(days=day) for day in range(14) if day % 7 < 5]
CALENDAR = Calendar("XNYS", "America/New_York", tuple(Session(at.date(), at + OPENS, at + CLOSES) for at in WEEKS))
SPAN = Span(MONDAY, MONDAY + timedelta(days=14))
ALL = tuple(Day(at.date(), 10, 10) for at in WEEKS)


def day(number):
    return date(2026, 1, number)


def judged(**facts):
    return verdict(Facts("prices", Kind.PRICES, "D.S.T", **facts), SPAN, CALENDAR)


def test_all_sessions_are_there():
    found = completeness(ALL, SPAN, CALENDAR)
    assert (found.expected, found.present, found.missing, found.share) == (10, 10, 0, 1.0)
    assert (found.gaps, found.partial, found.outside, found.usual) == ((), (), (), 10.0)


def test_missing_sessions_in_a_row_are_one_gap_over_the_weekend():
    found = completeness([each for each in ALL if each.day.day not in {7, 9, 12}], SPAN, CALENDAR)
    assert (found.missing, found.share) == (3, 0.7)
    assert found.gaps == (Gap(day(7), day(7), 1), Gap(day(9), day(12), 2))


def test_a_session_is_partial_below_nine_tenths_of_what_is_usual():
    changed = [replace(ALL[0], symbols=8), replace(ALL[1], symbols=9), *ALL[2:]]
    assert completeness(changed, SPAN, CALENDAR).partial == (Partial(ALL[0].day, ALL[0].rows, 8, 10.0),)
    assert completeness([replace(each, symbols=None) for each in ALL], SPAN, CALENDAR).usual is None


def test_what_was_listed_years_later_lacks_nowhere_before():
    days = [MONDAY + timedelta(days=number) for number in range(200)]
    calendar = Calendar("ALL", "UTC", tuple(Session(at.date(), at + OPENS, at + CLOSES) for at in days))
    filled = [Day(at.date(), 1, 10 if number < 100 else 20) for number, at in enumerate(days)]
    filled[150] = replace(filled[150], symbols=15)
    found = completeness(filled, Span(days[0], days[-1] + timedelta(days=1)), calendar)
    assert found.partial == (Partial(filled[150].day, 1, 15, 20.0),)


@pytest.mark.parametrize(
    ("kind", "own", "expected"),
    [(Kind.PRICES, None, "XNYS"), (Kind.PRICES, "XLON", "XLON"), (Kind.PRICES, "", ""), (Kind.TABLE, None, "")],
)
def test_a_dataset_may_have_a_calendar_of_its_own(kind, own, expected):
    assert calendar_of(Dataset("d", kind, "p", "A.B.C", calendar=own), "XNYS") == expected


def test_days_without_a_session_are_outside():
    assert completeness([*ALL, Day(day(10), 3, 1)], SPAN, CALENDAR).outside == (Day(day(10), 3, 1),)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [(0, 0, 10), (1, 0, 9), (15 / 24, 0, 9), (14 / 24, 0, 10), (0, -3 + 20.9 / 24, 9), (0, -3 + 21 / 24, 10)],
)
def test_a_session_is_expected_when_it_is_wholly_within_the_span(since, until, expected):
    span = Span(SPAN.since + timedelta(days=since), SPAN.until + timedelta(days=until))
    found = completeness(ALL, span, CALENDAR)
    assert (found.expected, found.missing) == (expected, 0)
    assert found.outside == (), "a session that goes on is none too many"


def test_days_beyond_the_span_count_for_nothing():
    span = Span(SPAN.since + timedelta(days=2), SPAN.since + timedelta(days=4))
    found = completeness(ALL, span, CALENDAR)
    assert ([each.day for each in found.days], found.expected) == ([day(7), day(8)], 2)


def test_what_is_usual_is_of_as_many_sessions_before_as_after():
    days = [MONDAY + timedelta(days=number) for number in range(2 * AROUND + 1)]
    calendar = Calendar("ALL", "UTC", tuple(Session(at.date(), at + OPENS, at + CLOSES) for at in days))
    filled = [Day(at.date(), 1, 20 if number < AROUND else 10) for number, at in enumerate(days)]
    filled[AROUND] = replace(filled[AROUND], symbols=15)
    found = completeness(filled, Span(days[0], days[-1] + timedelta(days=1)), calendar)
    assert filled[AROUND].day not in [each.day for each in found.partial]


def test_without_a_calendar_days_with_rows_are_counted():
    found = completeness(ALL[:4], SPAN, None)
    assert (found.expected, found.share, len(found.days), found.usual) == (None, None, 4, 10.0)


def test_the_latest_row_may_be_sessions_behind():
    late = judged(latest=MONDAY + timedelta(days=3), latest_day=day(8), days=ALL[:4])
    assert (late.freshness.behind, late.freshness.last_session.day) == (6, day(16))
    assert "The latest row is 6 sessions behind." in late.findings
    assert judged(latest_day=day(16), days=ALL).freshness.behind == 0
    assert judged(days=()).freshness.behind == 10, "there is no row at all"
    other = verdict(Facts("anomalies", Kind.ANOMALIES, "D.S.T", days=()), SPAN, None)
    assert (other.freshness.behind, other.completeness.expected) == (None, None)


def test_a_reason_counts_every_row_that_has_it():
    rejected = (Rejected(("a", "b"), 3, 1, 1, 1, ("1",)), Rejected(("b",), 5, 5, 0, 0, ("2", "3")))
    rows = tuple(RejectedRow("k", number, ("a", "b"), "raw", MONDAY) for number in range(9))
    volumes = (Volume(day(5), Totals(read=30, loaded=22, rejected=8)), Volume(day(6), Totals(read=10, loaded=10)))
    found = judged(days=ALL, latest_day=day(16), rejected=rejected, examples=rows, volumes=volumes)
    assert [(each.code, each.rows, each.open, each.share) for each in found.reasons] == [
        ("b", 8, 6, 0.2),
        ("a", 3, 1, 0.075),
    ]
    assert len(found.reasons[0].examples) == EXAMPLES
    assert found.findings == ("6 rejected rows still open.",)


def test_reasons_of_as_many_rows_are_in_the_order_of_their_codes():
    rejected = tuple(Rejected((code,), 2, 2, 0, 0, ()) for code in "bac")
    assert [each.code for each in judged(days=ALL, rejected=rejected).reasons] == ["a", "b", "c"]


def test_examples_are_taken_until_each_reason_has_some():
    many = [Rejected(("a",), 9, 9, 0, 0, (f"{number}", f"{number}x")) for number in range(9)]
    assert wanted([*many, Rejected(("a", "b"), 1, 1, 0, 0, ("last",))]) == ["0", "0x", "1", "last"]


def test_what_is_well_has_no_findings_and_what_is_not_there_one():
    assert judged(days=ALL, latest_day=day(16), repeated=Repeated(0, 0)).findings == ()
    assert judged(made=False).findings == ("The table does not exist yet.",)
    refused = judged(
        days=ALL, latest_day=day(16), volumes=(Volume(day(5), Totals(refused=2)),), repeated=Repeated(1, 2)
    )
    assert refused.findings == (
        "2 object versions refused as a whole.",
        "1 key more than once in the table.",
    )
