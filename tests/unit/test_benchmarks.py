"""What of the benchmarks needs no clock: their comparing, and that what is stored and what is shown agree."""

import dataclasses
import re

import pytest

from benchmarks import plot, stored, table
from benchmarks.__main__ import RESULTS
from benchmarks.contests import CONTESTS
from benchmarks.race import OURS, Bound, Contender, Heat, Outcome, Ratio, Spread, Took, run

THEIRS = "another"


def outcome(median: float, *, contest: str = "kernel", work: str = "rules", at_least: float = 2.0) -> Outcome:
    ratio = Ratio(OURS, THEIRS, Spread(median / 2, median, median * 2), median, at_least)
    return Outcome(contest, work, 3, {OURS: 10, THEIRS: 10}, {}, (ratio,))


def test_a_ratio_compares_rows_per_second_run_by_run():
    walls = iter([9.0, 9.0, 1.0, 4.0, 6.0, 3.0])  # to warm up; then ours first, theirs first
    ours = Contender(OURS, 100, lambda: Took(next(walls), 1.0))
    theirs = Contender(THEIRS, 200, lambda: Took(next(walls), 3.0))
    checked = []
    heat = Heat("rules", (ours, theirs), (Bound(THEIRS, 2.0),), lambda: checked.append(1))
    found = run("kernel", heat, runs=2)
    assert checked == [1]
    assert found.seconds == {OURS: Spread(1.0, 2.0, 3.0), THEIRS: Spread(4.0, 5.0, 6.0)}
    (ratio,) = found.ratios
    assert ratio.times == Spread(1.0, 1.5, 2.0)
    assert ratio.cpu == 1.5
    assert not ratio.met
    assert dataclasses.replace(ratio, at_least=1.5).met


@pytest.mark.parametrize(("median", "lines"), [(10.0, 0), (6.6, 0), (6.4, 1)])
def test_only_what_fell_by_more_than_the_margin_is_reported(median, lines):
    assert len(stored.slower([outcome(median)], [outcome(10.0)], margin=0.35)) == lines


def test_what_nothing_is_stored_of_is_reported():
    (line,) = stored.slower([outcome(10.0, work="new")], [outcome(10.0)])
    assert "nothing is stored" in line


def test_what_ran_again_takes_the_place_of_what_was_stored_in_the_order_of_the_contests(tmp_path):
    before = stored.Stored({"numpy": "1"}, (outcome(1.0, contest="transformer"), outcome(2.0, work="old")))
    after = before.merged({"numpy": "2"}, [outcome(3.0, work="a"), outcome(4.0, work="b")], list(CONTESTS))
    assert [(each.contest, each.work) for each in after.outcomes] == [
        ("transformer", "rules"),
        ("kernel", "a"),
        ("kernel", "b"),
    ]
    assert after.conditions == {"numpy": "2"}
    stored.write(tmp_path / "r.json", {"full": after, "short": before})
    assert stored.read(tmp_path / "r.json") == {"full": after, "short": before}
    assert stored.read(tmp_path / "none.json") == {"full": stored.Stored(), "short": stored.Stored()}


def test_page_and_picture_are_made_of_what_is_stored():
    forms = stored.read(RESULTS)
    assert (RESULTS.parent / "RESULTS.md").read_text("utf-8") == table.page(forms)
    assert (RESULTS.parent / "results.svg").read_text("utf-8") == plot.picture(forms["full"].outcomes)


def test_each_contest_has_run_in_both_forms():
    for form, each in stored.read(RESULTS).items():
        assert {outcome.contest for outcome in each.outcomes} == set(CONTESTS), form


def test_a_missed_bound_is_told():
    assert "| >= 2 | met |" in table.ratios([outcome(2.0)])[-1]
    assert "| >= 2 | **missed** |" in table.ratios([outcome(1.99)])[-1]
    assert plot.MISSED in plot.picture([outcome(1.0)])


def test_nothing_tells_of_the_machine():
    text = (RESULTS.parent / "RESULTS.md").read_text("utf-8") + RESULTS.read_text("utf-8")
    assert re.findall(r"/(?:home|root|tmp|work|usr)/\S*", text) == []
