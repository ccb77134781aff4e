"""The pages of a dataset and of the quarantine, from what the history has of them."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from etl_daemon.core.datasets import Kind
from etl_daemon.core.events.examples import Example
from etl_daemon.core.model import Counts
from etl_daemon.core.pages.charts import HEIGHT, HOUR, OTHERS, WEEK, reason_charts
from etl_daemon.core.pages.dataset import Seen, dataset_page, objects_asked, symbol_asked
from etl_daemon.core.pages.paging import page_of, paged
from etl_daemon.core.pages.plot import EDGE, WIDTH, plot
from etl_daemon.core.pages.plot import HEIGHT as PLOT_HEIGHT
from etl_daemon.core.pages.quarantine import QuarantineSeen, command, quarantine_page, rows_asked
from etl_daemon.core.status.asked import Found, ObjectsAsked, RowsAsked
from etl_daemon.core.status.history import ExampleLine, Flag, ObjectLine, Point, ReasonPeriod
from tests.support.pages import READY, Given, P, ask
from tests.support.rows import NOW

HOSTILE = "<script>alert('1')</script>\" onfocus=\"x"
HOSTILE_QUERY = "&".join(
    f"{name}=%3Cscript%3Ealert(1)%3C/script%3E%22%20onfocus=%22x"
    for name in ("symbol", "key", "outcome", "text", "reason", "dataset", "since", "until", "batch")
)
PROGRESS = READY.progress.datasets["p"]


def reason(back, name, rows):
    return ReasonPeriod(NOW - timedelta(minutes=back), "p", name, rows)


def test_reasons_stand_upon_each_other_in_the_same_colour_in_both_charts():
    weekly = [ReasonPeriod(NOW, "p", f"r{n}", 100 - n) for n in range(8)]
    hourly = [reason(0, "r7", 1), reason(0, "r1", 3), reason(5, "r1", 2), reason(60, "r0", 9), reason(0, "new", 1)]
    first, second = reason_charts([(HOUR, hourly), (WEEK, weekly)], NOW)
    assert second.key == {**{f"kind-{n + 1}": f"r{n}" for n in range(5)}, OTHERS: "others"}
    assert first.key == {"kind-2": "r1", OTHERS: "others"}
    assert [[part.kind for part in bar.parts] for bar in first.bars] == [["kind-2"], ["kind-2", OTHERS]]
    assert first.words == "Rejected in the last hour: 5 r1, 1 r7, 1 new."
    lower, upper = first.bars[1].parts
    assert (lower.top + lower.height, upper.top + upper.height) == pytest.approx((HEIGHT, lower.top), abs=0.02)
    assert lower.height == pytest.approx(1.5 * upper.height, abs=0.05)
    assert first.bars[1].words.endswith("UTC: 3 r1, 2 others")
    assert reason_charts([(WEEK, [])], NOW)[0].words == "Nothing was rejected in the last 7 days."


def test_many_reasons_of_few_rows_fit_the_picture():
    periods = [ReasonPeriod(NOW, "p", "r0", 10**9), *(ReasonPeriod(NOW, "p", f"r{n}", 1) for n in range(1, 9))]
    (bar,) = reason_charts([(WEEK, periods)], NOW)[0].bars
    assert len(bar.parts) == 6
    assert all(part.height > 1 for part in bar.parts)
    assert bar.parts[-1].top >= 0


def test_values_become_a_line_and_anomalies_marks_on_it():
    points = [Point(NOW, 10.0), Point(NOW + timedelta(minutes=5), 20.0), Point(NOW + timedelta(minutes=10), 15.0)]
    flags = [Flag(points[1].at, 20.0, "x", "high", "far"), Flag(points[2].at, None, "y", "low", "unknown")]
    drawn = plot("Close", points, flags)
    left, right, low, high = EDGE, WIDTH - EDGE, PLOT_HEIGHT - EDGE, EDGE
    assert drawn.line == f"{left},{low} {WIDTH // 2},{high} {right},{PLOT_HEIGHT // 2}"
    assert [(mark.x, mark.y, mark.kind) for mark in drawn.marks] == [(WIDTH / 2, high, "high")]
    assert (drawn.low, drawn.high, drawn.first, drawn.last) == ("10", "20", "2026-01-05 12:00", "2026-01-05 12:10")
    assert drawn.words == "3 values from 2026-01-05 12:00 to 2026-01-05 12:10, between 10 and 20, and 1 anomaly."
    assert plot("Close", [], flags[1:]) is None
    assert plot("Close", points[:1], []).line == f"{left},{low}", "one value has no range"


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({}, ObjectsAsked("p")),
        ({"key": "a b", "outcome": "refused", "page": "3"}, ObjectsAsked("p", text="a b", outcome="refused", page=3)),
        ({"outcome": "any'thing", "page": "-1"}, ObjectsAsked("p")),
        ({"page": "9" * 99}, ObjectsAsked("p")),
    ],
)
def test_objects_are_asked_for_by_the_query(query, asked):
    assert objects_asked("p", query) == asked


def test_a_symbol_that_is_not_there_is_the_busiest_one():
    assert [symbol_asked({"symbol": text}, ("A", "B")) for text in ("", " B ", "C")] == ["A", "B", "A"]
    assert symbol_asked({}, ()) == ""


def test_other_pages_are_asked_for_with_all_else_that_was():
    found = paged(Found(("x",), 120, 2), {"key": "a&b", "symbol": "", "page": "2"})
    assert (found.earlier, found.later) == ("?key=a%26b&page=1", "?key=a%26b&page=3")
    assert found.words == "51 to 51 of 120 objects."
    assert (paged(Found(), {}).words, paged(Found(), {}).later, page_of({"page": "٣"})) == ("No objects.", "", 1)


def test_datasets_of_other_kinds_have_no_values_of_symbols():
    for kind, title in ((Kind.PRICES, "Close"), (Kind.INDICATORS, "RSI"), (Kind.ANOMALIES, None), (Kind.TABLE, None)):
        values = dataset_page(replace(P, kind=kind), PROGRESS, Seen(symbols=("A",)), {}, NOW).values
        assert (values.title if values else None) == title


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({}, RowsAsked()),
        (
            {"since": "36h", "until": "2026-01-05"},
            RowsAsked(since=NOW - timedelta(hours=36), until=NOW.replace(hour=0)),
        ),
        ({"text": " x ", "batch": " b1 ", "page": "2"}, RowsAsked(text=" x ", batch_id="b1", page=2)),
    ],
)
def test_rows_are_asked_for_by_the_query(query, asked):
    assert rows_asked(query, NOW).rows == asked


def test_a_time_that_is_none_is_said_and_left_out():
    query = {"since": "yesterday", "dataset": "p"}
    found = quarantine_page(QuarantineSeen(), ("p",), query, NOW)
    assert "'yesterday' is no instant" in found.problem
    assert found.listing == "etl-daemon quarantine list --dataset p"


def test_commands_have_the_filters_and_are_safe_to_paste():
    query = {"dataset": "p", "reason": "$(rm -rf ~)", "since": "14d", "text": "no option"}
    assert shlex.split(command("replay", query)) == [
        *("etl-daemon", "quarantine", "replay", "--dataset", "p", "--reason", "$(rm -rf ~)", "--since", "14d")
    ]


def test_each_row_comes_with_what_its_reasons_mean_and_its_own_commands():
    line = ExampleLine(NOW, "p", "b1", Example("k", 3, ("price_range", "nobody_knows"), "raw", "v"))
    row = quarantine_page(QuarantineSeen(Found((line,), 1)), ("p",), {}, NOW).rows.found.lines[0]
    assert row.meanings["price_range"].endswith(".")
    assert row.meanings["nobody_knows"] == ""
    assert re.fullmatch(r"etl-daemon quarantine replay --id [0-9a-f]{12}", row.replay)


def seen(text):
    line = ExampleLine(NOW, text, text, Example(text, 3, (text,), text, text))
    held = ObjectLine(text, text, text, Counts(), 1, NOW, NOW, text, text)
    period = ReasonPeriod(NOW, text, text, 4)
    return Given(
        of_dataset=Seen(
            minutes=(period,),
            hours=(period,),
            objects=Found((held,), 60),
            symbols=(text,),
            points=(Point(NOW, 1.0),),
            flags=(Flag(NOW, 1.0, text, text, text),),
        ),
        rejected=QuarantineSeen(Found((line,), 60), (period,)),
    )


@pytest.mark.parametrize("path", ["/datasets/p", "/quarantine"])
@pytest.mark.parametrize("query", ["", HOSTILE_QUERY], ids=["plain", "hostile"])
def test_what_came_in_by_rows_keys_or_addresses_is_text(path, query):
    status, _, body = ask(path, query=query, history=seen(HOSTILE))
    text = body.decode()
    assert status == 200
    assert HOSTILE in unescape(text)
    assert len(re.findall("<script", text)) == 1, "its own"
    assert re.findall(r"<[^>]* onfocus=[^>]*>", re.sub(r'"[^"]*"', "", text)) == []


def test_where_rows_are_hidden_there_are_counts_and_no_form():
    shown, hidden = (
        ask("/quarantine", history=Given(rejected=replace(seen("secret").rejected, hidden=hides)))[2].decode()
        for hides in (False, True)
    )
    assert 'name="text"' in shown
    assert 'name="text"' not in hidden
    assert "ETL_HTTP_ROWS=true" in hidden
    assert '<td class="number">4</td>' in hidden


def test_where_rows_are_hidden_there_are_no_values_either():
    page = ask("/datasets/p", history=Given(of_dataset=Seen(hidden=True)))[2].decode()
    assert "ETL_HTTP_ROWS=true" in page
    assert 'name="symbol"' not in page


def test_a_history_that_cannot_be_read_is_said():
    history = Given(of_dataset=Seen(unread="no disk"), rejected=QuarantineSeen(unread="no disk"))
    for path in ("/datasets/p", "/quarantine"):
        assert "There is no history to show: no disk" in ask(path, history=history)[2].decode()
