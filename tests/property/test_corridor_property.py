"""What must hold for any objects, however they arrive: conservation, identity, order independence, idempotence."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_daemon.core.planning.discovery import BatchLimits
from tests.support.corridor import House
from tests.support.rows import NOW, price

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
BOUNDED = settings(max_examples=15, suppress_health_check=SLOW)

ROWS = st.lists(
    st.builds(
        lambda symbol, day, cents, fault: price(symbol, f"2026-01-0{day}", 10 + cents / 100, **fault),
        st.sampled_from(["A", "B", " c ", "bad one"]),
        st.integers(1, 2),
        st.integers(-90, 90),
        st.sampled_from([{}, {}, {}, {"volume": None}, {"low": 12.0}, {"open": "x"}]),
    ),
    max_size=6,
)
OBJECTS = st.lists(st.tuples(st.integers(0, 20), ROWS), min_size=1, max_size=5)


def house(**options) -> House:
    return House(Path(tempfile.mkdtemp()) / "market.duckdb", **options)


def key(number: int) -> str:
    return f"processed/price_data/{number}.json"


def fit(rows) -> list[tuple[int, dict]]:
    """The rows that no rule rejects, with their place: what the rules say, written another way."""
    good = []
    for place, row in enumerate(rows, 1):
        symbol = str(row["symbol"]).strip().upper()
        if symbol.isalpha() and row["volume"] is not None and row["open"] == 10.0 and row["low"] == 9.0:
            good.append((place, {**row, "symbol": symbol}))
    return good


def expected(objects) -> dict[tuple[str, str], Decimal]:
    """The close of each symbol and day: the greatest (modified, key, row) wins."""
    best: dict[tuple[str, str], tuple] = {}
    for number, (minute, rows) in enumerate(objects):
        for place, row in fit(rows):
            candidate = (minute, key(number), place, Decimal(str(row["close"])))
            cell = (row["symbol"], row["timestamp"])
            best[cell] = max(best.get(cell, candidate), candidate)
    return {cell: found[-1] for cell, found in best.items()}


def table(of: House) -> dict[tuple[str, str], Decimal]:
    rows = of.ask("SELECT SYMBOL, strftime(TIMESTAMP, '%Y-%m-%d'), CLOSE_PRICE FROM MARKET_DATA.PRICE_DATA")
    assert len({row[:2] for row in rows}) == len(rows), "one row per key"
    return {(symbol, day): close for symbol, day, close in rows}


def conserved(of: House) -> bool:
    lines = of.ask(
        "SELECT ROWS_READ = ROWS_LOADED + ROWS_QUARANTINED + ROWS_SUPERSEDED + ROWS_FILTERED "
        "FROM ETL_CONTROL.ETL_OBJECTS"
    )
    return all(line[0] for line in lines)


@BOUNDED
@given(objects=OBJECTS, order=st.randoms(use_true_random=False), size=st.integers(1, 3))
def test_the_table_does_not_depend_on_how_objects_arrive(objects, order, size):
    at_once = house()
    for number, (minute, rows) in enumerate(objects):
        at_once.put(key(number), rows, modified=NOW + timedelta(minutes=minute))
    at_once.clock.forward(hours=1)
    at_once.cycle()

    one_by_one = house(limits=BatchLimits(2**30, size), slice_rows=size)
    arrivals = list(enumerate(objects))
    order.shuffle(arrivals)
    one_by_one.clock.forward(hours=1)
    for number, (minute, rows) in arrivals:
        one_by_one.put(key(number), rows, modified=NOW + timedelta(minutes=minute))
        if order.random() < 0.5:
            one_by_one.restarted()
        one_by_one.cycle()

    assert table(at_once) == expected(objects)
    assert table(one_by_one) == expected(objects)
    assert conserved(at_once)
    assert conserved(one_by_one)
    total = sum(len(rows) for _, rows in objects)
    for each in (at_once, one_by_one):
        assert each.ask("SELECT coalesce(sum(ROWS_READ), 0)::INT FROM ETL_CONTROL.ETL_OBJECTS") == [(total,)]
        unfit = total - sum(len(fit(rows)) for _, rows in objects)
        assert each.ask("SELECT count(*) FROM ETL_CONTROL.ETL_QUARANTINE") == [(unfit,)]


@BOUNDED
@given(versions=st.lists(st.tuples(st.integers(0, 2), ROWS), min_size=1, max_size=6))
def test_restated_objects_leave_only_their_last_version(versions):
    """Every object has symbols of its own, so each holds exactly what its last version says."""
    each = house()
    last: dict[int, list] = {}
    for number, rows in versions:
        own = [{**row, "symbol": f"{'XYZ'[number]}{str(row['symbol']).strip()}"} for row in rows]
        each.clock.forward(minutes=1)
        each.put(key(number), own)
        each.cycle()
        last[number] = own

    objects = [(number, last.get(number, [])) for number in range(3)]
    assert table(each) == expected(objects)
    assert conserved(each)
    counts = each.ask(
        "SELECT o.KEY, sum(ROWS_LOADED - ROWS_REPLACED)::INT, "
        "(SELECT count(*) FROM MARKET_DATA.PRICE_DATA AS p WHERE p._OBJECT_KEY = o.KEY) "
        "FROM ETL_CONTROL.ETL_OBJECTS AS o GROUP BY o.KEY"
    )
    assert all(said == there for _, said, there in counts), "the ledger says what the table holds"


@BOUNDED
@given(objects=OBJECTS)
def test_running_again_changes_nothing(objects):
    each = house()
    for number, (minute, rows) in enumerate(objects):
        each.put(key(number), rows, modified=NOW + timedelta(minutes=minute))
    each.clock.forward(hours=1)
    each.cycle()
    before = each.contents()

    each.restarted()
    assert each.cycle().receipts == ()
    assert each.contents() == before


@BOUNDED
@given(
    closes=st.lists(
        st.decimals(Decimal("0.01"), Decimal("999999.99999999"), places=8), min_size=1, max_size=20, unique=True
    ),
    form=st.sampled_from(["json", "text", "csv"]),
)
def test_every_price_with_eight_decimals_arrives_equal(closes, form):
    each = house()
    lines = []
    for number, close in enumerate(closes):
        symbol = f"S{chr(65 + number)}"
        value = f'"{close}"' if form == "text" else f"{close}"
        if form == "csv":
            lines.append(f"{symbol},2026-01-02,{value},{value},{value},{value},{value}")
        else:
            cells = ",".join(f'"{name}":{value}' for name in ("open", "high", "low", "close", "volume"))
            lines.append(f'{{"symbol":"{symbol}","timestamp":"2026-01-02",{cells}}}')
    head = ["symbol,timestamp,open,high,low,close,volume"] if form == "csv" else []
    each.put(f"processed/price_data/a.{form}", "\n".join(head + lines).encode())
    each.cycle()

    rows = each.ask("SELECT OPEN_PRICE, CLOSE_PRICE, VOLUME FROM MARKET_DATA.PRICE_DATA ORDER BY _OBJECT_ROW")
    assert rows == [(close, close, close) for close in closes]
