from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from etl_daemon.core.datasets import Kind
from etl_daemon.core.quality.documents import COLUMNS, document, lines
from etl_daemon.core.quality.facts import (
    Anomalies,
    Curve,
    Facts,
    FlaggedDay,
    Lag,
    Rejected,
    Repeated,
    Restatements,
    Totals,
    Volume,
)
from etl_daemon.core.quality.plots import MOST_POINTS, plots
from etl_daemon.core.quality.report import Report, verdict
from etl_daemon.core.quality.sessions import Day, Span
from tests.unit.test_completeness import ALL, CALENDAR, SPAN, day

FACTS = Facts("prices", Kind.PRICES, "D.S.T", days=ALL[1:], latest_day=day(16))


def drawn(facts=FACTS, span=SPAN, calendar=CALENDAR):
    return plots(verdict(facts, span, calendar), span)


def parts(chart):
    return {bar.words: {part.kind: part.height for part in bar.parts} for bar in chart.bars}


def test_a_missing_session_is_as_high_as_what_is_usual():
    found = drawn(replace(FACTS, days=(*ALL[1:-1], replace(ALL[-1], symbols=5)))).days
    bars = parts(found)
    assert bars["2026-01-05: 10 missing"]["rejected"] == bars["2026-01-06: 10 symbols"]["loaded"]
    assert set(bars["2026-01-16: 5 symbols, 5 missing"]) == {"loaded", "rejected"}
    assert found.words == "9 days have rows, at most 10 symbols in one. Of 10 sessions 1 have none."
    assert found.key == {"loaded": "symbols", "rejected": "missing"}


def test_a_missing_session_is_no_higher_for_a_day_that_has_more_than_is_usual():
    found = drawn(replace(FACTS, days=(*ALL[1:-1], replace(ALL[-1], symbols=30)))).days
    assert "2026-01-05: 10 missing" in parts(found)


def test_a_long_span_has_bars_of_several_days_and_the_worst_of_them():
    span = Span(SPAN.since, SPAN.since + timedelta(days=150))
    volumes = tuple(
        Volume(SPAN.since.date() + timedelta(days=n), Totals(loaded=n, rejected=n == 3)) for n in range(149)
    )
    found = drawn(replace(FACTS, volumes=volumes), span).volumes
    assert (found.title, len(found.bars)) == ("Rows per day of the commit, the worst of 2 in a bar", 75)
    assert found.bars[1].words == "2026-01-07: 3 loaded, 1 rejected"
    assert found.words == "11,026 rows loaded and 1 rejected, on 149 days."


def test_severities_are_drawn_apart():
    days = tuple(FlaggedDay(day(6), severity, 2) for severity in ("critical", "high", "low", "medium"))
    found = drawn(replace(FACTS, anomalies=Anomalies(days))).anomalies
    assert [bar.words for bar in found.bars] == ["2026-01-06: 4 low or medium, 4 high or critical"]


def test_a_curve_keeps_the_days_with_anomalies_however_long_it_is():
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(3 * MOST_POINTS)]
    marks = ((days[1], 2, "high"), (date(2030, 1, 1), 1, "low"))
    curve = Curve("AAPL", tuple((each, float(n)) for n, each in enumerate(days)), marks)
    (found,) = drawn(replace(FACTS, anomalies=Anomalies(curves=(curve,)))).curves
    assert len(found.line.split()) == MOST_POINTS + 2, "and the last"
    assert [(mark.kind, mark.words) for mark in found.marks] == [("high", "2020-01-02 00:00: high, 2 on this day")]


def test_nothing_is_drawn_of_nothing():
    found = drawn(replace(FACTS, days=None))
    assert (found.days, found.anomalies, found.curves, found.volumes.bars) == (None, None, (), ())
    empty = Curve("AAPL", (), ((day(6), 1, "low"),))
    assert drawn(replace(FACTS, anomalies=Anomalies(curves=(empty,)))).curves == ()


def test_documents_say_the_same():
    facts = replace(
        FACTS, volumes=(Volume(day(6), Totals(read=9, loaded=9)),), last_commit=datetime(2026, 1, 6, tzinfo=UTC)
    )
    report = Report("here", SPAN, SPAN.until, (verdict(facts, SPAN, CALENDAR),))
    told = document(report)["datasets"]["prices"]
    assert told["calendar"] == "XNYS"
    assert (told["completeness"]["absent"], told["completeness"]["missing"]) == (["2026-01-05"], 1)
    assert told["freshness"]["last_commit"] == "2026-01-06T00:00:00+00:00"
    found = [dict(zip(COLUMNS, line, strict=True)) for line in lines(report)]
    assert all(len(line) == len(COLUMNS) for line in found)
    values = {(line["section"], line["figure"], line["day"]): line["value"] for line in found}
    assert values["completeness", "missing", ""] == 1
    assert values["completeness", "symbols", "2026-01-06"] == 10
    assert values["volumes", "read", "2026-01-06"] == 9
    assert ("freshness", "latest", "") not in values, "what is not known has no line"
    assert Day(day(6), 10, 10) in facts.days


def test_figures_that_are_known_have_lines():
    facts = replace(
        FACTS,
        rows=50,
        latest=datetime(2026, 1, 16, 21, tzinfo=UTC),
        lag=Lag(1.0, 2.0, 3.0),
        rejected=(Rejected(("ohlc_relation",), 3, 2, 1, 0),),
        repeated=Repeated(4, 9),
        restatements=Restatements(1, 2, 3, 4),
        anomalies=Anomalies((FlaggedDay(day(6), "high", 2),)),
        volumes=(Volume(day(6), Totals(read=30, loaded=27, rejected=3)),),
    )
    report = Report("here", SPAN, SPAN.until, (verdict(facts, SPAN, CALENDAR),))
    found = {(section, figure, name, on): value for _, section, figure, name, on, value in lines(report)}

    assert found["table", "rows", "", ""] == 50
    assert found["freshness", "latest", "", ""] == "2026-01-16T21:00:00+00:00"
    assert [found["freshness", "lag_seconds", name, ""] for name in ("median", "p95", "most")] == [1.0, 2.0, 3.0]
    assert found["rejects", "rows", "ohlc_relation", ""] == 3
    assert found["rejects", "share", "ohlc_relation", ""] == 0.1
    assert (found["duplicates", "keys", "", ""], found["duplicates", "rows", "", ""]) == (4, 9)
    assert [found["restatements", each, "", ""] for each in ("objects", "versions", "rows", "replaced")] == [1, 2, 3, 4]
    assert found["anomalies", "rows", "high", "2026-01-06"] == 2
    assert found["completeness", "missing_sessions", "until 2026-01-05", "2026-01-05"] == 1
    told = document(report)["datasets"]["prices"]
    assert told["freshness"]["lag_seconds"] == {"median": 1.0, "p95": 2.0, "most": 3.0}
    assert told["duplicates"]["repeated"] == {"keys": 4, "rows": 9}


def test_a_dataset_without_days_has_no_completeness():
    report = Report("here", SPAN, SPAN.until, (verdict(replace(FACTS, days=None), SPAN, CALENDAR),))
    assert not [section for _, section, *_ in lines(report) if section == "completeness"]
    assert document(report)["datasets"]["prices"]["completeness"] is None


@pytest.mark.parametrize(("days", "shown"), [(1, 1), (100, 100), (101, 51), (200, 100), (201, 67)])
def test_there_are_a_hundred_bars_at_most(days, shown):
    span = Span(SPAN.since, SPAN.since + timedelta(days=days))
    volumes = tuple(Volume(SPAN.since.date() + timedelta(days=n), Totals(loaded=1)) for n in range(days))
    assert len(drawn(replace(FACTS, volumes=volumes), span).volumes.bars) == shown
