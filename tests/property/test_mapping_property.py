"""No value is lost on its way into a table of any columns."""

# ruff: noqa: DTZ001 - tables hold UTC without zone

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_daemon.core.datasets import RESCUED, Dataset, Drift, Extra, Kind, Mode
from etl_daemon.core.model import CleanSlice, Counts, ObjectRef
from etl_daemon.core.sql.dialect import DUCKDB, SNOWFLAKE
from etl_daemon.core.tables.mapping import Fitted, fit
from tests.support.same_value import same

TRADES = Dataset("t", Kind.TABLE, "p", "A.B.C", mode=Mode.APPEND)
NAMES = ("A", "B", "C")

texts = st.one_of(
    st.sampled_from(["", "00123", "NaN", "true", "FALSE", "1.50", "-7", "2026-01-02", "1e5", '"', "n/a", "12:30:00"]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=6),
)
moments = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    units = st.integers(-(10**precision) + 1, 10**precision - 1)
    return units.map(lambda each: Decimal(f"{each}E-{scale}"))


COLUMNS: list[tuple[pa.DataType, st.SearchStrategy[object]]] = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.int64(), st.integers(-200, 200)),
    (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats(allow_subnormal=False)),
    (pa.float64(), st.integers(-(10**6), 10**6).map(lambda each: each / 100)),
    (pa.float32(), st.floats(width=32, allow_subnormal=False)),
    (pa.decimal128(5, 2), decimals(5, 2)),
    (pa.decimal128(38, 18), decimals(38, 18)),
    (pa.decimal128(38, 18), decimals(5, 2)),
    (pa.decimal128(38, 0), decimals(38, 0)),
    (pa.bool_(), st.booleans()),
    (pa.string(), texts),
    (pa.large_string(), texts),
    (pa.dictionary(pa.int32(), pa.string()), texts),
    (pa.binary(), st.binary(max_size=4)),
    (pa.date32(), st.dates(date(1700, 1, 1), date(2200, 1, 1))),
    (pa.timestamp("us"), moments),
    (pa.timestamp("s"), moments.map(lambda each: each.replace(microsecond=0))),
    (pa.timestamp("us", "Asia/Tokyo"), moments.map(lambda each: each.replace(tzinfo=UTC))),
    (pa.time64("us"), st.times()),
    (pa.duration("us"), st.timedeltas(timedelta(-1000), timedelta(1000))),
    (pa.null(), st.none()),
    (pa.list_(pa.float64()), st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=3)),
    (
        pa.struct([("x", pa.decimal128(20, 8)), ('y "', pa.list_(pa.string()))]),
        st.fixed_dictionaries({"x": decimals(20, 8), 'y "': st.lists(texts, max_size=2)}),
    ),
]

PRESENT = [
    *("BIGINT", "INTEGER", "SMALLINT", "NUMBER(38,0)", "NUMBER(20,4)", "DECIMAL(5,2)", "DOUBLE", "FLOAT", "BOOLEAN"),
    *("VARCHAR", "VARCHAR(3)", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMP WITH TIME ZONE"),
    *("JSON", "VARIANT", "BLOB", "UUID"),
]


@st.composite
def columns(draw: st.DrawFn, rows: int) -> pa.Array:
    type_, values = draw(st.sampled_from(COLUMNS))
    return pa.array(draw(st.lists(st.one_of(st.none(), values), min_size=rows, max_size=rows)), type_)


@st.composite
def slices(draw: st.DrawFn) -> list[CleanSlice]:
    found = []
    for at in range(draw(st.integers(1, 3))):
        rows = draw(st.integers(0, 4))
        names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
        table = pa.table(
            {name: draw(columns(rows)) for name in names} | {"_OBJECT_ROW": pa.array(range(rows), pa.int64())}
        )
        ref = ObjectRef(datetime(2026, 1, 1, tzinfo=UTC), f"k{draw(st.integers(0, 1))}", "1")
        found.append(CleanSlice(ref, table, pa.table({}), pa.table({}), Counts(rows, rows), first_row=1 + 10 * at))
    return found


@st.composite
def tables(draw: st.DrawFn) -> pa.Schema | None:
    if draw(st.booleans()):
        return None
    names = draw(st.lists(st.sampled_from((*NAMES, "D")), unique=True))
    described = [(name, draw(st.sampled_from(PRESENT))) for name in names]
    return draw(st.sampled_from([DUCKDB, SNOWFLAKE])).described([*described, ("_OBJECT_KEY", "VARCHAR")])


datasets = st.builds(
    lambda drift, extra: replace(TRADES, drift=drift, extra_columns=extra),
    st.sampled_from(Drift),
    st.sampled_from(Extra),
)


@settings(max_examples=250)
@given(slices(), tables(), datasets)
def test_every_value_is_there_or_rescued_or_its_object_refused(arriving, present, dataset) -> None:
    fitted = fit(arriving, present, dataset)
    refused = {item.ref for item in fitted.refusals}
    assert [part.first_row for part in fitted.slices] == [p.first_row for p in arriving if p.ref not in refused]
    for part in fitted.slices:
        given = next(each for each in arriving if each.first_row == part.first_row)
        assert part.accepted.schema.remove(part.accepted.num_columns - 1).equals(fitted.schema)
        assert part.accepted["_OBJECT_ROW"].equals(given.accepted["_OBJECT_ROW"])
        stored = part.accepted.to_pylist()
        for name in NAMES:
            if name in given.accepted.column_names:
                assert_kept(name, given.accepted[name].to_pylist(), stored, part, fitted)


def assert_kept(name: str, given: list, stored: list[dict], part: CleanSlice, fitted: Fitted) -> None:
    if name not in fitted.schema.names and name in part.extra:
        return
    for value, row in zip(given, stored, strict=True):
        rescued = json.loads(row[RESCUED]) if row.get(RESCUED) else {}
        if name in rescued:
            assert row.get(name) is None
            assert isinstance(rescued[name], str)
            assert value is not None
        elif name in fitted.schema.names:
            assert same(value, row[name], fitted.schema.field(name).type), (value, row[name], fitted.schema.field(name))
        else:
            assert value is None


def told(table: pa.Table) -> tuple[pa.Schema, str]:
    """A table, to be compared: tables with NaN are not equal to themselves."""
    return table.schema, repr(table.to_pylist())


@settings(max_examples=120)
@given(slices(), tables(), datasets)
def test_a_table_only_grows_and_takes_the_same_again(arriving, present, dataset) -> None:
    fitted = fit(arriving, present, dataset)
    before = {} if present is None else {field.name: field for field in present}
    for field in fitted.widened:
        old = before[field.name].type
        scales = [each.scale if pa.types.is_decimal(each) else 0 for each in (old, field.type)]
        assert pa.types.is_string(old) or scales[0] == scales[1]
    assert set(fitted.added.names).isdisjoint(before)
    assert set(fitted.schema.names) == {*before, *fitted.added.names}
    if before and dataset.drift is not Drift.EVOLVE:
        assert not len(fitted.widened)
        assert set(fitted.added.names) <= {RESCUED}
    kept = [part for part in arriving if part.ref not in {item.ref for item in fitted.refusals}]
    again = fit(kept, fitted.schema, dataset)
    if len(fitted.schema) or not kept:
        assert (len(again.added), len(again.widened), again.refusals) == (0, 0, ())
        assert [told(p.accepted) for p in again.slices] == [told(p.accepted) for p in fitted.slices]
