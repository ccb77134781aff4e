"""The way from a script to the daemon, and back, as docs/migrating.md has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from tests.support.following import Reader

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "migrating.md").read_text("utf-8")
PARTS = {
    part.partition("\n")[0]: re.findall(r"```(\w+)\n(.*?)```", part, re.DOTALL) for part in TEXT.split("\n## ")[1:]
}
"""By heading: kind and text of each block."""
TUESDAY = "symbol,timestamp,open,high,low,close,volume\nAAPL,2026-01-06,267.00,267.55,262.12,262.36,52352100\n"


def follow(reader: Reader, heading: str) -> list[Sequence[Any]]:
    """Do what stands below the heading; gives what its last query found."""
    found: list[Sequence[Any]] = []
    for kind, text in PARTS[heading]:
        if kind == "sql":
            found = reader.asks(text.replace("TO 'history", f"TO '{reader.folder}/history"))
        elif kind == "sh":
            reader.types(text)
        else:
            (reader.folder / text.partition("\n")[0].removeprefix("# ")).write_text(text)
    return found


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    prices = "SELECT SYMBOL, TIMESTAMP::DATE::VARCHAR FROM MARKET_DATA.PRICE_DATA ORDER BY ALL"

    differences = follow(reader, "Side by side")
    shown = [(row[0], str(row[1])[:10], row[2], row[3] is not None, row[4] is not None) for row in differences]
    assert shown == [
        ("AAPL", "2026-01-02", 1, True, False),
        ("MSFT", "2026-01-02", 1, True, False),
        ("AAPL", "2026-01-05", 2, True, True),
        ("MSFT", "2026-01-05", 2, True, False),
    ]
    assert reader.asks("SELECT REASONS FROM ETL_CONTROL.ETL_QUARANTINE") == [("price_range,ohlc_relation",)]

    follow(reader, "What the script has loaded")
    loaded = [("AAPL", "2026-01-02"), ("AAPL", "2026-01-05"), ("MSFT", "2026-01-02")]
    assert reader.asks(prices) == loaded

    follow(reader, "Switch over")
    assert reader.asks("SELECT COUNT(*) FROM MARKET_DATA.PRICES") == [(3,)]
    (tmp_path / "bucket/processed/price_data/tuesday.csv").write_text(TUESDAY)
    reader.types("etl-daemon once")
    assert reader.asks("SELECT COUNT(*) FROM MARKET_DATA.PRICES") == [(4,)]

    follow(reader, "Go back")
    assert reader.asks("SELECT COUNT(*), COUNT(DISTINCT (SYMBOL, TIMESTAMP)) FROM MARKET_DATA.PRICES") == [(7, 5)]
    reader.types("python load_prices.py friday.csv")
    reader.types("etl-daemon once\netl-daemon audit")
    assert reader.asks(prices) == sorted([*loaded, ("AAPL", "2026-01-06")])


def test_in_the_scripts_own_table_nothing_is_doubled(tmp_path: Path) -> None:
    """The columns as the page has them; the object's rows take the place of the script's."""
    reader = Reader(tmp_path)
    blocks = PARTS["Side by side"]
    (tmp_path / "load_prices.py").write_text(blocks[0][1])
    reader.types(blocks[1][1])
    stated = {"_OBJECT_KEY": "'script'", "_OBJECT_ROW": "rowid + 1", "_BATCH_ID": "'script'"}
    stated |= dict.fromkeys(("_OBJECT_MODIFIED", "_LOADED_AT"), "TIMESTAMP '1970-01-01'")
    assert [name for name in stated if f"`{name}`" not in TEXT.partition("## In the script's own table")[2]] == []
    create = reader.types("etl-daemon init --print").partition("MARKET_DATA.PRICE_DATA (")[2].partition(");")[0]
    there = {name for (name,) in reader.asks("SELECT upper(column_name) FROM (DESCRIBE MARKET_DATA.PRICES)")}
    for name, of in re.findall(r"^\s+(\w+) ([A-Z]\S*?),?$", create, re.MULTILINE):
        if name not in there:
            reader.asks(f"ALTER TABLE MARKET_DATA.PRICES ADD COLUMN {name} {of}")
    reader.asks(f"UPDATE MARKET_DATA.PRICES SET {', '.join(f'{name} = {value}' for name, value in stated.items())}")

    reader.settings["PRICE_DATA_TABLE"] = "MARKET_DATA.PRICES"
    reader.types("etl-daemon once")
    of_monday = "FROM MARKET_DATA.PRICES WHERE TIMESTAMP = '2026-01-05' GROUP BY ALL ORDER BY 1"
    assert reader.asks(f"SELECT SYMBOL, _OBJECT_KEY, COUNT(*) {of_monday}") == [
        ("AAPL", "processed/price_data/monday.csv", 1),
        ("MSFT", "script", 2),
    ]


def test_the_class_and_the_daemon_share_a_ledger(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    (tmp_path / "bucket/processed/price_data").mkdir(parents=True)
    (tmp_path / "bucket/processed/price_data/tuesday.csv").write_text(TUESDAY)
    ((_, code),) = PARTS["The class"]
    assert reader.runs(code) == "{'prices': True} {'prices': True}\n"
    reader.settings["ETL_DUCKDB_PATH"] = "class.duckdb"
    assert reader.types("etl-daemon once") != ""
    with duckdb.connect(str(tmp_path / "class.duckdb")) as market:
        commits = market.execute("SELECT ROWS_READ, ROWS_LOADED FROM ETL_CONTROL.ETL_BATCHES").fetchall()
    assert commits == [(1, 1)]
