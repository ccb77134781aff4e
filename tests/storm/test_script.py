"""A seed is a storm: what happens and what is written, which never asks the checker to know what it cannot."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise

from tests.storm import script
from tests.storm.script import FRESH, GARBAGE, LARGE, LATE, LATE_KIND, OLD_ENOUGH_SECONDS, RESTATED

KINDS = {"kill -9": 5.0, "reset": 20.0}


def test_the_same_seed_is_the_same_storm_and_another_one_is_another() -> None:
    assert script.acts(1, 600, KINDS) == script.acts(1, 600, KINDS) != script.acts(2, 600, KINDS)
    assert script.deliveries(1, 60, 1) == script.deliveries(1, 60, 1) != script.deliveries(2, 60, 1)


def test_a_further_kind_changes_nothing_of_the_others() -> None:
    more = script.acts(1, 600, {"503": 3.0, **KINDS})
    assert [act for act in more if act.kind in KINDS] == script.acts(1, 600, KINDS)
    assert [act.at_seconds for act in more] == sorted(act.at_seconds for act in more)


def test_everything_is_written_within_time_some_of_it_restated_garbage_late_and_large() -> None:
    written = script.deliveries(1, 600, 1)
    assert {each.kind for each in written} == {FRESH, RESTATED, GARBAGE, LATE_KIND, LARGE}
    assert all(each.at_seconds < 600 for each in written)
    assert all((LATE in each.key) >= (each.kind == LATE_KIND) for each in written)
    assert all(each.body.startswith(b"PAR1") == each.refused for each in written)
    assert {each.dataset for each in written if each.at_seconds == 0} == set(script.PREFIXES)


def test_what_restates_an_object_is_later_and_has_all_of_its_keys() -> None:
    versions = defaultdict(list)
    for each in script.deliveries(1, 600, 1):
        versions[each.key].append(each)
    assert any(len(each) > 2 for each in versions.values())
    for each in versions.values():
        for before, after in pairwise(each):
            assert after.kind == RESTATED
            assert after.at_seconds - before.at_seconds >= OLD_ENOUGH_SECONDS - 1e-6
            assert before.dataset == "ticks" or keys(before) == keys(after)


def keys(delivery: script.Delivery) -> list[tuple[str, str]]:
    rows = [json.loads(text) for text, fit in delivery.lines if fit]
    return [(row["symbol"], row["timestamp"]) for row in rows]
