"""Columns of pandas frames as Arrow: the type that holds all values, and every value as it was."""

# ruff: noqa: DTZ001 - naive on purpose

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from etl_daemon.core.frames.columns import any_column
from etl_daemon.core.tables.plaintext import JSON

MOMENT = datetime(2026, 1, 2, 3, 4, 5)


def of(*values: object) -> pa.Array:
    return any_column(pd.Series(list(values), dtype=object))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("a", None), pa.types.is_string),
        ((True, None), pa.types.is_boolean),
        ((1.5, None), pa.types.is_float64),
        ((1, 2.5), pa.types.is_float64),
        ((b"\x00\xff", None), pa.types.is_binary),
        ((date(2026, 1, 2), None), pa.types.is_date),
        ((time(1, 2), None), pa.types.is_time),
        ((MOMENT, pd.Timestamp(MOMENT)), pa.types.is_timestamp),
        ((MOMENT.replace(tzinfo=UTC), None), pa.types.is_timestamp),
        ((timedelta(1), pd.Timedelta(2, "s")), pa.types.is_duration),
        ((2**63 - 1, -(2**63), None), pa.types.is_int64),
        ((2**63, 1), pa.types.is_decimal),
        ((-(2**63) - 1, 1), pa.types.is_decimal),
        ((Decimal("1.50"), 7, None), pa.types.is_decimal),
    ],
)
def test_values_of_one_kind_keep_it_and_their_value(values, kind):
    found = of(*values)
    assert kind(found.type), found.type
    assert found.to_pylist() == list(values)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((True, 1), ["true", "1"]),
        (("a", 1, None), ['"a"', "1", None]),
        (({"a": [1, 2.5, None]}, None), ['{"a":[1,2.5,null]}', None]),
        (({"a": 1, "b": "x"},), ['{"a":1,"b":"x"}']),
        (([1, "x"], (2,)), ['[1,"x"]', "[2]"]),
        (([pd.NA, pd.NaT, float("nan"), Decimal("NaN")],), ['[null,null,"nan","NaN"]']),
        (([True, False],), ["[true,false]"]),
        (([Decimal("1E+3"), Decimal("0.10"), 1e22],), ["[1000,0.10,1e+22]"]),
        (([np.int8(3), np.float64(0.5), np.bool_(True)],), ["[3,0.5,true]"]),
        (({3: MOMENT},), ['{"3":"2026-01-02T03:04:05"}']),
        ((np.array([1, 2]),), ["[1,2]"]),
        (({"a": {"b": {"c"}}},), ['{"a":{"b":["c"]}}']),
    ],
)
def test_several_kinds_and_collections_are_json(values, texts):
    found = of(*values)
    if found.type == JSON:
        found = found.storage
    assert found.to_pylist() == texts


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((MOMENT, MOMENT.replace(tzinfo=UTC)), ["2026-01-02T03:04:05", "2026-01-02T03:04:05+00:00"]),
        ((1 + 2j, None), ["(1+2j)", None]),
        ((Decimal("Infinity"), Decimal("1E+2")), ["Infinity", "100"]),
        (("a\ud800", "b"), ["a\\ud800", "b"]),
    ],
)
def test_what_arrow_has_no_type_for_is_text(values, texts):
    found = of(*values)
    assert pa.types.is_string(found.type)
    assert found.to_pylist() == texts


def test_numpy_values_in_a_column_of_objects_are_pythons():
    assert of(np.int64(1), 2).to_pylist() == [1, 2]
    assert of(np.datetime64(MOMENT), pd.NaT).to_pylist() == [MOMENT, None]
    assert of(np.timedelta64(5, "s"), None).to_pylist() == [timedelta(seconds=5), None]


def test_columns_of_pandas_own_types():
    assert any_column(pd.Series(["b", "a", None]).astype("category")).to_pylist() == ["b", "a", None]
    assert any_column(pd.Series([{1}, None], dtype=object)).to_pylist() == ["[1]", None]
    kinds = pd.Series([1, "x", None], dtype=object).astype(pd.CategoricalDtype(pd.Index([1, "x"], dtype=object)))
    assert any_column(kinds).to_pylist() == ["1", '"x"', None]
    months = pd.Series(pd.period_range("2026-01", periods=2, freq="M"))
    assert any_column(months).to_pylist() == ["2026-01", "2026-02"]
    assert any_column(pd.Series([1.5, np.nan])).to_pylist() == [1.5, None]
    assert any_column(pd.Series([1, None], dtype="Int64")).to_pylist() == [1, None]
    assert any_column(pd.Series([1.5, 0.0], dtype="Sparse[float]")).to_pylist() == [1.5, 0.0]
    spans = pd.Series(pd.IntervalIndex.from_breaks([0, 1, 2]))
    assert len(any_column(spans)) == 2


def test_complex_numbers_are_text():
    assert any_column(pd.Series([1 + 2j, None])).to_pylist()[0] == "(1+2j)"
