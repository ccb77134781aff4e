"""What `verify` finds after a deployment, on DuckDB and on Snowflake's stand-in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl_daemon.adapters.destination.inventory import SqlInventory
from etl_daemon.adapters.destination.session import Engine
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.core.datasets import Drift, Kind
from etl_daemon.core.findings import State
from etl_daemon.core.planning.discovery import EPOCH
from etl_daemon.core.sameness import same
from etl_daemon.operations.verify import Scope, verify
from tests.support.desk import Desk
from tests.support.medallion.refinery import Refinery, customer, described
from tests.support.rows import ANOMALIES, price

pytestmark = pytest.mark.xdist_group("snowflake")


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


def found(desk: Desk, **silver: object) -> dict[str, tuple[State, str]]:
    """What there is to say, by check; without what is well."""
    datasets = [replace(desk.dataset, **silver)]
    everything = verify(datasets, desk.corridor(), desk.review, SqlInventory(desk.engine), Scope(EPOCH))
    return {each.name: (each.state, each.detail) for each in everything}


def wrong(desk: Desk, **silver: object) -> dict[str, str]:
    return {name: detail for name, (state, detail) in found(desk, **silver).items() if state is State.FAIL}


def change(desk: Desk, sql: str) -> None:
    with desk.engine.session() as session:
        session.run(sql)


def test_what_is_as_it_should_be_and_what_is_not(desk: Desk) -> None:
    desk.put("a.ndjson", [price("AAPL"), price("MSFT", close=10.25), price("n o")])
    desk.put("b.ndjson", [price("GOOG"), price("AAPL", close=10.75)])  # the later AAPL counts
    desk.cycle()
    well = found(desk)
    assert {state for state, _ in well.values()} == {State.OK}
    assert [name.split()[0] for name in well] == ["control", "table", "rows", "objects", "contents"]
    assert "3 rows, as the ledger says" in well["rows price_data"][1]
    assert "3 rows of 2 objects, read again" in well["contents price_data"][1]

    table = desk.dataset.table
    change(desk, f"UPDATE {table} SET HIGH_PRICE = 99 WHERE SYMBOL = 'MSFT'")
    (only,) = wrong(desk).values()
    assert "a.ndjson row 2 HIGH_PRICE: the table has Decimal('99.00000000'), the object Decimal('11.00000000')" in only

    change(desk, f"DELETE FROM {table} WHERE SYMBOL = 'GOOG'")
    assert "miscounted" in wrong(desk)["objects price_data"]
    if desk.engine.dialect.name == "duckdb":  # the stand-in's catalogue only estimates how many rows there are
        assert "has 2 rows, the ledger 3" in wrong(desk)["rows price_data"]

    change(desk, f"ALTER TABLE {table} DROP COLUMN TYPICAL_PRICE")
    assert "has no TYPICAL_PRICE" in wrong(desk)["table price_data"]
    change(desk, f"DROP TABLE {table}")
    assert list(wrong(desk)) == ["table price_data"]
    change(desk, f"DROP TABLE {desk.control}.ETL_OBJECTS")
    assert "has no ETL_OBJECTS" in wrong(desk)["control tables"]


def test_found_anomalies_are_in_no_line_of_the_ledger_and_counted_all_the_same(duckdb_file: DuckDBFile) -> None:
    desk = Desk(duckdb_file)
    desk.put("a.ndjson", [price("AAPL", low=1, close=10.9, open=2.0)])
    desk.cycle()
    assert desk.ask(f"SELECT COUNT(*) FROM {ANOMALIES.table}") == [(1,)]
    desk.dataset = ANOMALIES
    assert wrong(desk) == {}
    change(desk, f"DELETE FROM {ANOMALIES.table}")
    change(desk, f"INSERT INTO {ANOMALIES.table} (DETECTED_BY, _OBJECT_KEY) VALUES ('somebody', 'x')")
    assert {"rows anomalies", "objects anomalies"} <= set(wrong(desk))
    assert desk.dataset.kind is Kind.ANOMALIES


def test_a_table_that_is_made_with_its_rows_is_missed_once_it_had_some(duckdb_file: DuckDBFile) -> None:
    refinery = Refinery(duckdb_file)
    desk = refinery.desk
    refinery.load("a.json", customer(1, "A", CITY=None), customer(2, "B", 2))
    assert wrong(desk) == {}
    assert "etl-daemon" not in str(wrong(desk, silver=refinery.refinement))
    assert list(wrong(desk, silver=refinery.refinement)) == ["silver customers"]
    refinery.merge()
    assert wrong(desk, silver=refinery.refinement) == {}
    change(desk, f"DROP TABLE {desk.dataset.table}")
    assert list(wrong(desk)) == ["table customers"]


@pytest.mark.parametrize("drift", list(Drift))
def test_rows_are_fitted_to_their_table_as_they_were_when_they_were_loaded(
    duckdb_file: DuckDBFile, drift: Drift
) -> None:
    refinery = Refinery(duckdb_file, replace(described("customers"), drift=drift))
    refinery.load("a.json", customer(1, CITY="Rome", SCORE=1))
    refinery.load("b.json", customer(2, VIP="x", SCORE=2, JOINED="2026-01-02"))
    refinery.load("c.json", customer(3, SCORE=10**25 if drift is Drift.EVOLVE else 3, JOINED="2026-01-02T10:00:00Z"))
    assert wrong(refinery.desk) == {}
    change(refinery.desk, f"UPDATE {refinery.dataset.table} SET SCORE = 7 WHERE CUSTOMER_ID = 2")
    assert "b.json row 1 SCORE: the table has 7, the object 2" in wrong(refinery.desk)["contents customers"]


def test_values_are_compared_by_what_they_are() -> None:
    from datetime import UTC, date, datetime
    from decimal import Decimal

    noon = datetime(2026, 1, 2, tzinfo=UTC)
    alike = [(1, Decimal("1.00")), (noon.replace(tzinfo=None), noon), (date(2026, 1, 2), noon), (None, None)]
    alike += [('{"a": 1, "b": 2}', '{"b":2,"a":1}'), (1.5, Decimal("1.5"))]
    different = [(None, 0), ("", None), (1, Decimal("1.01")), ('{"a": 1}', '{"a": 2}'), ("a", "A"), ("1", "01")]
    assert [pair for pair in alike if not same(*pair)] == []
    assert [pair for pair in different if same(*pair)] == []
