"""Names and texts that come with objects stay names and texts, on every SQL engine."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl_daemon.config import load_settings
from etl_daemon.core.configure import datasets
from etl_daemon.core.review import Selection
from etl_daemon.errors import ConfigError
from tests.support.rows import PRICES, price
from tests.support.tables import TRADES, Warehouse

HOSTILE = (
    "a'; DROP TABLE FINANCIAL_DATA.MARKET_DATA.TRADES; --",
    'a"); DELETE FROM FINANCIAL_DATA.ETL_CONTROL.ETL_OBJECTS; --',
    "a\\'; SELECT 1 --",
    "$1 ? %s %(x)s {0} :x",
    "a`b[c]$$d/*e*/\n\t",
    "' UNION SELECT raw FROM ETL_QUARANTINE --",
)


def parquet(rows: list[dict[str, object]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def tables(house: Warehouse) -> int:
    return int(house.ask("SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLES")[0][0])


def test_columns_keys_and_values_of_any_table(database):
    house = Warehouse(database)
    rows = [{"id": number, **{name: name for name in HOSTILE}} for number in (1, 2)]
    house.load(f"{HOSTILE[0]}.json", "\n".join(map(json.dumps, rows)))
    before = tables(house)
    head, line = ("id," + ",".join(map(quoted, HOSTILE)), "3," + ",".join(map(quoted, HOSTILE)))
    house.load(f"{HOSTILE[1]}.csv", f"{head}\n{line}\n")
    house.load(f"{HOSTILE[2]}.parquet", parquet([{**rows[0], "id": 4}]))
    house.load(f"{HOSTILE[0]}.json", json.dumps({**rows[0], "id": 5}))  # restated
    assert tables(house) == before
    names = list(house.types())
    assert len(names) == 1 + len(HOSTILE)
    assert all(set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") for name in names)
    found = house.rows(" ".join(names))
    assert sorted(row[0] for row in found) == [3, 4, 5]
    assert {row[1:] for row in found} == {HOSTILE}
    keys, ends = {key for (key,) in house.rows("_OBJECT_KEY")}, ("json", "csv", "parquet")
    assert keys == {f"{TRADES.prefix}/{text}.{end}" for text, end in zip(HOSTILE, ends, strict=False)}
    assert house.audited() == ()


def test_rows_of_prices_and_their_quarantine(database):
    house = Warehouse(database, PRICES)
    for number, text in enumerate(HOSTILE):
        at = f"2026-01-05T14:{number:02}:00Z"
        rows = [price("AAPL", timestamp=at, source=text), price(text, timestamp=at)]
        house.load(f"{text}.json", "\n".join(map(json.dumps, rows)))
    review, before = house.operator.review, tables(house)
    assert sorted(text for (text,) in house.rows("SOURCE")) == sorted(HOSTILE)
    for text in HOSTILE:
        key = f"{PRICES.prefix}/{text}.json"
        (row,) = review.quarantined(Selection(key=key), 10)
        assert json.loads(row.raw)["symbol"] == text
        assert [line.key for line in review.lines(PRICES, [key])] == [key]
        assert list(review.quarantined(Selection(dataset=text, reason=text, ids=(text,)), 10)) == []
    assert tables(house) == before
    assert house.audited() == ()


@pytest.mark.parametrize("text", HOSTILE)
def test_settings_and_names_of_datasets(text, tmp_path):
    file = tmp_path / "datasets.toml"
    for name in ("PRICE_DATA_TABLE", "SNOWFLAKE_DATABASE", "SNOWFLAKE_SCHEMA", "SNOWFLAKE_STAGE", "SPARK_STAGE"):
        with pytest.raises(ConfigError, match=name):
            load_settings({"S3_BUCKET": "b", name: text})
    tables_of = (
        f"[datasets.{json.dumps(text)}]\nprefix = 'p'\ntable = 'T'\n",
        f"[datasets.more]\nprefix = 'p'\nmode = 'APPEND'\ntable = {json.dumps(text)}\n",
        f"[datasets.more]\nprefix = 'p'\ntable = 'T'\nprimary_key = [{json.dumps(text)}]\n",
        f"[datasets.more]\nprefix = 'p'\ntable = 'T'\nmode = 'APPEND'\ntimestamp_column = {json.dumps(text)}\n",
        f"[datasets.more]\nprefix = 'p'\ntable = 'T'\nmode = 'APPEND'\ntypes = {{ A = {json.dumps(text)} }}\n",
    )
    for toml in tables_of:
        file.write_text(toml, "utf-8")
        try:
            all_made = datasets(load_settings({"S3_BUCKET": "b", "ETL_DATASETS_FILE": str(file)}))
        except ConfigError:
            continue
        (made,) = [each for each in all_made if each.name == "more"]
        named = "".join((*made.primary_key, made.timestamp_column or "", made.table))
        assert set(named) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$"), toml


def test_a_table_that_somebody_else_has_named(database):
    """What the catalogue tells is quoted, before it is counted."""
    from etl_daemon.adapters.destination.inventory import SqlInventory

    house = Warehouse(database)
    house.load("a.json", '{"id": 1}')
    house.alter('CREATE TABLE FINANCIAL_DATA.MARKET_DATA."x"" WHERE 1/0; --" (A INTEGER)')
    inventory = SqlInventory(house.engine)
    assert any("WHERE 1/0" in name for name in inventory.held()), inventory.held()
