"""The public classes: steps one by one, or the whole pipeline, over the same corridor as the daemon."""

from __future__ import annotations

import inspect
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl_daemon import DataTransformer, S3ToSnowflakeETL
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.core.events import DatasetFailed, ObjectRefused, StageEnded
from etl_daemon.errors import ConfigError
from tests.support.corridor import ndjson
from tests.support.rows import price


class Heard:
    def __init__(self):
        self.events = []

    def notice(self, event):
        self.events.append(event)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "bucket" / "processed" / "price_data").mkdir(parents=True)
    return tmp_path


def config(place, **more):
    return {
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": str(place / "bucket"),
        "ETL_DUCKDB_PATH": str(place / "market.duckdb"),
        "ETL_STATE_DIR": str(place / "state"),
        "ETL_TIMEOUT": "5",
        **more,
    }


def put(place, name, data):
    (place / "bucket" / "processed" / "price_data" / name).write_bytes(data)


def ask(place, sql):
    with DuckDBFile(place / "market.duckdb", "FINANCIAL_DATA").connection(read_only=True) as connection:
        return connection.execute(sql).fetchall()


def source(place, **more):
    given = {
        "name": "prices",
        "bucket": "",
        "prefix": "processed/price_data",
        "data_type": "price_data",
        "table_name": "PRICE_DATA",
        "hours_back": 1,
    }
    return {**given, **more}


def test_signatures_are_the_documented_ones():
    def parameters(function):
        return list(inspect.signature(function).parameters)[1:]

    assert parameters(S3ToSnowflakeETL.extract_from_s3) == ["bucket", "prefix", "hours_back"]
    assert parameters(S3ToSnowflakeETL.transform_data) == ["raw_data", "data_type"]
    assert parameters(S3ToSnowflakeETL.load_to_snowflake) == ["df", "table_name"]
    assert parameters(S3ToSnowflakeETL.run_etl_pipeline) == ["data_sources"]
    assert parameters(DataTransformer.enrich_data) == ["df", "data_type"]
    assert parameters(DataTransformer.detect_anomalies) == ["df", "data_type"]
    assert parameters(DataTransformer.validate_and_clean_price_data) == ["df"]


def test_extract_transform_load_is_exactly_once(place):
    put(place, "a.json", ndjson([price(close=10.12345678), price("MSFT", low=12.0)]) + b'{"symbol": "cut\n')
    with S3ToSnowflakeETL(config(place)) as etl:
        raw = etl.extract_from_s3("", "processed/price_data", 1)
        prices = etl.transform_data(raw, "price_data")
        assert etl.load_to_snowflake(prices, "PRICE_DATA") is True
        assert etl.load_to_snowflake(prices, "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA") is True
        rejected = etl.quarantined

    assert [row["_object_row"] for row in raw] == [1, 2, 3]
    assert raw[2]["_raw"] == '{"symbol": "cut'
    assert {"_object_bucket", "_object_key", "_object_version", "_object_row"} <= set(prices.columns)
    assert list(rejected["reasons"]) == ["ohlc_relation", "missing_field"]
    loaded = ask(
        place, "SELECT SYMBOL, CLOSE_PRICE, PRICE_CHANGE, _OBJECT_KEY, _OBJECT_ROW FROM MARKET_DATA.PRICE_DATA"
    )
    assert loaded == [("AAPL", Decimal("10.12345678"), Decimal("0.12345678"), "processed/price_data/a.json", 1)]


def test_what_the_api_loaded_the_pipeline_does_not_load_again(place):
    put(place, "a.json", ndjson([price()]))
    with S3ToSnowflakeETL(config(place)) as etl:
        raw = etl.extract_from_s3("", "processed/price_data", 1)
        etl.load_to_snowflake(etl.transform_data(raw, "price_data"), "PRICE_DATA")
        assert etl.run_etl_pipeline([source(place)]) == {"prices": True}

    assert ask(place, "SELECT count(*) FROM ETL_CONTROL.ETL_OBJECTS") == [(1,)]
    assert ask(place, "SELECT count(*) FROM MARKET_DATA.PRICE_DATA") == [(1,)]


def test_the_pipeline_reports_each_source(place):
    put(place, "a.json", ndjson([price(), price("MSFT")]))
    heard = Heard()
    with S3ToSnowflakeETL(config(place), observers=[heard]) as etl:
        found = etl.run_etl_pipeline(
            [source(place), source(place, name="elsewhere", prefix="processed/none", table_name="OTHER_PRICES")]
        )
    assert found == {"prices": True, "elsewhere": True}
    assert ask(place, "SELECT count(*) FROM MARKET_DATA.PRICE_DATA") == [(2,)]
    assert ask(place, "SELECT count(*) FROM MARKET_DATA.OTHER_PRICES") == [(0,)]


def test_a_frame_without_identity_is_known_by_its_content(place):
    frame = pd.DataFrame([price(), price("MSFT"), price("bad one")])
    before = frame.copy(deep=True)
    with S3ToSnowflakeETL(config(place)) as etl:
        assert etl.load_to_snowflake(frame, "PRICE_DATA")
        assert etl.load_to_snowflake(frame.copy(), "PRICE_DATA")
        assert etl.load_to_snowflake(frame.iloc[:1], "PRICE_DATA")

    pd.testing.assert_frame_equal(frame, before)
    assert ask(place, "SELECT count(*), count(DISTINCT _OBJECT_KEY) FROM MARKET_DATA.PRICE_DATA") == [(2, 2)]
    assert ask(place, "SELECT REASONS FROM ETL_CONTROL.ETL_QUARANTINE") == [("symbol_format",)]
    assert ask(place, "SELECT count(*) FROM ETL_CONTROL.ETL_OBJECTS") == [(2,)]


def test_an_unknown_table_or_type_names_what_there_is(place):
    with S3ToSnowflakeETL(config(place)) as etl:
        with pytest.raises(ConfigError, match="NO SUCH TABLE"):
            etl.load_to_snowflake(pd.DataFrame([price()]), "NO SUCH TABLE")
        with pytest.raises(ConfigError, match="technical_indicators"):
            etl.run_etl_pipeline([source(place, data_type="prices")])


def test_a_load_that_fails_is_false_and_heard(place):
    heard = Heard()
    with S3ToSnowflakeETL(config(place), observers=[heard]) as etl:
        assert etl.load_to_snowflake(pd.DataFrame({"symbol": ["A"]}), "PRICE_DATA") is False
    assert [type(event) for event in heard.events if not isinstance(event, StageEnded)] == [DatasetFailed]


def test_extraction_tells_of_objects_that_cannot_be_read(place):
    put(place, "a.zip", b"PK\x03\x04" + b"\0" * 40)
    put(place, "b.json", ndjson([price()]))
    heard = Heard()
    with S3ToSnowflakeETL(config(place), observers=[heard]) as etl:
        rows = etl.extract_from_s3("", "processed/price_data", 1)

    assert [row["symbol"] for row in rows] == ["AAPL"]
    assert [event.reason for event in heard.events if isinstance(event, ObjectRefused)] == ["unsupported_format"]


def test_values_that_are_no_numbers_do_not_turn_into_missing_ones(place):
    put(place, "a.json", ndjson([price(open="n/a"), price("MSFT", open=None)]))
    with S3ToSnowflakeETL(config(place)) as etl:
        etl.transform_data(etl.extract_from_s3("", "processed/price_data", 1), "price_data")
        assert list(etl.quarantined["reasons"]) == ["price_not_numeric", "missing_field"]


def test_nothing_to_load_is_done(place):
    with S3ToSnowflakeETL(config(place)) as etl:
        assert etl.extract_from_s3("", "processed/price_data", 1) == []
        assert etl.transform_data([], "price_data").empty
        assert etl.load_to_snowflake(pd.DataFrame(), "PRICE_DATA")


def test_rows_left_out_do_not_settle_their_object(place):
    put(place, "a.json", ndjson([price("MA"), price("MB"), price("MC"), price("bad1")]))
    with S3ToSnowflakeETL(config(place)) as etl:
        frame = etl.transform_data(etl.extract_from_s3("", "processed/price_data", 24), "price_data")
        assert etl.load_to_snowflake(frame[frame.symbol == "MA"], "PRICE_DATA")
        assert etl.load_to_snowflake(frame[frame.symbol != "MA"], "PRICE_DATA")
        assert ask(place, "SELECT SYMBOL FROM MARKET_DATA.PRICE_DATA ORDER BY ALL") == [("MA",), ("MB",), ("MC",)]
        assert etl.run_etl_pipeline([source(place)]) == {"prices": True}

    assert ask(place, "SELECT count(*) FROM MARKET_DATA.PRICE_DATA") == [(3,)]
    assert ask(place, "SELECT ROWS_READ, ROWS_QUARANTINED FROM ETL_CONTROL.ETL_OBJECTS WHERE KEY LIKE '%a.json'") == [
        (4, 1)
    ]


def test_a_loaded_object_accounts_for_all_its_rows(place):
    rows = [price("MA"), price("MA", close=10.75), price("bad one")]
    put(place, "a.json", ndjson(rows) + b'{"symbol": "cut\n')
    with S3ToSnowflakeETL(config(place)) as etl:
        frame = etl.transform_data(etl.extract_from_s3("", "processed/price_data", 24), "price_data")
        assert etl.load_to_snowflake(frame, "PRICE_DATA")

    columns = "ROWS_READ, ROWS_LOADED, ROWS_QUARANTINED, ROWS_SUPERSEDED"
    assert ask(place, f"SELECT {columns} FROM ETL_CONTROL.ETL_OBJECTS") == [(4, 1, 2, 1)]
    kept = ask(place, "SELECT OBJECT_ROW, REASONS, RAW FROM ETL_CONTROL.ETL_QUARANTINE ORDER BY ALL")
    assert [row[:2] for row in kept] == [(3, "symbol_format"), (4, "undecodable")]
    assert kept[1][2] == '{"symbol": "cut'


def test_rows_without_identity_beside_those_of_objects_are_loaded_too(place):
    put(place, "a.json", ndjson([price(), price("MSFT")]))
    with S3ToSnowflakeETL(config(place)) as etl:
        fit = etl.transform_data(etl.extract_from_s3("", "processed/price_data", 1), "price_data")
        more = pd.DataFrame([price("IBM")])
        assert etl.load_to_snowflake(pd.concat([fit, more], ignore_index=True), "PRICE_DATA") is True

    assert ask(place, "SELECT SYMBOL FROM MARKET_DATA.PRICE_DATA ORDER BY 1") == [("AAPL",), ("IBM",), ("MSFT",)]
    assert ask(place, "SELECT count(*), sum(ROWS_LOADED) FROM ETL_CONTROL.ETL_OBJECTS") == [(2, 3)]


def test_a_frame_whose_times_have_a_zone_now_is_another_frame(place):
    naive = pd.DataFrame([price()]).assign(timestamp=[pd.Timestamp("2026-01-02 14:30")])
    with S3ToSnowflakeETL(config(place, SOURCE_TIMEZONE="America/New_York")) as etl:
        assert etl.load_to_snowflake(naive, "PRICE_DATA") is True
        assert (
            etl.load_to_snowflake(naive.assign(timestamp=naive.timestamp.dt.tz_localize("UTC")), "PRICE_DATA") is True
        )

    hours = [at.hour for (at,) in ask(place, "SELECT TIMESTAMP FROM MARKET_DATA.PRICE_DATA ORDER BY 1")]
    assert hours == [14, 19]


def test_a_gap_in_a_column_of_nanoseconds_moves_no_other_one(place):
    nanos = [1_767_366_000_000_000_000 + 137_771 * number for number in range(200)]
    rows = {name: [value] * 201 for name, value in price().items()} | {
        "timestamp": pa.array([*nanos, None], pa.int64())
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(rows), sink)
    put(place, "a.parquet", sink.getvalue().to_pybytes())
    with S3ToSnowflakeETL(config(place)) as etl:
        fit = etl.transform_data(etl.extract_from_s3("", "processed/price_data", 1), "price_data")

    assert [each.value // 1000 for each in fit["timestamp"]] == [each // 1000 for each in nanos]


def test_a_frame_with_rows_of_two_versions_settles_none_that_lacks_some(place):
    put(place, "a.json", ndjson([price(), price("MSFT")]))
    with S3ToSnowflakeETL(config(place)) as etl:
        first = etl.transform_data(etl.extract_from_s3("", "processed/price_data", 1), "price_data")
        put(place, "a.json", ndjson([price("IBM"), price("AMZN")]))
        second = etl.transform_data(etl.extract_from_s3("", "processed/price_data", 1), "price_data")
        etl.load_to_snowflake(pd.concat([first, second.iloc[:1]], ignore_index=True), "PRICE_DATA")

    assert ("AMZN",) not in ask(place, "SELECT SYMBOL FROM MARKET_DATA.PRICE_DATA")


def test_a_frame_of_an_older_version_is_not_loaded(place):
    put(place, "a.json", ndjson([price(close=10.1)]))
    heard = Heard()
    with S3ToSnowflakeETL(config(place), observers=[heard]) as etl:
        frame = etl.transform_data(etl.extract_from_s3("", "processed/price_data", 24), "price_data")
        put(place, "a.json", ndjson([price(close=10.25, volume=1)]))
        etl.run_etl_pipeline([source(place)])
        assert etl.load_to_snowflake(frame, "PRICE_DATA") is False

    assert ask(place, "SELECT CLOSE_PRICE FROM MARKET_DATA.PRICE_DATA") == [(Decimal("10.25"),)]
    assert "no longer the version" in str(heard.events[-1].error)


@pytest.mark.parametrize("more", [{"prefix": "processed/price_data/"}, {"bucket": "elsewhere"}])
def test_another_spelling_of_a_source_is_the_same_source(place, more):
    put(place, "a.json", ndjson([price()]))
    with S3ToSnowflakeETL(config(place, PRICE_DATA_MODE="APPEND")) as etl:
        etl.run_etl_pipeline([source(place)])
        etl.run_etl_pipeline([source(place, name="again", **more)])

    assert ask(place, "SELECT count(*) FROM MARKET_DATA.PRICE_DATA") == [(1,)]


def test_another_prefix_leaves_the_watermark_of_the_dataset_alone(place):
    other = place / "bucket" / "elsewhere"
    other.mkdir()
    (other / "x.json").write_bytes(ndjson([price("OTHER")]))
    with S3ToSnowflakeETL(config(place)) as etl:
        assert etl.run_etl_pipeline([source(place, prefix="elsewhere")]) == {"prices": True}
    cursor = "SELECT WATERMARK, SWEPT_AT FROM ETL_CONTROL.ETL_CURSORS WHERE DATASET = 'price_data'"

    assert ask(place, "SELECT SYMBOL FROM MARKET_DATA.PRICE_DATA") == [("OTHER",)]
    assert ask(place, cursor) == [(None, None)]


@pytest.mark.parametrize(("more", "words"), [({"hours_back": -1}, "0 or more"), ({"bucket": None}, "lacks bucket")])
def test_a_wrong_source_is_a_configuration_error(place, more, words):
    given = {name: value for name, value in source(place, **more).items() if value is not None}
    with S3ToSnowflakeETL(config(place)) as etl, pytest.raises(ConfigError, match=words):
        etl.run_etl_pipeline([given])


def test_odd_cells_cost_their_row_at_most(place):
    frame = pd.DataFrame([price(tags=["a"]), price("MSFT", tags={"b": 1}), price("A\ud800", tags=None)], dtype=object)
    with S3ToSnowflakeETL(config(place)) as etl:
        assert etl.load_to_snowflake(frame, "PRICE_DATA")

    assert ask(place, "SELECT SYMBOL FROM MARKET_DATA.PRICE_DATA ORDER BY ALL") == [("AAPL",), ("MSFT",)]
    assert ask(place, "SELECT REASONS FROM ETL_CONTROL.ETL_QUARANTINE") == [("symbol_format",)]
