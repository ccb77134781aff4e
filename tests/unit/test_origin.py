"""Which object rows come from: in runs, and row by row for files."""

from __future__ import annotations

import pyarrow as pa
import pytest

from etl_daemon.core.rules.origin import beside, plain_type, row_by_row, version
from tests.support.rows import ref

SIZES = (3, 0, 1, 40)
PARTS = [
    (ref(f"{at}.json", f"version {at}", minutes=at), pa.table({"N": pa.array(range(rows), pa.int64())}))
    for at, rows in enumerate(SIZES)
]
EXPECTED = [(of, row) for of, table in PARTS for row in table["N"].to_pylist()]


def test_each_row_has_the_key_and_the_time_of_its_object() -> None:
    rows = row_by_row(beside(PARTS)).to_pylist()
    naive = [of.modified.replace(tzinfo=None) for of, _ in EXPECTED]
    assert [(row["N"], row["_OBJECT_KEY"]) for row in rows] == [(n, of.key) for of, n in EXPECTED]
    assert [row["_OBJECT_MODIFIED"] for row in rows] == naive


def test_rejected_rows_have_the_version_of_their_object() -> None:
    rows = row_by_row(version(PARTS)).to_pylist()
    assert [(row["OBJECT_KEY"], row["OBJECT_VERSION"]) for row in rows] == [(of.key, of.version) for of, _ in EXPECTED]


@pytest.mark.parametrize(("begin", "rows"), [(0, 44), (1, 2), (3, 1), (2, 20), (43, 1), (10, 0)])
def test_a_part_of_the_rows_is_the_same_row_by_row(begin: int, rows: int) -> None:
    table = beside(PARTS)
    assert row_by_row(table.slice(begin, rows)).to_pylist() == row_by_row(table).slice(begin, rows).to_pylist()


def test_rows_without_an_origin_have_none() -> None:
    mixed = pa.concat_tables([beside(PARTS), version(PARTS)], promote_options="default")
    rows = row_by_row(mixed).to_pylist()
    assert {row["OBJECT_KEY"] for row in rows[:44]} == {None} == {row["_OBJECT_MODIFIED"] for row in rows[44:]}
    assert [row["OBJECT_KEY"] for row in rows[44:]] == [of.key for of, _ in EXPECTED]
    files = {field.name: plain_type(field.type) for field in mixed.schema}
    assert files["_OBJECT_MODIFIED"] == pa.timestamp("us")
    assert files["OBJECT_KEY"] == pa.string()


def test_no_rows_have_the_columns_too() -> None:
    assert row_by_row(beside([(of, table.slice(0, 0)) for of, table in PARTS])).schema.names == [
        "N",
        "_OBJECT_KEY",
        "_OBJECT_MODIFIED",
    ]
