"""The columns of slices against those of their table; what is exact about it is in tests/property."""

# ruff: noqa: DTZ001 - tables hold UTC without zone

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from etl_daemon.core.datasets import Dataset, Drift, Extra, Kind
from etl_daemon.core.model import CleanSlice, Counts, ObjectRef
from etl_daemon.core.sql.dialect import DUCKDB
from etl_daemon.core.tables.mapping import Fitted, fit

ANY = Dataset("t", Kind.TABLE, "p", "A.B.C", primary_key=("ID",))
FROZEN, RESCUING = replace(ANY, drift=Drift.FREEZE), replace(ANY, drift=Drift.RESCUE)
WIDE = pa.decimal128(38, 18)
JSON = pa.json_()


def part(key: str = "k", first_row: int = 1, **columns: object) -> CleanSlice:
    table = pa.table(columns)
    table = table.append_column("_OBJECT_ROW", pa.array(range(first_row, first_row + table.num_rows), pa.int64()))
    rows = table.num_rows
    ref = ObjectRef(datetime(2026, 1, 1, tzinfo=UTC), key, "1")
    return CleanSlice(ref, table, pa.table({}), pa.table({}), Counts(rows, rows), first_row=first_row)


def present(**types: str) -> pa.Schema:
    return DUCKDB.described(types.items())


def values(fitted: Fitted, name: str) -> list[list[object]]:
    return [each.accepted[name].to_pylist() for each in fitted.slices]


def test_an_absent_table_gets_all_columns_in_order() -> None:
    fitted = fit([part(ID=[1], B=["x"]), part("l", ID=[2], A=[None])], None, ANY)
    assert fitted.schema == pa.schema([("ID", pa.int64()), ("B", pa.string()), ("A", pa.string())])
    assert fitted.added == fitted.schema
    assert (len(fitted.widened), fitted.refusals) == (0, ())
    assert [each.accepted.column_names for each in fitted.slices] == [["ID", "B", "A", "_OBJECT_ROW"]] * 2
    assert values(fitted, "B") == [["x"], [None]]
    assert fit([part(ID=[1])], pa.schema([]), ANY).added.names == ["ID"]


@pytest.mark.parametrize(
    ("one", "other", "type_"),
    [
        ([1], [Decimal("1.5")], pa.decimal128(20, 1)),
        ([1], [Decimal("0.000000000000000001")], pa.decimal128(37, 18)),
        ([Decimal(10**19)], [Decimal("0.5")], pa.decimal128(21, 1)),
        ([1], [1.5], pa.float64()),
        ([2**53 + 1], [1.5], pa.string()),
        ([Decimal("1.5")], [1e300], pa.float64()),
        ([date(2026, 1, 2)], [datetime(2026, 1, 2, 1)], pa.timestamp("us")),
        ([1], ["x"], pa.string()),
        ([1], [True], pa.string()),
        ([1], [[1]], JSON),
        (["x"], [[1]], JSON),
        ([1], [None], pa.int64()),
        ([None], [None], pa.string()),
    ],
)
def test_objects_that_differ_meet_in_a_type_that_holds_both(one: list, other: list, type_: pa.DataType) -> None:
    for pair in ([one, other], [other, one]):
        fitted = fit([part(X=pair[0]), part("l", X=pair[1])], None, ANY)
        assert fitted.schema.field("X").type == type_
        assert fitted.refusals == ()


def test_columns_are_added_and_widened() -> None:
    table = present(ID="INTEGER", N="DECIMAL(5,2)", T="VARCHAR(2)", OLD="DATE", _OBJECT_KEY="VARCHAR")
    fitted = fit([part(ID=[2**40], N=[Decimal("123456.78")], T=["abc"], NEW=[True])], table, ANY)
    assert fitted.schema.names == ["ID", "N", "T", "OLD", "NEW"]
    assert fitted.added == pa.schema([("NEW", pa.bool_())])
    assert fitted.widened == pa.schema([("ID", pa.int64()), ("N", pa.decimal128(38, 2)), ("T", pa.string())])
    assert fitted.slices[0].accepted["OLD"].to_pylist() == [None]
    assert fit([part(ID=[2**70 // 2**8])], present(ID="INTEGER"), ANY).widened.types == [pa.int64()]
    more = part(ID=pa.array([2**64 - 1], pa.uint64()))
    assert fit([more], present(ID="BIGINT"), ANY).widened.types == [pa.decimal128(38, 0)]


def test_what_fits_needs_no_change() -> None:
    table = present(ID="BIGINT", N="DECIMAL(20,4)", F="DOUBLE", T="VARCHAR", AT="TIMESTAMP", B="BOOLEAN")
    fitted = fit(
        [part(ID=[Decimal("5.000")], N=[3], F=[Decimal("0.1")], T=[7], AT=[date(2026, 1, 2)], B=["TRUE"])], table, ANY
    )
    assert (len(fitted.widened), fitted.refusals) == (0, ())
    assert fitted.slices[0].accepted.drop_columns("_OBJECT_ROW").to_pylist() == [
        {"ID": 5, "N": Decimal("3.0000"), "F": 0.1, "T": "7", "AT": datetime(2026, 1, 2), "B": True}
    ]


@pytest.mark.parametrize(
    ("type_", "column", "said"),
    [
        (
            "DECIMAL(20,4)",
            ["1.5", "n/a"],
            "Column X is NUMERIC(20,4) in the table, but VARCHAR in the object; '1.5' is one of 2",
        ),
        ("BIGINT", [1.5, 2.0], "X is BIGINT in the table, but DOUBLE in the object; '1.5' is one of 1 values"),
        ("DECIMAL(5,2)", [Decimal("1.005")], "'1.005' is one of 1"),
        (
            "DATE",
            [datetime(2026, 1, 2, 1)],
            "X is DATE in the table, but TIMESTAMP_NTZ in the object; '2026-01-02 01:00:00' is",
        ),
        ("BOOLEAN", ["yes"], "X is BOOLEAN"),
        ("UUID", ["x"], "X is of a type that is never written"),
    ],
)
def test_what_does_not_fit_refuses_the_object_and_says_what_to_do(type_: str, column: list, said: str) -> None:
    fitted = fit(
        [part(ID=[1, 2], X=[*column, None][:2]), part(first_row=3, ID=[3]), part("l", ID=[4])],
        present(ID="BIGINT", X=type_),
        ANY,
    )
    assert [each.ref.key for each in fitted.slices] == ["l"]
    (refusal,) = fitted.refusals
    assert (refusal.ref.key, refusal.reason) == ("k", "column_type")
    assert said in refusal.detail
    for hint in ("types = { X = ", 'drift = "rescue"', "alter the table"):
        assert hint in refusal.detail


def test_a_refused_object_changes_nothing_of_the_table() -> None:
    fitted = fit([part(ID=["x"], NEW=[1]), part("l", ID=[3])], present(ID="BIGINT"), ANY)
    assert fitted.added.names == []
    fitted = fit([part(ID=["x"], NEW=[1], WIDE=[Decimal("1000.5")])], present(ID="BIGINT", WIDE="DECIMAL(4,1)"), ANY)
    assert (fitted.added.names, fitted.widened.names, fitted.slices) == ([], [], ())


def test_a_frozen_table_stays_as_it_is() -> None:
    table = present(ID="BIGINT", N="DECIMAL(4,1)")
    arriving = [part(ID=[1], X=[1], Y=[2]), part("l", ID=[2], N=[Decimal("1000.5")]), part("m", ID=[3])]
    fitted = fit(arriving, table, FROZEN)
    assert fitted.schema == table
    assert (len(fitted.added), len(fitted.widened)) == (0, 0)
    assert [each.extra for each in fitted.slices] == [("X", "Y"), ()]
    assert [(each.ref.key, each.reason) for each in fitted.refusals] == [("l", "column_type")]
    strict = fit(arriving, table, replace(FROZEN, extra_columns=Extra.REFUSE))
    assert [(each.ref.key, each.reason) for each in strict.refusals] == [("k", "extra_columns"), ("l", "column_type")]
    assert "The table has no column X, Y." in strict.refusals[0].detail
    assert fit(arriving, None, FROZEN).added.names == ["ID", "X", "Y", "N"]


def test_rescue_keeps_what_does_not_fit_beside_the_row() -> None:
    table = present(ID="BIGINT", N="DECIMAL(5,2)", T="VARCHAR(2)")
    arriving = part(ID=[1, 2, 3], N=["12.5", "n/a", None], T=["ab", "abc", None], NEW=[[1], None, None])
    fitted = fit([arriving], table, RESCUING)
    assert fitted.schema.names == ["ID", "N", "T", "_RESCUED"]
    assert fitted.added == pa.schema([("_RESCUED", JSON)])
    assert values(fitted, "N") == [[Decimal("12.50"), None, None]]
    rescued = [text and json.loads(text) for text in values(fitted, "_RESCUED")[0]]
    assert rescued == [{"NEW": "[1]"}, {"N": "n/a", "T": "abc"}, None]
    assert fitted.slices[0].extra == ()
    again = fit([arriving], fitted.schema, RESCUING)
    assert (len(again.added), again.schema) == (0, fitted.schema)


def test_what_the_rules_rescued_stays_and_a_key_is_never_rescued() -> None:
    before = pa.array(['{"N":"x"}', None]).cast(JSON)
    fitted = fit([part(ID=[1, 2], NEW=[None, 5], _RESCUED=before)], present(ID="BIGINT"), RESCUING)
    assert values(fitted, "_RESCUED") == [['{"N":"x"}', '{"NEW":"5"}']]
    both = fit([part(ID=[1, 2], NEW=[4, 5], _RESCUED=before)], present(ID="BIGINT"), RESCUING)
    assert values(both, "_RESCUED") == [['{"N":"x","NEW":"4"}', '{"NEW":"5"}']]
    refused = fit([part(ID=["x"])], present(ID="BIGINT"), RESCUING)
    assert [each.reason for each in refused.refusals] == ["column_type"]


def test_declared_types_are_those_of_new_columns() -> None:
    declared = replace(ANY, types={"N": pa.decimal128(20, 4)})
    fitted = fit([part(N=pa.array([Decimal("1.5")], pa.decimal128(20, 4))), part("l", N=[None])], None, declared)
    assert fitted.schema.field("N").type == pa.decimal128(20, 4)


def test_slices_without_rows_bring_no_columns() -> None:
    empty = part(ID=[], X=[])
    fitted = fit([empty, part("l", ID=[1])], None, ANY)
    assert fitted.schema.names == ["ID"]
    assert [each.accepted.num_rows for each in fitted.slices] == [0, 1]
    assert fit([empty], None, ANY).schema.names == []
    assert fit([], present(ID="BIGINT"), ANY).schema == present(ID="BIGINT")


def test_absent_columns_take_no_memory_for_each_slice() -> None:
    wide = part("wide", **{f"C{at}": [at] for at in range(300)})
    slices = [wide, *(part(f"{at}", C0=[*range(1_000)]) for at in range(20))]
    before = pa.total_allocated_bytes()
    fitted = fit(slices, None, ANY)
    assert [each.accepted.num_rows for each in fitted.slices] == [1, *[1_000] * 20]
    assert {each.accepted["C299"].null_count for each in fitted.slices[1:]} == {1_000}
    assert pa.total_allocated_bytes() - before < 2**20


def test_a_table_grows_to_a_thousand_columns() -> None:
    """Where keys are values each object brings columns of its own."""
    own = [part(f"{at}", **{f"O{at}_{place}": [at] for place in range(300)}) for at in range(5)]
    known = part("known", O1_7=[8])
    fitted = fit([*own, known], None, ANY)
    assert [each.ref.key for each in fitted.refusals] == ["3", "4"]
    assert {each.reason for each in fitted.refusals} == {"too_many_columns"}
    assert [each.ref.key for each in fitted.slices] == ["0", "1", "2", "known"]
    assert len(fitted.schema) == 900

    wide = present(**{f"C{at}": "BIGINT" for at in range(1_200)})
    grown = fit([part("same", C3=[1]), part("more", C3=[1], D=[2])], wide, ANY)
    assert [each.ref.key for each in grown.refusals] == ["more"]
    assert [each.ref.key for each in fit([part("more", C3=[1], D=[2])], wide, RESCUING).slices] == ["more"]


def test_an_object_that_is_refused_takes_no_room_from_others() -> None:
    """Its first slice has room, its second has none."""
    first, second = (part("large", **{f"L{half}_{at}": [at] for at in range(600)}) for half in range(2))
    fitted = fit([first, part("small", **{f"S{at}": [at] for at in range(500)}), second], None, ANY)
    assert [each.ref.key for each in fitted.refusals] == ["large"]
    assert [each.ref.key for each in fitted.slices] == ["small"]
