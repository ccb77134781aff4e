"""How objects are divided among tasks, and what a task tells of its part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl_daemon.core.model import Counts, Deferral, Refusal
from etl_daemon.core.planning.shares import SHARE_BYTES, Report, cut, reported, tasks
from etl_daemon.core.sql.copying import copying, without_rows
from tests.support.rows import cleaned, price, ref

REQUEST = 2**12
"""What an object weighs beside its bytes."""


def objects(*sizes: int) -> list:
    return [replace(ref(f"k{number}"), size=size) for number, size in enumerate(sizes)]


def sizes(shares) -> list[list[int]]:
    return [[each.size for each in share.objects] for share in shares]


@pytest.mark.parametrize(
    ("given", "most", "shares"),
    [
        ((), 4, []),
        ((5,), 4, [[5]]),
        ((5, 5, 5, 5), 1, [[5, 5, 5, 5]]),
        ((5, 5, 5, 5), 2, [[5, 5], [5, 5]]),
        ((5, 5, 5, 5), 9, [[5], [5], [5], [5]]),
        ((10**9, 1, 1, 10**9), 2, [[10**9, 1], [1, 10**9]]),
        ((1, 1, 10**9), 3, [[1, 1], [10**9]]),
        ((0, 0, 0), 3, [[0], [0], [0]]),
    ],
)
def test_shares_are_in_order_and_of_about_one_size(given, most, shares):
    assert sizes(cut(objects(*given), most)) == shares


def test_there_are_as_many_tasks_as_cores_or_more_for_much():
    assert tasks(objects(1, 1), 8) == 8
    whole = SHARE_BYTES - REQUEST
    assert tasks(objects(whole, whole), 1) == 2
    assert tasks(objects(whole, whole + 1), 1) == 3
    assert tasks(objects(*[0] * (SHARE_BYTES // REQUEST + 1)), 1) == 2


def test_what_is_told_comes_back_from_its_text():
    part = replace(cleaned(ref("a"), [price(), price("no no")]), rounded=2, truncated=3, extra=("x",))
    told = reported(part, {"accepted": "f"})

    assert told == Report(
        "slice", part.counts, 1, 0, dict(part.reasons), rounded=2, truncated=3, extra=("x",), files={"accepted": "f"}
    )
    assert Report.of(told.text()) == told
    assert told.reasons == {"symbol_format": 1}


def test_an_object_without_rows_is_told_too():
    assert reported(Refusal(ref("a"), "undecodable", "no"), {}) == Report("refusal", reason="undecodable", detail="no")
    deferral = Deferral(ref("a"), "gone", changed=True)
    assert reported(deferral, {}) == Report("deferral", detail="gone", changed=True)
    assert Report("refusal").counts == Counts()
    assert Report("refusal").first_row == 1


def test_files_are_copied_whole_or_not_at_all():
    assert copying("T", ["A", "B"], "S", ["x", "y"]) == (
        """COPY INTO T ("A", "B") FROM (SELECT $1:"A", $1:"B" FROM @S/) FILES = ('x', 'y') """
        "FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) ON_ERROR = ABORT_STATEMENT FORCE = TRUE"
    )
    assert without_rows("T", "L") == (
        "DELETE FROM T USING L AS l WHERE T._OBJECT_KEY = l._OBJECT_KEY AND T._OBJECT_ROW = l._OBJECT_ROW"
    )
