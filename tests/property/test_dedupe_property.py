"""One row per key, the last; by either way of finding it, and for any two columns of codes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etl_daemon.core.rules import dedupe

KEYS = st.lists(st.integers(0, 8), max_size=40)
CODES = st.one_of(st.integers(0, 3), st.integers(2**61, 2**61 + 3), st.integers(2**30, 2**30 + 2))
PAIRS = st.lists(st.tuples(CODES, CODES), max_size=30)


def last_rows(keys: list) -> list[int]:
    return sorted({key: row for row, key in enumerate(keys)}.values())


@given(KEYS, st.sampled_from([0, 1, dedupe.TABLES * dedupe.TABLE_CELLS, 2**61]), st.sampled_from([1, 10**9]))
def test_the_last_row_of_each_key_stays(keys: list[int], offset: int, factor: int) -> None:
    marked = dedupe.last_of_each(np.array(keys, np.int64) * factor + offset)

    assert np.flatnonzero(marked).tolist() == last_rows(keys)


@given(PAIRS)
def test_pairs_are_as_different_as_their_codes(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    codes = dedupe.combine(first, second)

    assert len(set(zip(pairs, codes.tolist(), strict=True))) == len(set(pairs)) == len(set(codes.tolist()))
    assert np.flatnonzero(dedupe.last_of_each(codes)).tolist() == last_rows(pairs)


@given(PAIRS, st.lists(st.integers(0, 2), min_size=30, max_size=30))
def test_a_third_column_tells_further_apart(pairs: list[tuple[int, int]], third: list[int]) -> None:
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    kinds = np.array(third[: len(pairs)], np.int32)
    codes = dedupe.combine(dedupe.combine(first, second), kinds)

    assert np.flatnonzero(dedupe.last_of_each(codes)).tolist() == last_rows(
        list(zip(pairs, kinds.tolist(), strict=True))
    )
