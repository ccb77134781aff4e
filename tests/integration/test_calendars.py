"""Sessions of exchanges, held against a list that somebody else keeps."""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from etl_daemon.adapters.calendars.exchange import calendar
from etl_daemon.core.quality.sessions import Session, Span
from etl_daemon.errors import ConfigError, SetupError
from tests.support.shared_data import SHARED, needs_shared_data, oracle


def span(since: str, until: str) -> Span:
    first, last = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (since, until))
    return Span(first, last)


@needs_shared_data
def test_all_sessions_of_33_years_are_those_of_the_list() -> None:
    with gzip.open(SHARED / "xnys_calendar/xnys.csv.gz", "rt") as file:
        known = {
            date.fromisoformat(line[""][:10]): tuple(datetime.fromisoformat(line[name]) for name in ("open", "close"))
            for line in csv.DictReader(file)
        }
    found = calendar("XNYS", span("1990-01-01", "2023-01-14"))
    assert (found.zone, found.ahead, len(found.sessions)) == ("America/New_York", 0, 8324)
    assert {each.day: (each.opens, each.closes) for each in found.sessions} == known
    said = oracle("xnys_calendar")["xnys"]["by_year"]
    years = Counter(each.day.year for each in found.sessions)
    assert {year: years[int(year)] for year in said} == said


def test_the_future_has_sessions_too_and_a_holiday_none() -> None:
    found = calendar("XNYS", span("2031-07-03", "2031-07-08"))
    assert [each.day.day for each in found.sessions] == [3, 7]
    assert calendar("XNYS", span("2026-01-03", "2026-01-05")).sessions == ()


def test_sessions_may_open_on_the_evening_before() -> None:
    found = calendar("CMES", span("2026-01-05", "2026-01-06"))
    opens, closes = (datetime(2026, 1, day, 23, tzinfo=UTC) for day in (4, 5))
    assert found.sessions == (Session(date(2026, 1, 5), opens, closes),)
    assert (found.zone, found.ahead) == ("America/Chicago", 7 * 60)


def test_an_exchange_that_is_none_and_times_that_are_not_known_are_explained() -> None:
    with pytest.raises(ConfigError, match="no exchange 'XXXX'"):
        calendar("XXXX", span("2026-01-05", "2026-01-06"))
    with pytest.raises(SetupError, match=r"The sessions of XTKS are not known: .*1997"):
        calendar("XTKS", span("1980-01-01", "2026-01-06"))


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(SetupError) as raised:
        calendar("XNYS", span("2026-01-05", "2026-01-06"))
    assert "pip install 'etl_daemon[report]'" in raised.value.hint
