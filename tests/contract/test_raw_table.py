"""Raw tables, from object to table, on every SQL engine: JSON as it came, and the time of the commit."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from etl_daemon.core.datasets import RAW_COLUMN, Dataset, Kind, Mode, Raw
from etl_daemon.core.tables.plaintext import JSON
from tests.support.tables import Warehouse, only
from tests.support.targets import DATABASE

TABLE = f"{DATABASE}.MARKET_DATA.RAW_QUOTES"
DOCUMENTS = Dataset(
    "quotes", Kind.TABLE, "data/quotes", TABLE, mode=Mode.APPEND, types={RAW_COLUMN: JSON}, raw=Raw.DOCUMENT
)
RECORDS = replace(DOCUMENTS, raw=Raw.RECORDS)


def values(house: Warehouse) -> list[object]:
    """Each row's JSON; numbers with a point exactly."""
    return [json.loads(text, parse_float=Decimal) for (text,) in house.rows("DATA")]


def test_a_document_is_a_row_and_the_table_has_its_columns(database):
    house = Warehouse(database, DOCUMENTS)
    report = house.load("a.json", '{\n "price": 271.26,\n "tags": ["é", null, {"deep": [true]}]\n}\n')
    types = house.types()
    assert list(types) == ["DATA", "INSERT_DTS"]
    assert types["DATA"] == database.engine.dialect.json
    assert types["INSERT_DTS"].startswith("TIMESTAMP")
    assert values(house) == [{"price": Decimal("271.26"), "tags": ["é", None, {"deep": [True]}]}]
    stamps = house.ask(f"SELECT INSERT_DTS, _LOADED_AT FROM {TABLE}")
    assert stamps == [(report.receipts[0].committed_at.replace(tzinfo=None),) * 2]
    house.load("b.json", '[{"a": 1}, {"a": 2}]')
    assert values(house)[1] == [{"a": 1}, {"a": 2}]


def test_each_record_is_a_row_whatever_it_is(database):
    house = Warehouse(database, RECORDS)
    house.load("a.json", '[{"a": 1}, [2], "three", 4.50, true, null]')
    assert values(house) == [{"a": 1}, [2], "three", Decimal("4.50"), True, None]
    house.load("b.ndjson", '{"b": 1}\n{"b": 2}\n')
    assert values(house)[6:] == [{"b": 1}, {"b": 2}]


def test_records_lie_where_the_path_leads(database):
    house = Warehouse(database, replace(RECORDS, records_path="result.items"))
    house.load("a.json", '{"result": {"items": [{"id": 1}, 2], "next": "x"}}')
    assert values(house) == [{"id": 1}, 2]


def test_what_comes_again_replaces_its_rows(database):
    house = Warehouse(database, RECORDS)
    house.load("a.json", '[{"v": 1}, {"v": 2}, {"v": 3}]')
    house.load("b.json", '[{"other": 1}]')
    report = house.load("a.json", '[{"v": 9}]')
    assert report.receipts[0].replaced == 3
    assert values(house) == [{"v": 9}, {"other": 1}]
    assert house.audited() == ()


def test_the_newest_delivery_is_the_table(database):
    house = Warehouse(database, replace(RECORDS, mode=Mode.TRUNCATE_INSERT, snapshot_group="/(run[0-9])"))
    house.put("run1-p001.json", "[1, 2]")
    house.put("run1-p002.json", "[3]")
    house.cycle()
    assert values(house) == [1, 2, 3]
    house.load("run2.json", "[7]")
    assert values(house) == [7]


def test_broken_lines_are_kept_aside_and_broken_documents_refused(database):
    house = Warehouse(database, RECORDS)
    lines = b'{"a": 1}\n{"a": \n{"a": NaN}\n{"a": "\xff"}\n'
    report = house.load("a.ndjson", lines)
    assert report.receipts[0].counts.quarantined == 3
    assert values(house) == [{"a": 1}]
    house.load("b.json", '{"a": [1, 2}')
    house.load("c.parquet", b"PAR1....PAR1")
    assert [(key, reason) for key, reason, _ in house.refused()] == [
        ("b.json", "undecodable"),
        ("c.parquet", "unsupported_format"),
    ]


def test_numbers_keep_their_digits_in_the_table(database):
    house = Warehouse(database, DOCUMENTS)
    text = '{"p": 0.1, "long": 1234567890123.456789, "whole": 90071992547409930123, "small": 1e-7}'
    house.load("a.json", text)
    stored = only(values(house))
    assert stored["p"] == Decimal("0.1")
    assert stored["long"] == Decimal("1234567890123.456789")
    assert stored["whole"] == 90071992547409930123
    assert stored["small"] == Decimal("1e-7")
