"""Codes of keys: the same for equal keys alone, and as small as they can be."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.core.model import BatchPlan, CleanBatch, Refusal
from etl_daemon.core.rules.precedence import Room, comparable, gather, key_codes
from tests.support.rows import PRICES, cleaned, price, ref

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def minutes(*numbers: int) -> pa.Array:
    return pa.array([NOON + timedelta(minutes=number) for number in numbers], pa.timestamp("us", "UTC"))


def codes(**columns: pa.Array) -> list[int]:
    return key_codes(pa.table(columns)).tolist()


def alike(keys: list, found: list[int]) -> bool:
    """Whether equal keys, and no others, have equal codes."""
    return [keys.index(key) for key in keys] == [found.index(code) for code in found]


def test_instants_are_counted_from_the_first_in_their_unit():
    assert codes(at=minutes(0, 5, 1)) == [0, 5, 1]
    assert codes(at=minutes(7, 7)) == [0, 0]


def test_a_second_column_has_a_code_within_the_first():
    at, symbol = minutes(0, 1, 1, 0), pa.array(["b", "a", "b", "b"])
    assert codes(symbol=symbol, at=at) == [0, 3, 1, 0]
    assert codes(at=at, symbol=symbol.dictionary_encode()) == [0, 3, 2, 0]


def test_whole_numbers_may_be_anything_between_the_bounds_of_int64():
    low, high = -(2**63), 2**63 - 1
    numbers = [low, high, 0, low, 5, high]
    assert alike(numbers, codes(id=pa.array(numbers)))
    assert codes(id=pa.array([5, 3, 4])) == [2, 0, 1]


def test_more_possible_keys_than_numbers_are_made_dense():
    chance = random.Random(3)
    wide = [chance.choice([0, 1, 2**61, 2**60 + 7]) for _ in range(60)]
    other = [chance.choice([0, 3, 2**60]) for _ in range(60)]
    third = [chance.choice("ab") for _ in range(60)]
    found = codes(a=pa.array(wide), b=pa.array(other), c=pa.array(third))

    assert alike(list(zip(wide, other, third, strict=True)), found)
    assert min(found) >= 0


def test_chunks_with_dictionaries_of_their_own_have_codes_in_common():
    chunks = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", "c", "b"]).dictionary_encode()]
    assert codes(symbol=pa.chunked_array(chunks)) == [0, 1, 1, 2, 1]


def test_json_is_compared_by_its_text():
    column = pa.chunked_array([pa.array(["[1]", "[2]", "[1]"], pa.json_())])
    assert comparable(column).type == pa.string()
    assert codes(value=column) == [0, 1, 0]


def test_no_rows_have_no_codes():
    assert codes(at=minutes(), symbol=pa.array([], pa.string())) == []


def test_codes_lie_where_the_room_has_them_and_pages_are_let_go():
    made, let_go = [], []
    room = Room(lambda rows: made.append(np.zeros(rows, np.int64)) or made[-1], lambda: let_go.append(1))
    found = key_codes(pa.table({"at": minutes(0, 3)}), room)

    assert found is made[0]
    assert let_go


def test_slices_of_an_object_that_is_refused_in_the_end_go_by_what_it_is():
    """The same object may come as another value that is equal."""
    good, bad = cleaned(ref("a"), [price()]), cleaned(ref("b"), [price("IBM")])
    batch = CleanBatch(BatchPlan(PRICES, (ref("a"), ref("b"))), iter([good, bad, Refusal(ref("b"), "bad_share", "")]))
    staged = gather(batch)

    assert [part.ref for part in staged.slices] == [ref("a")]
    assert [each.ref for each in staged.refusals] == [ref("b")]


@pytest.mark.parametrize(
    ("instants", "found"), [((0, 60), [0, 60]), ((0, 60 * 24), [0, 1]), ((2880, 0, 4320), [2, 0, 3])]
)
def test_days_are_counted_as_days_and_minutes_as_minutes(instants, found):
    assert codes(at=minutes(*instants)) == found
