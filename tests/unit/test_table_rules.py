"""The rules of datasets of kind ``table``."""

# ruff: noqa: DTZ001 - tables hold UTC without zone

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.core.datasets import INSTANT, ROW_ORDER, TEXT, Dataset, Drift, Kind, Mode
from etl_daemon.core.model import Counts, ObjectRef, RawSlice
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean, tally_all

KEYED = Dataset("t", Kind.TABLE, "p", "A.B.C", primary_key=("ID",))
DECLARED = replace(KEYED, types={"V": pa.decimal128(6, 2), "AT": INSTANT})
JSON = pa.json_()


def raw(columns: dict[str, object], malformed: tuple[int, ...] = ()) -> RawSlice:
    table = pa.table(columns)

    def text(rows: np.ndarray) -> pa.Array:
        return pa.array([f"line {row}" for row in rows.tolist()], pa.string())

    ref = ObjectRef(datetime(2026, 1, 1, tzinfo=UTC), "k", "1")
    return RawSlice(ref, 101, table, np.array(malformed, np.int64), text)


def accepted(columns: dict[str, object], dataset: Dataset = KEYED, rules: Rules = Rules()) -> list[dict]:  # noqa: B008 - frozen
    return clean(raw(columns), dataset, rules).accepted.to_pylist()


def test_a_slice_becomes_columns_of_the_table() -> None:
    columns = {"ID": [1, 2], "L": [[1], None], "B": pa.array([1, 2], pa.uint64())}
    part = clean(raw(columns), KEYED, Rules())
    assert part.accepted.schema.types == [pa.int64(), JSON, pa.decimal128(20, 0), pa.int64()]
    assert part.accepted.to_pylist()[0] == {"ID": 1, "L": "[1]", "B": Decimal(1), "_OBJECT_ROW": 101}
    assert part.counts == Counts(2, 2)
    assert part.anomalies.num_rows == 0


def test_the_last_row_of_a_key_stays_unless_rows_are_appended() -> None:
    columns = {"ID": [1, 2, 1, None], "V": ["a", "b", "c", "d"]}
    part = clean(raw(columns), KEYED, Rules())
    assert part.accepted["V"].to_pylist() == ["b", "c"]
    assert part.counts == Counts(4, 2, 1, 1)
    appended = clean(raw(columns), replace(KEYED, mode=Mode.APPEND), Rules())
    assert appended.accepted["V"].to_pylist() == ["a", "b", "c"]
    assert appended.counts == Counts(4, 3, 1)


def test_the_timestamp_column_says_which_row_is_the_last() -> None:
    dataset = replace(KEYED, timestamp_column="AT")
    at = pa.array([20, None, 30, 10, 20], pa.int64()).cast(pa.timestamp("s"))
    columns = {"ID": [1, 2, 2, 1, 1], "AT": at, "V": ["a", "b", "c", "d", "e"]}
    assert [row["V"] for row in accepted(columns, dataset)] == ["c", "e"]


def test_what_is_no_instant_or_in_the_key_says_nothing_of_which_row_is_the_last() -> None:
    assert KEYED.order == replace(KEYED, timestamp_column="ID").order == ROW_ORDER
    assert replace(KEYED, timestamp_column="AT").order == ("AT", *ROW_ORDER)


@pytest.mark.parametrize(
    "key",
    [
        pa.array(["a", "b", "a"]),
        pa.array(['{"a":1}', "1", '{"a":1}']).cast(JSON),
        pa.array([Decimal("1.5"), Decimal(2), Decimal("1.5")]),
        pa.array([1.5, 2.5, 1.5]),
        pa.array([True, False, True]),
        pa.array([b"a", b"b", b"a"]),
        pa.array([datetime(2026, 1, 1), datetime(2026, 1, 2), datetime(2026, 1, 1)]),
        pa.array([1, 2, 1], pa.int32()).cast(pa.date32()),
        pa.array([[1], [2], [1]]),
    ],
)
def test_keys_of_every_type(key: pa.Array) -> None:
    assert [row["V"] for row in accepted({"ID": key, "V": [1, 2, 3]})] == [2, 3]
    assert len(accepted({"ID": key, "ID2": [1, 1, 2]}, replace(KEYED, primary_key=("ID", "ID2")))) == 3


@pytest.mark.parametrize("type_", [pa.decimal128(10, 0), pa.int64(), pa.float64(), pa.date32()])
def test_a_blank_key_is_none(type_: pa.DataType) -> None:
    keys = ["2026-01-07", "", " ", "2026-01-08", "?"] if type_ == pa.date32() else ["7", "", " ", "8", "?"]
    part = clean(raw({"ID": keys, "V": list("abcde")}), replace(KEYED, types={"ID": type_}), Rules())
    assert part.accepted["V"].to_pylist() == ["a", "d"]
    assert part.quarantined["REASONS"].to_pylist() == ["missing_field", "missing_field", "type_mismatch"]


def test_nanoseconds_of_wall_times_are_cut_and_counted() -> None:
    walls = pa.array([1_767_366_000_123_456_789, 1_767_366_000_000_001_000]).cast(pa.timestamp("ns"))
    part = clean(raw({"ID": [1, 2], "AT": walls}), KEYED, Rules(timezone="America/New_York"))
    assert [each.microsecond for each in part.accepted["AT"].to_pylist()] == [123_456, 1]
    assert part.truncated == 1


def test_numbers_that_do_not_fit_are_told_as_texts_are() -> None:
    part = clean(raw({"ID": [1, 2], "V": [1, 10**6]}), DECLARED, Rules())
    assert part.quarantined["REASONS"].to_pylist() == ["type_mismatch"]
    assert part.accepted["V"].to_pylist() == [Decimal(1)]


def test_rows_are_rejected_with_all_reasons_and_their_text() -> None:
    columns = {"ID": ["1", None, "3", None], "V": ["1.5", "1.555", "x", None], "AT": ["2026-01-02", "soon", "", None]}
    part = clean(raw(columns, malformed=(3,)), DECLARED, Rules())
    assert part.quarantined.to_pylist() == [
        {"OBJECT_ROW": 102, "REASONS": "missing_field,type_mismatch", "RAW": "line 1"},
        {"OBJECT_ROW": 103, "REASONS": "type_mismatch", "RAW": "line 2"},
        {"OBJECT_ROW": 104, "REASONS": "undecodable", "RAW": "line 3"},
    ]
    assert part.reasons == {"undecodable": 1, "missing_field": 1, "type_mismatch": 2}
    assert part.accepted.to_pylist() == [
        {"ID": "1", "V": Decimal("1.50"), "AT": datetime(2026, 1, 2), "_OBJECT_ROW": 101}
    ]


def test_counting_alone_counts_the_same() -> None:
    given = raw({"ID": ["1", "1", None], "V": ["1", "2", "3"]})
    whole, counted = clean(given, DECLARED, Rules()), tally_all([given], DECLARED, Rules())[0]
    assert (counted.counts, counted.reasons, counted.accepted.num_rows) == (whole.counts, whole.reasons, 0)
    assert counted.quarantined == whole.quarantined


def test_rescue_keeps_what_does_not_fit_but_no_key() -> None:
    dataset = replace(DECLARED, drift=Drift.RESCUE, types={**DECLARED.types, "ID": pa.int64()})
    part = clean(
        raw({"ID": ["1", "2", "x"], "V": ['n/"a', "2", "3"], "AT": ["soon", "2026-01-02", None]}), dataset, Rules()
    )
    rows = part.accepted.to_pylist()
    assert json.loads(rows[0]["_RESCUED"]) == {"V": 'n/"a', "AT": "soon"}
    assert (rows[0]["V"], rows[0]["AT"], rows[1]["_RESCUED"]) == (None, None, None)
    assert part.quarantined["REASONS"].to_pylist() == ["type_mismatch"]
    assert part.accepted.schema.field("_RESCUED").type == JSON


def test_blank_text_is_no_number_but_missing() -> None:
    assert [row["V"] for row in accepted({"ID": [1, 2], "V": ["", " "]}, DECLARED)] == [None, None]
    assert [row["V"] for row in accepted({"ID": [1], "V": [" "]}, replace(KEYED, types={"V": TEXT}))] == [" "]


def test_wall_times_are_brought_to_utc() -> None:
    wall = pa.array([datetime(2026, 1, 2, 10), datetime(2026, 3, 8, 2, 30), None])
    zoned = pa.array([datetime(2026, 1, 2, 10)] * 3).cast(pa.timestamp("us", "UTC"))
    part = clean(raw({"ID": [1, 2, 3], "AT": wall, "Z": zoned}), KEYED, Rules(timezone="America/New_York"))
    assert part.accepted["AT"].to_pylist() == [datetime(2026, 1, 2, 15), None]
    assert part.accepted["Z"].to_pylist() == [datetime(2026, 1, 2, 10)] * 2
    assert part.reasons == {"timestamp_invalid": 1}


def test_truncated_timestamps_are_counted() -> None:
    given = raw({"ID": [1, 2], "AT": ["2026-01-02T00:00:00.0000001Z", "2026-01-02"]})
    assert clean(given, DECLARED, Rules()).truncated == 1
