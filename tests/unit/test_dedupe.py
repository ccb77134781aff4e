"""The last row of each key stays, whichever of the two ways finds it."""

from __future__ import annotations

import numpy as np
import pytest

from etl_daemon.core.rules import dedupe

BEYOND_THE_TABLE = dedupe.TABLES * dedupe.TABLE_CELLS + 5


@pytest.mark.parametrize("offset", [0, BEYOND_THE_TABLE])
@pytest.mark.parametrize(
    ("keys", "last"),
    [
        ([], []),
        ([7], [True]),
        ([1, 1], [False, True]),
        ([1, 2, 1], [False, True, True]),
        ([3, 3, 3, 0], [False, False, True, True]),
        ([0, 1, 2], [True, True, True]),
        ([2, 1, 2, 1, 2], [False, False, False, True, True]),
    ],
)
def test_the_last_row_of_every_key_is_marked(keys, last, offset):
    marked = dedupe.last_of_each(np.array(keys, np.int64) + offset)

    assert marked.dtype == np.bool_
    assert marked.tolist() == last


@pytest.mark.parametrize("low", [0, BEYOND_THE_TABLE])
def test_many_rows_keep_as_many_as_there_are_keys(low):
    keys = np.random.default_rng(5).integers(low, low + 1000, 100_000)
    marked = dedupe.last_of_each(keys)

    assert sorted(keys[marked]) == sorted(set(keys.tolist()))
    assert {key: row for row, key in enumerate(keys.tolist())} == dict(
        zip(keys[marked].tolist(), np.flatnonzero(marked).tolist(), strict=True)
    )


@pytest.mark.parametrize("spread", [dedupe.TABLE_CELLS + 3, 2**50], ids=["two tables", "two sorts"])
def test_very_many_rows_are_marked_a_part_at_a_time(spread):
    rows = dedupe.LARGEST_SORT + 3
    keys = np.arange(rows) % 1_000_003 * (spread // 1_000_003)
    keys[-1] = spread
    steps = []
    marked = np.flatnonzero(dedupe.last_of_each(keys, lambda: steps.append(1)))

    assert marked.tolist() == [*range(rows - 1_000_004, rows)], "the last round of all keys, and the one by itself"
    assert len(steps) > 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([0, 0, 1, 1], [0, 1, 0, 1]),
        ([2**40, 2**40, 0], [2**30, 0, 2**30]),
        ([2**61, 2**61, 2**61 - 1, 0], [2**61, 0, 2**61, 2**61]),
        ([2**62, 2**62], [0, 2**62]),
    ],
)
def test_different_pairs_have_different_codes(first, second):
    codes = dedupe.combine(np.array(first, np.int64), np.array(second, np.int64))

    assert codes.dtype == np.int64
    assert (codes >= 0).all()
    assert len(set(codes.tolist())) == len(first)


def test_a_product_that_does_not_fit_is_made_dense_first():
    pairs = np.array([2**61 - 2, 0], np.int64), np.array([1, 0], np.int64)
    assert dedupe.combine(*pairs).tolist() == [2 * (2**61 - 2) + 1, 0]
    pairs[0][0] += 1
    assert dedupe.combine(*pairs).tolist() == [3, 0]


def test_codes_become_compact_where_there_are_four_times_as_many_as_rows():
    few, many = np.array([7, 3], np.int64), np.array([8, 3], np.int64)
    assert dedupe.compact(few) is few
    assert dedupe.compact(many).tolist() == [1, 0]
    assert dedupe.compact(few[:0]).tolist() == []


def test_equal_pairs_have_equal_codes_of_any_integer_type():
    first, second = np.array([9, 4, 9], np.int64), np.array([3, 3, 3], np.int8)
    codes = dedupe.combine(first, second)

    assert codes[0] == codes[2] != codes[1]
    assert dedupe.combine(first[:0], second[:0]).tolist() == []


def test_the_first_of_each_key_may_stay_instead():
    keys = np.array([3, 1, 3, 2, 1, 3])
    assert dedupe.first_of_each(keys).tolist() == [True, True, False, True, False, False]
    assert dedupe.last_of_each(keys).tolist() == [False, False, False, True, True, True]
    assert dedupe.first_of_each(np.zeros(0, np.int64)).tolist() == []
