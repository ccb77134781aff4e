"""Which objects are one delivery, and which delivery is the newest."""

from __future__ import annotations

import pytest

from etl_daemon.core.datasets import Mode
from etl_daemon.core.model import Known, ObjectRef
from etl_daemon.core.planning.deliveries import deliveries, due
from etl_daemon.core.planning.discovery import OWN_PREFIX
from tests.support.rows import NOW, PRICES, ref
from tests.support.targets import of


def grouped(pattern: str | None, *refs: ObjectRef) -> list[str]:
    dataset = of(PRICES, "TRUNCATE_INSERT", snapshot_group=pattern)
    return [" ".join(sorted(each.key for each in group)) for group in deliveries(dataset, refs)]


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (None, ["1/a.x", "1/b.y", "2/a.x", "odd"]),
        (r"(\d)/", ["1/a.x 1/b.y", "2/a.x", "odd"]),
        (r"\d", ["1/a.x 1/b.y", "2/a.x", "odd"]),
        (r"/(?P<name>\w)\.(x|y)", ["1/a.x 2/a.x", "1/b.y", "odd"]),
        (r"(\d)/(z)?", ["1/a.x 1/b.y", "2/a.x", "odd"]),
    ],
)
def test_objects_with_the_same_match_are_one_delivery(pattern, groups):
    refs = [ref("1/a.x"), ref("1/b.y", minutes=1), ref("2/a.x", minutes=2), ref("odd", minutes=3)]

    found = grouped(pattern, *reversed(refs))

    assert found == groups


def test_a_delivery_is_as_old_as_its_oldest_object():
    old, late, new = ref("1/a"), ref("1/b", minutes=9), ref("2/a", minutes=5)

    assert grouped(r"(\d)/", new, late, old) == ["1/a 1/b", "2/a"]
    again = ref("1/a", "v2", minutes=8)
    assert grouped(r"(\d)/", new, late, again) == ["2/a", "1/a 1/b"], "all of it was delivered again"
    assert grouped(r"(\d)/", ref("2/a"), ref("1/a")) == ["1/a", "2/a"], "equally old: the greater key is the newer"


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.TRUNCATE_INSERT])
def test_the_daemons_own_objects_are_no_delivery(mode):
    dataset, known = of(PRICES, mode), Known()

    found = due(dataset, [ref(f"{OWN_PREFIX}lease/x"), ref("a")], known)
    assert [each.key for each in found.pending] == ["a"]
    assert (found.since, found.listed, found.settled) == (NOW, 1, ())
    assert due(dataset, [ref(f"{OWN_PREFIX}lease/x")], known).pending == ()


def test_what_is_settled_moves_the_watermark_but_no_instant_that_is_open():
    known = Known({"a": "v1", "b": "v1"})
    found = due(of(PRICES, "FULL"), [ref("a"), ref("b", minutes=1), ref("c", minutes=1)], known)

    assert found.settled == (NOW,)
    assert [each.key for each in found.pending] == ["a", "b", "c"]
