"""Real files of any columns, into a DuckDB table and back: nothing is lost."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from etl_daemon.core.datasets import Dataset, Kind, Mode
from etl_daemon.core.model import CleanSlice
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean
from etl_daemon.core.sql.dialect import DUCKDB
from etl_daemon.core.tables.mapping import Fitted, fit
from etl_daemon.errors import DataError
from tests.support.same_value import same
from tests.support.shared_data import SHARED, needs_shared_data, oracle
from tests.unit.test_decode_support import decode

ANY = Dataset("t", Kind.TABLE, "p", "A.B.C", mode=Mode.APPEND)


def cleaned(body: bytes, dataset: Dataset = ANY, key: str = "k") -> list[CleanSlice]:
    return [clean(part, dataset, Rules()) for part in decode(body, dataset=dataset, key=key)]


class Table:
    """A DuckDB table that grows as ``fit`` says."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(":memory:")
        self.present: pa.Schema | None = None

    def load(self, slices: list[CleanSlice], dataset: Dataset = ANY) -> Fitted:
        fitted = fit(slices, self.present, dataset)
        if self.present is None:
            self.connection.execute("CREATE TABLE t (_OBJECT_ROW BIGINT)")
        for field in fitted.added:
            self.connection.execute(f'ALTER TABLE t ADD COLUMN "{field.name}" {DUCKDB.column_type(field.type)}')
        for field in fitted.widened:
            sql = f'ALTER TABLE t ALTER COLUMN "{field.name}" SET DATA TYPE {DUCKDB.column_type(field.type)}'
            self.connection.execute(sql)
        for part in fitted.slices:
            self.connection.register("arriving", part.accepted)
            self.connection.execute("INSERT INTO t BY NAME FROM arriving")
        self.present = DUCKDB.described(row[:2] for row in self.connection.execute("DESCRIBE t").fetchall())
        return fitted

    def rows(self) -> list[dict]:
        return (
            self.connection.sql("SELECT * EXCLUDE (_OBJECT_ROW) FROM t ORDER BY _OBJECT_ROW")
            .to_arrow_table()
            .to_pylist()
        )


def assert_cells_kept(text: str, table: Table, fitted: Fitted) -> None:
    """Every cell of a CSV text is in the table."""
    header, *lines = csv.reader(io.StringIO(text))
    rows = table.rows()
    assert len(rows) == len(lines) > 0
    for line, row in zip(lines, rows, strict=True):
        for name, cell, field in zip(header, line, fitted.schema, strict=True):
            assert same(cell or None, row[field.name], field.type), (name, cell, row[field.name])


EVERY_TYPE = pa.table(
    {
        "i": pa.array([1, None], pa.int8()),
        "u": pa.array([2**64 - 1, None], pa.uint64()),
        "f": pa.array([0.1, None]),
        "d": pa.array([Decimal("12345678901234567890.12345678"), None], pa.decimal128(28, 8)),
        "s": pa.array(["é", None], pa.large_string()),
        "b": pa.array([b"\xff", None]),
        "o": pa.array([True, None]),
        "day": pa.array([datetime(2026, 1, 2).date(), None]),  # noqa: DTZ001 - tables hold UTC without zone
        "at": pa.array([datetime(2026, 1, 2, 3), None], pa.timestamp("ns", "Asia/Tokyo")),  # noqa: DTZ001 - likewise
        "t": pa.array([datetime(2026, 1, 2, 3, 4, 5, 6).time(), None]),  # noqa: DTZ001 - likewise
        "l": pa.array([[{"x": Decimal("1.50")}], None], pa.list_(pa.struct([("x", pa.decimal128(5, 2))]))),
        "n": pa.nulls(2),
    }
)


def test_a_table_is_described_as_it_was_made_and_takes_more() -> None:
    table = Table()
    columns = [*EVERY_TYPE.columns, pa.array([1, 2])]
    part = replace(
        cleaned(b"x\n1\n")[0], accepted=pa.table(columns, [*map(str.upper, EVERY_TYPE.column_names), "_OBJECT_ROW"])
    )
    fitted = table.load([part])
    assert table.present == fitted.schema
    assert table.rows()[0]["D"] == Decimal("12345678901234567890.12345678")
    assert table.rows()[0]["L"] == '[{"x":1.5}]'
    again = table.load([part])
    assert (len(again.added), len(again.widened), again.refusals) == (0, 0, ())
    assert table.connection.execute("SELECT count(*), count(U) FROM t").fetchone() == (4, 2)


def test_a_table_grows_and_keeps_what_it_has() -> None:
    table = Table()
    table.load(cleaned(b"id,n\n1,2\n"), replace(ANY, types={}))
    table.connection.execute('ALTER TABLE t ALTER COLUMN "N" SET DATA TYPE DECIMAL(4,1)')
    table.present = DUCKDB.described([("ID", "BIGINT"), ("N", "DECIMAL(4,1)")])
    fitted = table.load(cleaned(b"id,n,note\n9223372036854775808,123456.5,x\n", key="l"))
    assert fitted.widened.names == ["ID", "N"]
    assert table.present == fitted.schema
    assert table.connection.execute('SELECT "ID", "N", "NOTE" FROM t ORDER BY 1').fetchall() == [
        (1, Decimal(2), None),
        (9223372036854775808, Decimal("123456.5"), "x"),
    ]


@needs_shared_data
@pytest.mark.parametrize("name", sorted(path.name for path in (SHARED / "yf_price_errors").glob("*.csv")))
def test_daily_bars(name: str) -> None:
    text = (SHARED / "yf_price_errors" / name).read_text()
    table = Table()
    assert_cells_kept(text, table, table.load(cleaned(text.encode())))
    assert table.present is not None
    assert pa.types.is_timestamp(table.present.field(0).type) or pa.types.is_date(table.present.field(0).type)


@needs_shared_data
@pytest.mark.parametrize(
    "name", ["dirty_misc/finance-charts-apple.csv", "dirty_misc/tesla-stock-price.csv", "xnys_calendar/xnys.csv.gz"]
)
def test_other_cells(name: str) -> None:
    body = (SHARED / name).read_bytes()
    text = (gzip.decompress(body) if name.endswith(".gz") else body).decode("utf-8-sig")
    table = Table()
    fitted = table.load(cleaned(body))
    assert_cells_kept("\n".join(line for line in text.splitlines() if line.strip()), table, fitted)


def members(path: Path, suffix: str) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        found = [member for member in archive.getmembers() if member.isfile() and member.name.endswith(suffix)]
        return {Path(member.name).name: archive.extractfile(member).read() for member in found}  # type: ignore[union-attr]


@needs_shared_data
def test_csv_spectrum() -> None:
    path = SHARED / "csv_parsing" / "csv-spectrum.tar.gz"
    wanted = members(path, ".json")
    assert len(wanted) == oracle("csv_parsing")["pairs"]
    for name, body in members(path, ".csv").items():
        rows = json.loads(wanted[name.removesuffix(".csv") + ".json"].replace(rb"\r\n", rb"\n"))  # as in the CSV
        table = Table()
        fitted = table.load(cleaned(body))
        assert_cells_kept(body.decode(), table, fitted)
        if isinstance(rows, dict):
            continue  # the one that the archive gives as a document of another form
        for row, stored in zip(rows, table.rows(), strict=True):
            for cell, field in zip(row.values(), fitted.schema, strict=True):
                assert same(cell or None, stored[field.name], field.type), name


@needs_shared_data
def test_json_that_must_parse_keeps_its_value_and_broken_json_is_no_row() -> None:
    files = members(SHARED / "json_parsing" / "JSONTestSuite_test_parsing.tar.gz", ".json")
    assert len(files) == oracle("json_parsing")["files"]
    for name, body in files.items():
        line = b'{"x":' + body.strip().replace(b"\n", b" ").replace(b"\r", b" ") + b"}\n" + b'{"x":"ok"}\n'
        try:
            parts = cleaned(line, key="a.json")
        except DataError:
            assert not name.startswith("y_"), name
            continue
        quarantined = sum(part.counts.quarantined for part in parts)
        assert not (name.startswith("y_") and quarantined), name
        if name.startswith("y_"):
            value = json.loads(body, parse_float=Decimal, parse_int=Decimal)
            table = Table()
            fitted = table.load(parts)
            assert same(value, table.rows()[0]["X"], fitted.schema.field("X").type), name


@needs_shared_data
def test_countries() -> None:
    folder = SHARED / "countries_mit"
    table = Table()
    table.load(cleaned((folder / "samayo_country-by-population.json").read_bytes()))
    given = json.loads((folder / "samayo_country-by-population.json").read_bytes())
    assert [(row["COUNTRY"], row["POPULATION"]) for row in table.rows()] == [tuple(row.values()) for row in given]
    assert table.present.field("POPULATION").type == pa.int64()
    body = b'{"all":' + (folder / "annexare_countries.min.json").read_bytes() + b"}"
    table = Table()
    fitted = table.load(cleaned(body, replace(ANY, records_path="all")))
    given = json.loads(body)["all"]
    rows = {row["_KEY"]: row for row in table.rows()}
    assert len(rows) == oracle("countries_mit")["annexare"]["countries"]
    assert rows["NA"]["CONTINENT"] == "AF"
    for code, country in given.items():
        for name, value in country.items():
            field = fitted.schema.field(name.upper())
            assert same(value, rows[code][field.name], field.type), (code, name)


@needs_shared_data
def test_vendor_json() -> None:
    for path in sorted((SHARED / "vendor_json").glob("ta4j_*.json.gz")):
        given = json.loads(gzip.decompress(path.read_bytes()), parse_float=Decimal)
        records = "ohlc" if "ohlc" in given else "candles"
        table = Table()
        fitted = table.load(cleaned(path.read_bytes(), replace(ANY, records_path=records)))
        for row, stored in zip(given[records], table.rows(), strict=True):
            for name, value in row.items():
                field = fitted.schema.field(name.upper())
                assert same(value, stored[field.name], field.type), (path.name, name)
