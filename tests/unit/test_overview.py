"""What the status page says, from progress and history alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest

from etl_daemon.core.events import BatchCommitted, CyclePlanned, DatasetFailed, DatasetSettled, LeaseAwaited
from etl_daemon.core.events.examples import LOOKED_AT_IN_SLICE, PER_REASON, RAW_LENGTH, Example, examples
from etl_daemon.core.model import CleanSlice, Counts
from etl_daemon.core.pages.charts import HEIGHT, HOUR, LEAST, WEEK, WIDTH, chart, sparkline
from etl_daemon.core.pages.overview import overview
from etl_daemon.core.pages.panel import Recent, State
from etl_daemon.core.pages.words import size
from etl_daemon.core.status.history import ExampleLine, Period, Tally
from etl_daemon.errors import TransientError
from tests.support.rows import NOW, ref
from tests.unit.test_health import IDENTITY, PATIENCE, PLANNED, RECEIPT, after, moment

DOWN = TransientError("The store did not answer.", hint="look at the network")
NOTHING = CyclePlanned("p", 0, 0, 0, None, False)


def page(*events, recent=None, draining=False):
    return overview(IDENTITY, moment(after(*events), draining=draining), PATIENCE, recent or Recent())


def minute(back, loaded, quarantined=0, dataset="p"):
    return Period(NOW - timedelta(minutes=back), dataset, Tally(loaded=loaded, quarantined=quarantined))


@pytest.mark.parametrize(
    ("events", "kind", "words"),
    [
        ([], "busy", "Starting: source and destination have not both answered yet."),
        ([NOTHING], "well", "Working. Everything is loaded."),
        ([PLANNED], "busy", "Loading p."),
        ([PLANNED, DatasetFailed("p", DOWN)], "trouble", "Working, but not on p."),
        ([LeaseAwaited("", "host:2 has it", NOW)], "waiting", "Standing by: another process does the work."),
    ],
)
def test_the_state_of_all_is_said_in_words(events, kind, words):
    state = page(*events).state
    assert (state.kind, state.words) == (kind, words)


def test_the_state_of_each_dataset_is_said_in_words():
    failed = page(PLANNED, DatasetFailed("p", DOWN)).panels[0].state
    assert failed == State("trouble", "Failing: The store did not answer.", "look at the network")
    assert page(PLANNED).panels[0].state == State("busy", "2 objects to load, the oldest for 2 h.")
    assert page(DatasetSettled("p")).panels[0].state == State("well", "Up to date.")
    assert page().panels[0].state == State("waiting", "Not looked at yet.")
    assert page(NOTHING, draining=True).state.words == "Finishing the batch in hand, then it ends."


def test_facts_are_there_where_there_is_something_to_say():
    panel = page(PLANNED, BatchCommitted("p", RECEIPT, 2.5)).panels[0]
    assert panel.facts["Waiting"] == "nothing"
    assert panel.facts["Last batch"] == "6 rows, less than a second ago"
    assert (panel.facts["Refused"], panel.facts["Anomalies"]) == ("1 object", "3 high")
    assert not {"Refused", "Anomalies"} & page().panels[0].facts.keys()
    assert page(PLANNED).panels[0].facts["Waiting"] == "2 objects, 150 B"
    assert [size(count) for count in (0, 999, 1_000, 2_500_000, 3e12, 4e15)] == [
        *("0 B", "999 B", "1.0 kB", "2.5 MB", "3.0 TB", "4000.0 TB")
    ]


def test_reasons_come_with_what_they_mean_and_a_row_of_their_own_dataset():
    lines = [
        ExampleLine(NOW, dataset, "b", Example("k", row, (reason,), "raw"))
        for dataset, row, reason in (("q", 1, "price_range"), ("p", 2, "ohlc_relation"), ("p", 3, "price_range"))
    ]
    rejected = page(BatchCommitted("p", RECEIPT, 1.0), recent=Recent(examples=tuple(lines))).panels[0].rejected
    assert [(each.reason, each.rows, each.examples) for each in rejected] == [
        ("price_range", 2, (lines[2],)),
        ("ohlc_relation", 1, (lines[1],)),
    ]
    assert all(each.meaning.endswith(".") for each in rejected)


def test_a_panel_has_what_came_of_its_own_dataset():
    own = [CyclePlanned(name, 0, 0, 0, None, False) for name in ("p", "q", "r")]
    periods = (minute(0, 5, 1), replace(minute(0, 7), dataset="q"), minute(1, 6))
    p, q, r = page(*own, recent=Recent(periods, periods[:2])).panels
    assert [each.charts[0].words.split(" in ")[0] for each in (p, q, r)] == [
        "11 rows loaded and 1 rejected",
        "7 rows loaded and 0 rejected",
        "Nothing came",
    ]
    assert [each.charts[1].words.split(" in ")[0] for each in (p, q)] == [
        "5 rows loaded and 1 rejected",
        "7 rows loaded and 0 rejected",
    ]


def test_bars_stand_at_their_minute_and_add_up():
    drawn = chart([minute(0, 50, 50), minute(0, 20), minute(59, 10), minute(60, 999)], HOUR, NOW)
    first, last = drawn.bars
    assert (first.x, round(last.x + WIDTH / HOUR.count)) == (0, WIDTH)
    (few,), (loaded, rejected) = first.parts, last.parts
    assert (few.kind, loaded.kind, rejected.kind) == ("loaded", "loaded", "rejected")
    assert loaded.height + rejected.height == pytest.approx(HEIGHT - 2 * LEAST, abs=0.02)
    assert few.height == pytest.approx((HEIGHT - 2 * LEAST) / 12, abs=0.02)
    assert drawn.words == "80 rows loaded and 50 rejected in the last hour, at most 120 in one minute."
    assert rejected.top + rejected.height == pytest.approx(loaded.top, abs=0.02)
    assert loaded.top + loaded.height == pytest.approx(HEIGHT, abs=0.02)
    assert last.words.endswith("70 loaded, 50 rejected")


def test_a_single_row_among_a_million_can_be_seen():
    first, last = chart([minute(5, 1_000_000), minute(0, 0, 1)], HOUR, NOW).bars
    assert [(part.kind, part.height) for part in last.parts] == [("rejected", LEAST)]
    assert first.parts[0].top >= 0


def test_nothing_is_said_in_words_too():
    drawn = chart([], WEEK, NOW)
    assert (drawn.bars, drawn.words) == ((), "Nothing came in the last 7 days.")


def rejecting(*rows, key="a"):
    columns = {"OBJECT_ROW": pa.array([row for row, *_ in rows], pa.int64())}
    columns |= {name: pa.array([row[at] for row in rows], pa.string()) for at, name in ((1, "REASONS"), (2, "RAW"))}
    return CleanSlice(ref(key), pa.table({}), pa.table(columns), pa.table({}), Counts())


def test_a_few_rows_of_each_reason_are_examples():
    common = [(row, "price_range", "x" * 9_999) for row in range(50)]
    two = (50, "volume_negative,price_range", None)
    found = examples([rejecting(*common, two), rejecting((1, "undecodable", "{"))])
    assert [(each.row, each.reasons) for each in found] == [
        *((row, ("price_range",)) for row in range(PER_REASON)),
        (50, ("volume_negative", "price_range")),
        (1, ("undecodable",)),
    ]
    assert (len(found[0].raw), found[3].raw) == (RAW_LENGTH, "")


def test_examples_cost_little_however_many_rows_there_are():
    many = rejecting(*((row, "price_range", "") for row in range(LOOKED_AT_IN_SLICE + 5)))
    looked_at = []

    def slices():
        for number in range(1_000):
            looked_at.append(number)
            yield replace(many, first_row=number)

    assert len(examples(slices())) == PER_REASON
    assert len(looked_at) == 10


def test_a_line_of_text_shows_an_hour():
    line = sparkline([minute(59, 1), minute(30, 500), minute(0, 1_000), minute(1, 0)], HOUR, NOW)
    assert line == "▁" + " " * 8 + "▄" + " " * 9 + "█"
    assert sparkline([], HOUR, NOW).strip() == ""
