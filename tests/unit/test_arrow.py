"""Between NumPy and Arrow: what goes over comes back, and pandas stays away."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.core import arrow


@pytest.mark.parametrize("values", [[1.5, np.nan, -0.0], [3, -4, 5], [True, False, True] * 5, []])
def test_values_come_back(values: list[float]) -> None:
    given = np.array(values)
    array = arrow.array(given)
    array.validate(full=True)
    assert array.equals(pa.array(given)) or np.isnan(given).any()
    assert arrow.values(array).dtype == given.dtype
    np.testing.assert_array_equal(arrow.values(array), given)
    np.testing.assert_array_equal(arrow.values(array.slice(2)), given[2:])


def test_numbers_are_not_copied_unless_they_lie_apart() -> None:
    given = np.arange(10)
    assert np.shares_memory(arrow.values(arrow.array(given)), given)
    assert arrow.array(given[::3]).to_pylist() == [0, 3, 6, 9]


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [1, 2, 3], [True, False, True]])
def test_nulls_are_what_the_caller_says(values: list[float]) -> None:
    array = arrow.array(np.array(values), np.array([True, False, True]))
    assert array.to_pylist() == [values[0], None, values[2]]
    assert arrow.values(array, 0).tolist() == [values[0], 0, values[2]]
    assert arrow.values(array.slice(1), 1).tolist() == [1, values[2]]


def test_a_column_in_pieces_becomes_one() -> None:
    column = pa.chunked_array([pa.array([1.0, None]), pa.array([3.0])])
    np.testing.assert_array_equal(arrow.values(column, np.nan), [1.0, np.nan, 3.0])
    assert arrow.chunk(pa.chunked_array([], pa.int64())).to_pylist() == []


@pytest.mark.parametrize("pieces", [[["b", "a"], ["c", None, "a"]], [["b", None, "b"]], []])
def test_texts_in_pieces_share_one_dictionary(pieces: list[list[str | None]]) -> None:
    column = pa.chunked_array(pieces, pa.string())
    encoded = arrow.encode(column)
    assert encoded.to_pylist() == column.to_pylist()
    assert encoded.dictionary.to_pylist() == column.unique().drop_null().to_pylist()


def test_texts_and_constants() -> None:
    words = ["", "Zürich", "S&P", "日本"]
    array = arrow.texts(words)
    array.validate(full=True)
    assert array.to_pylist() == words
    assert arrow.texts([]).equals(pa.array([], pa.string()))
    assert arrow.constant("x", 3).to_pylist() == ["x", "x", "x"]
    assert arrow.null(pa.int32()).equals(pa.scalar(None, pa.int32()))


def test_pandas_is_not_imported() -> None:
    code = """
import sys
import numpy as np, pyarrow as pa
from etl_daemon.core import arrow
array = arrow.array(np.arange(3.0), np.array([True, False, True]))
arrow.values(pa.chunked_array([array, array]), np.nan), arrow.values(array.is_null()), arrow.null(pa.string())
arrow.constant("x", 3), arrow.texts(["a"])
sys.exit("pandas" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_small_neighbours_become_one_chunk_and_large_chunks_stay() -> None:
    sizes = [10, arrow.MERGED_ROWS, 20, 30, 2 * arrow.MERGED_ROWS, 1]
    chunks = [pa.array(range(rows), pa.int64()) for rows in sizes]
    table = pa.table({"N": pa.chunked_array(chunks)})
    parts = list(arrow.merged(table))
    assert [part.num_rows for part in parts] == [10, arrow.MERGED_ROWS, 50, 2 * arrow.MERGED_ROWS, 1]
    assert all(part["N"].num_chunks == 1 for part in parts)
    assert pa.concat_tables(parts).equals(table)
    assert parts[3]["N"].chunk(0).buffers()[1].address == chunks[4].buffers()[1].address
