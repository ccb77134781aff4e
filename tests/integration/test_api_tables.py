"""Frames into tables that no dataset has: columns of any type arrive exactly, each frame once."""

# ruff: noqa: DTZ001 - tables hold UTC without zone

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from etl_daemon import S3ToSnowflakeETL
from etl_daemon.core.events import DatasetFailed
from etl_daemon.errors import ConfigError
from tests.integration.test_api import Heard, ask, config, place  # noqa: F401 - a fixture
from tests.support.corridor import ndjson

WIDE = Decimal("12345678901234567890.123456789012345678")
FRAME = pd.DataFrame(
    {
        "id": pd.array([1, None], "Int64"),
        "big": pd.Series([2**63, 2**70], dtype=object),
        "price": pd.Series([WIDE, 7], dtype=object),
        "at": pd.to_datetime(["2026-01-02T09:30:00.123456-05:00", None], utc=True).tz_convert("America/New_York"),
        "local": pd.Series([datetime(2026, 1, 2, 9, tzinfo=ZoneInfo("Asia/Tokyo")), None], dtype=object),
        "naive": pd.to_datetime(["2026-01-02 09:30", "2026-01-03 00:00"]),
        "code": ["00123", "NA"],
        "day": pd.Series([date(2026, 1, 2), None], dtype=object),
        "clock": pd.Series([time(9, 30), None], dtype=object),
        "ok": pd.array([True, None], "boolean"),
        "tags": pd.Series([["a", {"x": Decimal("1.50")}], {"b": None, "nan": float("nan")}], dtype=object),
        "mixed": pd.Series([1, "1"], dtype=object),
        "blob": pd.Series([b"\x00\xff", None], dtype=object),
        "share": [0.1, np.nan],
        "level": pd.Categorical(["low", None]),
        "span": pd.to_timedelta(["1s", None]),
        "month": pd.PeriodIndex(["2026-01", "2026-02"], freq="M"),
        7: ["an integer", "for a name"],
    }
)


def answer(place, columns="*", table="MARKET_DATA.FRAMES"):  # noqa: F811
    return ask(place, f"SELECT {columns} FROM {table} ORDER BY _LOADED_AT, _OBJECT_ROW")


def test_a_frame_makes_its_table_exactly_and_is_loaded_once(place):  # noqa: F811
    before = FRAME.copy(deep=True)
    with S3ToSnowflakeETL(config(place)) as etl:
        assert etl.load_to_snowflake(FRAME, "FRAMES") is True
        assert etl.load_to_snowflake(FRAME.copy(), "financial_data.market_data.frames") is True
    pd.testing.assert_frame_equal(FRAME, before)

    text = "ID BIG PRICE AT LOCAL NAIVE CODE DAY CLOCK OK BLOB SHARE LEVEL SPAN MONTH _7"
    names = text.split()
    first, second = answer(place, ", ".join(f'"{name}"' for name in names))
    assert dict(zip(names, first, strict=True)) == {
        "ID": 1,
        "BIG": 2**63,
        "PRICE": WIDE,
        "AT": datetime(2026, 1, 2, 14, 30, 0, 123456),
        "LOCAL": datetime(2026, 1, 2),
        "NAIVE": datetime(2026, 1, 2, 9, 30),
        "CODE": "00123",
        "DAY": date(2026, 1, 2),
        "CLOCK": time(9, 30),
        "OK": True,
        "BLOB": b"\x00\xff",
        "SHARE": 0.1,
        "LEVEL": "low",
        "SPAN": 1_000_000,
        "MONTH": "2026-01",
        "_7": "an integer",
    }
    kept = {"BIG": 2**70, "PRICE": Decimal(7), "NAIVE": datetime(2026, 1, 3), "CODE": "NA", "MONTH": "2026-02"}
    assert dict(zip(names, second, strict=True)) == dict.fromkeys(names) | kept | {"_7": "for a name"}
    documents = [tuple(map(json.loads, row)) for row in answer(place, '"TAGS", "MIXED"')]
    assert documents == [(["a", {"x": 1.5}], 1), ({"b": None, "nan": "nan"}, "1")]
    assert ask(place, "SELECT DATASET, ROWS_LOADED FROM ETL_CONTROL.ETL_OBJECTS") == [
        ("api:FINANCIAL_DATA.MARKET_DATA.FRAMES", 2)
    ]


def test_frames_are_appended_and_the_table_grows(place):  # noqa: F811
    heard = Heard()
    with S3ToSnowflakeETL(config(place), observers=[heard]) as etl:
        assert etl.load_to_snowflake(pd.DataFrame({"a": [1, 1]}), "FRAMES")
        assert etl.load_to_snowflake(pd.DataFrame({"a": [1], "b": ["x"]}), "FRAMES")
        assert etl.load_to_snowflake(pd.DataFrame({"a": ["text"]}), "FRAMES") is False
        assert etl.load_to_snowflake(pd.DataFrame({"x": [1], "X": [2]}), "FRAMES") is False
        assert etl.load_to_snowflake(pd.DataFrame(), "FRAMES") is True
    assert answer(place, "A, B") == [(1, None), (1, None), (1, "x")]
    failed = [event.error for event in heard.events if isinstance(event, DatasetFailed)]
    assert [error.reason for error in failed] == ["column_type", "ambiguous_columns"]
    assert "Column A is BIGINT in the table" in failed[0].detail


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NO SUCH", "must be DATABASE.SCHEMA.TABLE"),
        ("A.B.C.D", "must be DATABASE.SCHEMA.TABLE"),
        ("", "must be DATABASE.SCHEMA.TABLE"),
        (None, "None"),
        ("ELSEWHERE.A.B", "should be FINANCIAL_DATA"),
        ("ORDER", "has a word of SQL for a name"),
        ("ETL_CONTROL.ETL_OBJECTS", "kept for the control tables"),
    ],
)
def test_a_name_that_is_no_tables_is_an_error(place, name, words):  # noqa: F811
    with S3ToSnowflakeETL(config(place)) as etl, pytest.raises(ConfigError, match=words):
        etl.load_to_snowflake(pd.DataFrame({"a": [1]}), name)


@pytest.mark.parametrize("mode", ["FULL", "TRUNCATE_INSERT"])
def test_a_frame_does_not_replace_a_table(place, mode):  # noqa: F811
    with (
        S3ToSnowflakeETL(config(place, PRICE_DATA_MODE=mode)) as etl,
        pytest.raises(ConfigError, match=f"loaded as a whole .{mode}. by the dataset price_data"),
    ):
        etl.load_to_snowflake(pd.DataFrame({"a": [1]}), "PRICE_DATA")


def test_extracted_rows_of_any_columns_arrive_as_they_are(place):  # noqa: F811
    folder = place / "bucket" / "vendor"
    folder.mkdir()
    rows = [{"id": 2**53 + 1, "n": None, "doc": {"x": [1.5]}}, {"id": 2, "n": 2**53 + 1, "doc": None}]
    (folder / "a.json").write_bytes(ndjson(rows))
    (place / "datasets.toml").write_text(
        '[datasets.any]\nprefix = "vendor"\ntable = "TRADING.FILLS"\nprimary_key = ["id"]\n'
    )
    with S3ToSnowflakeETL(config(place, ETL_DATASETS_FILE=str(place / "datasets.toml"))) as etl:
        raw = etl.extract_from_s3("", "vendor", 24)
        frame = etl.transform_data(raw, "any")
        assert etl.load_to_snowflake(frame, "TRADING.FILLS")
        assert etl.load_to_snowflake(frame, "COPIED")
        assert etl.load_to_snowflake(frame, "COPIED")
    expected = [(2**53 + 1, None, '{"x":[1.5]}', 1), (2, 2**53 + 1, None, 2)]
    assert answer(place, "ID, N, DOC, _OBJECT_ROW", "TRADING.FILLS") == expected
    assert answer(place, "ID, N, DOC, _OBJECT_ROW", "MARKET_DATA.COPIED") == expected
    keys = ask(place, "SELECT DATASET, KEY FROM ETL_CONTROL.ETL_OBJECTS ORDER BY ALL")
    assert keys[0] == ("any", "vendor/a.json")
    assert len(keys) == 2
    assert keys[1][1].startswith("frame/")


def test_a_frame_goes_to_snowflake(snowflake, snowflake_database, tmp_path):
    settings = snowflake.settings(
        SNOWFLAKE_DATABASE=snowflake_database, ETL_DESTINATION="snowflake", ETL_SOURCE="local",
        ETL_LOCAL_DIR=str(tmp_path), ETL_STATE_DIR=str(tmp_path / "state"),
    )  # fmt: skip
    frame = FRAME.drop(columns=["at", "big"]).assign(moment=FRAME["at"])
    with S3ToSnowflakeETL(settings) as etl:
        assert etl.load_to_snowflake(frame, "FRAMES")
        assert etl.load_to_snowflake(frame, "FRAMES")
    columns = "ID, PRICE, MOMENT, CODE, DAY, OK, BLOB, SHARE, TAGS"
    first, second = snowflake.run(f"SELECT {columns} FROM {snowflake_database}.MARKET_DATA.FRAMES ORDER BY _OBJECT_ROW")
    moment = datetime(2026, 1, 2, 14, 30, 0, 123456)
    assert first[:-1] == (1, WIDE, moment, "00123", date(2026, 1, 2), True, b"\x00\xff", 0.1)
    assert json.loads(first[-1]) == ["a", {"x": 1.5}]
    assert second[:-1] == (None, Decimal(7), None, "NA", None, None, None, None)


def test_odd_values_become_text_or_json():
    from etl_daemon.core.frames.columns import any_column

    def made(*values):
        return any_column(pd.Series(list(values), dtype=object)).to_pylist()

    assert made(Decimal("Infinity"), Decimal(1)) == ["Infinity", "1"]
    assert made(10**50, 1) == [Decimal(10**50), Decimal(1)]
    assert made("a\ud800", None) == ["a\\ud800", None]
    assert made(1, 2.5) == [1.0, 2.5]
    assert made(2**53 + 1, 2.5) == ["9007199254740993", "2.5"]
    assert made(True, 1) == ["true", "1"]
    assert made({1}, np.array([1.5]), (None,), pd.NaT) == ["[1]", "[1.5]", "[null]", None]
    assert made(datetime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC)) == [
        "2026-01-02T00:00:00",
        "2026-01-02T00:00:00+00:00",
    ]
    assert made(np.datetime64("2026-01-02"), np.int8(1)) == ['"2026-01-02T00:00:00"', "1"]
    assert made(timedelta(seconds=1), pd.Timedelta("2s")) == [timedelta(seconds=1), timedelta(seconds=2)]
    assert made(1 + 2j) == ["(1+2j)"]
    assert any_column(pd.Series([1.5, 0.0], dtype="Sparse[float]")).to_pylist() == [1.5, 0.0]
