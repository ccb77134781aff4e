"""One transaction brings in rows, quarantine, anomalies, ledger and cursor, or nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.core.model import Counts, Deferral, Fence, Outcome, Receipt, Refusal
from etl_daemon.errors import BusyError, ConfigError, EtlError, LeaseLostError, ObjectChangedError, SetupError
from tests.support.rows import ANOMALIES, INDICATORS, NOW, PRICES, appending, batch, cleaned, price, ref

FENCE = Fence(1, "tester")


class Target:
    """A destination on a fresh file, and a way to ask it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.destination = SqlDestination(DuckDBFile(path, "FINANCIAL_DATA", wait_seconds=0.2), ANOMALIES)
        self.destination.prepare([PRICES, INDICATORS, ANOMALIES])

    def load(self, *results, dataset=PRICES, fence=FENCE, now=NOW, watermark=None) -> Receipt:
        return self.destination.commit(self.destination.stage(batch(results, dataset, watermark)), fence, now)

    def ask(self, sql: str) -> list[tuple]:
        with DuckDBFile(self.path, "FINANCIAL_DATA").connection(read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def prices(self) -> list[tuple]:
        return self.ask("SELECT SYMBOL, CLOSE_PRICE, _OBJECT_KEY, _OBJECT_ROW FROM MARKET_DATA.PRICE_DATA ORDER BY ALL")

    def ledger(self, columns: str = "KEY, VERSION, OUTCOME, ROWS_LOADED, ROWS_REPLACED") -> list[tuple]:
        return self.ask(f"SELECT {columns} FROM ETL_CONTROL.ETL_OBJECTS ORDER BY COMMITTED_AT, KEY")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path / "market.duckdb")


def test_rows_arrive_with_exact_decimals_and_identity(target):
    receipt = target.load(
        cleaned(ref("a"), [price(open=10.00000001, close=10.12345678, volume=0.00000003)]), watermark=NOW
    )

    row = target.ask("SELECT * EXCLUDE (_LOADED_AT) FROM MARKET_DATA.PRICE_DATA")[0]
    assert row[:7] == (
        "AAPL",
        (NOW - timedelta(days=3)).replace(hour=15, tzinfo=None),
        Decimal("10.00000001"),
        Decimal("11.00000000"),
        Decimal("9.00000000"),
        Decimal("10.12345678"),
        Decimal("0.00000003"),
    )
    assert row[8] == Decimal("0.12345677")
    assert row[-4:] == ("a", 1, NOW.replace(tzinfo=None), receipt.batch_id)
    assert receipt.counts == Counts(read=1, loaded=1)
    assert target.destination.recall([PRICES], "")["price_data"].cursor.watermark == NOW


def test_quarantine_keeps_raw_text_and_all_reasons(target):
    target.load(cleaned(ref("a"), [price("bad symbol", low=12.0), price()]))

    rows = target.ask(
        "SELECT OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW, REASONS, RAW, DATASET FROM ETL_CONTROL.ETL_QUARANTINE"
    )
    assert [(row[0], row[1], row[2], row[3], row[5]) for row in rows] == [
        ("a", "v1", 1, "symbol_format,ohlc_relation", "price_data")
    ]
    assert "bad symbol" in rows[0][4]


def test_the_same_version_is_not_loaded_twice(target):
    target.load(cleaned(ref("a"), [price()]))

    with pytest.raises(ObjectChangedError, match="a meanwhile"):
        target.load(cleaned(ref("a"), [price()]))
    assert len(target.prices()) == 1
    assert target.destination.recall([PRICES], "")["price_data"].versions == {"a": "v1"}


def test_a_version_that_comes_back_is_loaded_again(target):
    for version, close in (("v1", 10.1), ("v2", 10.2), ("v1", 10.1)):
        target.load(cleaned(ref("a", version), [price(close=close)]))

    assert target.prices() == [("AAPL", Decimal("10.10000000"), "a", 1)]
    assert target.ledger() == [("a", "v1", "loaded", 1, 1), ("a", "v2", "loaded", 1, 1), ("a", "v1", "loaded", 1, 0)]
    assert target.destination.recall([PRICES], "")["price_data"].versions == {"a": "v1"}


def test_a_restated_object_takes_its_earlier_rows_and_anomalies_away(target):
    target.load(cleaned(ref("a"), [price(close=9.0, open=20.0, high=21.0), price("MSFT")]))
    assert len(target.ask("FROM ANALYTICS.ANOMALIES")) == 1

    receipt = target.load(cleaned(ref("a", "v2", minutes=1), [price("MSFT", close=10.75)]))

    assert target.prices() == [("MSFT", Decimal("10.75000000"), "a", 1)]
    assert target.ask("FROM ANALYTICS.ANOMALIES") == []
    assert receipt.replaced == 2
    assert target.ledger() == [("a", "v1", "loaded", 2, 2), ("a", "v2", "loaded", 1, 0)]


@pytest.mark.parametrize("first", ["older", "newer"])
def test_the_newer_object_wins_whatever_comes_first(target, first):
    older, newer = cleaned(ref("a"), [price(close=10.1)]), cleaned(ref("b", minutes=1), [price(close=10.2)])
    for result in (older, newer) if first == "older" else (newer, older):
        receipt = target.load(result)

    assert target.prices() == [("AAPL", Decimal("10.20000000"), "b", 1)]
    if first == "older":
        assert receipt.replaced == 1
        assert target.ledger() == [("a", "v1", "loaded", 1, 1), ("b", "v1", "loaded", 1, 0)]
    else:
        assert receipt.counts == Counts(read=1, superseded=1)


def test_objects_of_one_batch_meet_by_the_same_order(target):
    receipt = target.load(
        cleaned(ref("b"), [price(close=10.2), price("MSFT")]),
        cleaned(ref("a"), [price(close=10.1)]),
        cleaned(ref("c"), [price("MSFT", close=10.3)]),
    )

    assert target.prices() == [("AAPL", Decimal("10.20000000"), "b", 1), ("MSFT", Decimal("10.30000000"), "c", 1)]
    assert {line.ref.key: line.counts for line in receipt.objects} == {
        "a": Counts(read=1, superseded=1),
        "b": Counts(read=2, loaded=1, superseded=1),
        "c": Counts(read=1, loaded=1),
    }


def test_within_an_object_the_last_row_wins(target):
    receipt = target.load(cleaned(ref("a"), [price(close=10.1), price(" aapl ", close=10.3), price("MSFT")]))

    assert target.prices() == [("AAPL", Decimal("10.30000000"), "a", 2), ("MSFT", Decimal("10.50000000"), "a", 3)]
    assert receipt.counts == Counts(read=3, loaded=2, superseded=1)


def test_an_anomaly_goes_with_the_row_that_was_beaten(target):
    target.load(cleaned(ref("a"), [price(open=20.0, high=21.0, close=9.0)]))
    assert target.ask("SELECT ANOMALY_TYPE, DETECTED_BY, _OBJECT_ROW FROM ANALYTICS.ANOMALIES") == [
        ("extreme_price_movement", "etl_daemon:price_data", 1)
    ]
    target.load(cleaned(ref("b", minutes=1), [price(close=10.1)]))

    assert target.ask("FROM ANALYTICS.ANOMALIES") == []


def test_append_keeps_every_row(target):
    dataset = appending(PRICES)
    for key in "ab":
        receipt = target.load(cleaned(ref(key), [price(), price()], dataset), dataset=dataset)

    assert len(target.prices()) == 4
    assert receipt.counts == Counts(read=2, loaded=2)


def test_refused_and_deferred_objects(target):
    late = ref("late")
    refused = ref("refused")
    receipt = target.load(
        cleaned(ref("a"), [price()]),
        cleaned(refused, [price("MSFT")]),
        Refusal(refused, "undecodable", "half a line"),
        cleaned(late, [price("IBM")]),
        Deferral(late, "cut short"),
    )

    assert target.prices() == [("AAPL", Decimal("10.50000000"), "a", 1)]
    assert [(line.ref.key, line.outcome, line.reason) for line in receipt.objects] == [
        ("a", Outcome.LOADED, ""),
        ("refused", Outcome.REFUSED, "undecodable"),
    ]
    assert target.ledger("KEY, OUTCOME, REASON") == [("a", "loaded", ""), ("refused", "refused", "undecodable")]


def test_a_refused_version_leaves_the_rows_of_the_one_before(target):
    target.load(cleaned(ref("a"), [price()]))
    target.load(Refusal(ref("a", "v2"), "undecodable", "garbage"))
    assert len(target.prices()) == 1

    target.load(cleaned(ref("a", "v3"), [price("MSFT")]))

    assert target.prices() == [("MSFT", Decimal("10.50000000"), "a", 1)]
    assert target.ledger()[0] == ("a", "v1", "loaded", 1, 1)


def test_an_earlier_generation_is_fenced(target):
    target.load(cleaned(ref("a"), [price()]), fence=Fence(3, "new"))

    with pytest.raises(LeaseLostError, match="held by new in generation 3"):
        target.load(cleaned(ref("b"), [price()]), fence=Fence(2, "old"))
    with pytest.raises(LeaseLostError):
        target.load(cleaned(ref("b"), [price()]), fence=Fence(3, "other"))
    assert [line[0] for line in target.ledger()] == ["a"]


def test_without_a_cursor_nothing_is_committed(target):
    with pytest.raises(SetupError, match="etl-daemon init"):
        target.load(cleaned(ref("a"), [price()], replace(PRICES, name="other")), dataset=replace(PRICES, name="other"))


def test_rows_that_do_not_add_up_refuse_the_commit(target):
    part = cleaned(ref("a"), [price(), price("MSFT")])
    with pytest.raises(EtlError, match="do not add up"):
        target.load(replace(part, counts=replace(part.counts, read=3)))

    assert target.prices() == []
    assert target.ledger() == []
    assert target.ask("SELECT LEASE_GENERATION FROM ETL_CONTROL.ETL_CURSORS WHERE DATASET = 'price_data'") == [(0,)]


def test_the_watermark_never_moves_back(target):
    target.load(cleaned(ref("a"), [price()]), watermark=NOW)
    target.load(cleaned(ref("b"), [price("MSFT")]), watermark=NOW - timedelta(hours=1))

    assert target.destination.recall([PRICES], "")["price_data"].cursor.watermark == NOW


def test_preparing_again_changes_nothing(target):
    target.load(cleaned(ref("a"), [price()]), watermark=NOW)
    target.destination.prepare([PRICES, INDICATORS, ANOMALIES])

    assert len(target.prices()) == 1
    assert target.ask("SELECT count(*) FROM ETL_CONTROL.ETL_CURSORS") == [(3,)]
    assert target.ask("SELECT VERSION FROM ETL_CONTROL.ETL_SCHEMA_VERSION") == [(1,)]


def test_a_file_held_by_another_process_is_busy(target, tmp_path):
    import subprocess
    import sys

    code = f"import duckdb,sys; c=duckdb.connect({str(target.path)!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BusyError, match="Another process holds") as caught:
            target.load(cleaned(ref("a"), [price()]))
        other.stdin.close()
    assert caught.value.exit_code == 75


def test_a_file_that_is_no_database_names_the_setting(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database" * 1000)
    with pytest.raises(SetupError, match="ETL_DUCKDB_PATH"):
        SqlDestination(DuckDBFile(path, "FINANCIAL_DATA"), ANOMALIES).prepare([PRICES])


def test_a_table_in_another_database_is_a_configuration_error(target):
    with pytest.raises(ConfigError, match="OTHER"):
        target.destination.prepare([replace(PRICES, table="OTHER.MARKET_DATA.PRICE_DATA")])


def test_values_never_become_sql(target):
    key = "k'); DROP TABLE MARKET_DATA.PRICE_DATA; --"
    target.load(cleaned(ref(key, "v';--"), [price(source="x'); DROP SCHEMA ETL_CONTROL;--"), price("'; --")]))

    assert target.ask("SELECT _OBJECT_KEY, SOURCE FROM MARKET_DATA.PRICE_DATA") == [
        (key, "x'); DROP SCHEMA ETL_CONTROL;--")
    ]
    assert isinstance(duckdb.__version__, str)


def test_indicators_and_outside_anomalies_arrive(target):
    target.load(
        cleaned(
            ref("i"),
            [{"symbol": "AAPL", "timestamp": "2026-01-02", "rsi": 95.0, "macd": 0.5, "sma_20": 10.0, "sma_50": None}],
            INDICATORS,
        ),
        dataset=INDICATORS,
    )
    anomaly = {"symbol": "AAPL", "timestamp": "2026-01-02", "anomaly_type": "gap", "severity": " HIGH ", "value": 3.5}
    target.load(cleaned(ref("x"), [anomaly], ANOMALIES), dataset=ANOMALIES)

    assert target.ask("SELECT RSI, SMA_50, RSI_SIGNAL, SMA_TREND FROM ANALYTICS.TECHNICAL_INDICATORS") == [
        (Decimal("95.0000"), None, "overbought", None)
    ]
    assert target.ask("SELECT ANOMALY_TYPE, SEVERITY, VALUE, DETECTED_BY FROM ANALYTICS.ANOMALIES ORDER BY ALL") == [
        ("extreme_rsi", "high", Decimal("95.00000000"), "etl_daemon:technical_indicators"),
        ("gap", "high", Decimal("3.50000000"), "external"),
    ]
