"""The figures of a report on every SQL engine, held against plain Python over the rows of all tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from statistics import median, quantiles

import pytest

from etl_daemon.adapters.destination.quality import SqlQuality
from etl_daemon.core.datasets import Dataset, Kind, Mode
from etl_daemon.core.model import Refusal
from etl_daemon.core.quality.facts import Totals
from etl_daemon.core.quality.sessions import Calendar, Day, Session, Span
from etl_daemon.errors import SetupError
from tests.contract.conftest import emulated
from tests.support.rows import ANOMALIES, INDICATORS, NOW, PRICES, cleaned, price, ref
from tests.support.targets import DATABASE, duckdb

pytestmark = pytest.mark.xdist_group("snowflake")

LOG = replace(PRICES, name="log", table=f"{DATABASE}.MARKET_DATA.LOG", mode=Mode.APPEND)
SPAN = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC))
DAY = timedelta(days=1)
HOSTILE = "<script>alert(1)</script>"


def session(day: date) -> Session:
    return Session(
        day, datetime(*day.timetuple()[:3], 14, 30, tzinfo=UTC), datetime(*day.timetuple()[:3], 21, tzinfo=UTC)
    )


NEW_YORK = Calendar("XNYS", "America/New_York", tuple(session(date(2026, 1, day)) for day in (2, 5, 6, 7)))


def at(day: int, hour: int = 15, minute: int = 0) -> str:
    return f"2026-01-{day:02d}T{hour:02d}:{minute:02d}:00Z"


@pytest.fixture(scope="module", params=["duckdb", "snowflake"])
def dirty(request, tmp_path_factory):
    """A destination that nobody changes; the same for all tests."""
    with duckdb(tmp_path_factory.mktemp("dirty")) if request.param == "duckdb" else emulated(request) as made:
        yield loaded(made)


def loaded(database):
    """Two days of commits: rejects, duplicates, a restatement, an object refused, an outlier, a row at night."""
    first = [price(symbol, at(2, minute=minute)) for minute in range(3) for symbol in ("AAPL", "MSFT", "IBM")]
    first += [price("AAPL", at(2)), price("AAPL", at(2, 0)), price("n o", at(2)), price("MSFT", at(2), low=20)]
    database.load(cleaned(ref("a", minutes=-30), first), cleaned(ref("b", minutes=-10), [price("IBM", at(6, 10))]))
    later = [price("AAPL", at(3, 2), high=90, close=80), price(HOSTILE, at(5)), price("n o", at(5), low=30)]
    database.load(cleaned(ref("c", minutes=1300), later), now=NOW + DAY)
    database.load(cleaned(ref("a", "v2", minutes=1400), first[:-1]), now=NOW + DAY + timedelta(seconds=9))
    refused = Refusal(ref("d", minutes=1430), "undecodable", "no")
    database.load(refused, cleaned(ref("e", minutes=8_640), [price(timestamp=at(8))]), now=NOW + 2 * DAY)
    database.load(cleaned(ref("f", minutes=9_000), [price("LATE", at(7), high=90, close=12.5)]), now=NOW + 9 * DAY)
    database.discard("c")
    return database


def facts(target, *datasets, span=SPAN, calendar=None):
    found = SqlQuality(target.engine, ANOMALIES).facts([(each, calendar) for each in datasets or (PRICES,)], span)
    return list(found)


def within(rows, name, span=SPAN):
    naive = [moment.replace(tzinfo=None) for moment in (span.since, span.until)]
    return [row for row in rows if naive[0] <= row[name].replace(tzinfo=None) < naive[1]]


def test_days_count_rows_and_symbols_by_utc_where_there_is_no_exchange(dirty):
    (found,) = facts(dirty)
    rows = defaultdict(list)
    for row in dirty.table(PRICES.table):
        rows[row["TIMESTAMP"].date()].append(row["SYMBOL"])
    assert found.days == tuple(Day(day, len(rows[day]), len(set(rows[day]))) for day in sorted(rows))
    assert [each.day.day for each in found.days] == [2, 3, 6, 7, 8], "a day around the span is there too"
    assert found.rows == sum(map(len, rows.values()))
    assert found.latest == datetime(2026, 1, 7, 15, tzinfo=UTC), "before the end of the span"


def test_days_are_those_of_the_exchange_and_a_date_is_never_shifted(dirty):
    (found,) = facts(dirty, calendar=NEW_YORK)
    days = {each.day.day: (each.rows, each.symbols) for each in found.days}
    assert days[2] == (11, 3), "nine by day, one at midnight UTC, and one at two in the night after"
    assert 3 not in days
    early = replace(NEW_YORK, ahead=7 * 60)  # sessions from five in the afternoon
    (found,) = facts(dirty, calendar=early)
    days = {each.day.day: each.rows for each in found.days}
    assert (days[2], days[3]) == (10, 1)


def test_the_ledger_says_what_came_on_each_day(dirty):
    (found,) = facts(dirty)
    expected = defaultdict(Counter)
    lines = within(dirty.lines(), "COMMITTED_AT")
    for line in lines:
        day = expected[line["COMMITTED_AT"].date()]
        day.update({"objects": line["OUTCOME"] == "loaded", "refused": line["OUTCOME"] == "refused"})
        names = {"read": "READ", "loaded": "LOADED", "rejected": "QUARANTINED", "superseded": "SUPERSEDED"}
        day.update({name: line[f"ROWS_{column}"] for name, column in names.items()})
    assert len(lines) == 6
    assert [each.day for each in found.volumes] == sorted(expected)
    for each in found.volumes:
        assert {name: getattr(each.of, name) for name in expected[each.day]} == expected[each.day]
    totals = Totals.sum(each.of for each in found.volumes)
    assert (totals.objects, totals.refused, totals.read) == (5, 1, sum(line["ROWS_READ"] for line in lines))
    assert totals.read == totals.loaded + totals.rejected + totals.superseded + totals.filtered
    assert totals.superseded == 2, "one in each version of a"
    assert (found.commits, found.last_commit) == (4, NOW + 2 * DAY)


def test_lags_are_those_of_loaded_objects(dirty):
    (found,) = facts(dirty)
    loaded = [line for line in within(dirty.lines(), "COMMITTED_AT") if line["OUTCOME"] == "loaded"]
    lags = [(line["COMMITTED_AT"] - line["MODIFIED"]).total_seconds() // 1 for line in loaded]
    assert (found.lag.median, found.lag.most) == (median(lags), max(lags))
    assert found.lag.most_of == pytest.approx(quantiles(lags, n=20, method="inclusive")[-1])


def test_rejected_rows_are_counted_by_reasons_with_examples(dirty):
    (found,) = facts(dirty)
    rows = within(dirty.control("ETL_QUARANTINE"), "QUARANTINED_AT")
    counts = Counter(tuple(row["REASONS"].split(",")) for row in rows)
    assert {each.reasons: each.rows for each in found.rejected} == counts
    assert sum(each.discarded for each in found.rejected) == sum(row["DISCARDED_AT"] is not None for row in rows) == 2
    assert all(each.rows == each.open + each.replayed + each.discarded for each in found.rejected)
    assert {reason for each in found.examples for reason in each.reasons} == {r for reasons in counts for r in reasons}
    assert any(HOSTILE in each.raw for each in found.examples)
    places = {(row["OBJECT_KEY"], row["OBJECT_ROW"]) for row in rows}
    assert {(each.key, each.row) for each in found.examples} <= places


def test_objects_that_came_again_are_restated(dirty):
    (found,) = facts(dirty)
    again = found.restatements
    assert (again.objects, again.versions, [each.key for each in again.latest]) == (1, 1, ["a"])
    second = [line for line in dirty.lines() if (line["KEY"], line["VERSION"]) == ("a", "v2")]
    assert again.rows == again.latest[0].rows == second[0]["ROWS_LOADED"]
    assert again.latest[0].at == second[0]["COMMITTED_AT"].replace(tzinfo=UTC)
    batches = within(dirty.control("ETL_BATCHES"), "COMMITTED_AT")
    assert again.replaced == sum(batch["ROWS_REPLACED"] for batch in batches) > 0
    before = replace(SPAN, until=NOW + DAY)
    assert facts(dirty, span=before)[0].restatements.objects == 0


def test_anomalies_are_counted_and_drawn(dirty):
    (found,) = facts(dirty)
    rows = [row for row in within(dirty.table(ANOMALIES.table), "TIMESTAMP") if row["DETECTED_BY"] == PRICES.detector]
    assert rows
    assert found.anomalies.rows == len(rows)
    types = Counter((row["ANOMALY_TYPE"], row["SEVERITY"]) for row in rows)
    assert {(each.anomaly_type, each.severity): each.rows for each in found.anomalies.types} == types
    (worst, *_), (curve, *_) = found.anomalies.worst, found.anomalies.curves
    assert (worst.symbol, worst.severity, worst.value) == ("AAPL", "critical", 700.0)
    last = {}
    for row in sorted(within(dirty.table(PRICES.table), "TIMESTAMP"), key=lambda row: row["TIMESTAMP"]):
        if row["SYMBOL"] == "AAPL":
            last[row["TIMESTAMP"].date()] = float(row["CLOSE_PRICE"])
    assert (curve.symbol, dict(curve.points)) == ("AAPL", last)
    assert {mark[2] for mark in curve.marks} == {"critical"}
    assert {day: count for day, count, _ in curve.marks} == Counter(
        row["TIMESTAMP"].date() for row in rows if row["SYMBOL"] == "AAPL"
    )


def test_keys_that_are_there_more_than_once_are_found(database):
    database.destination.prepare([LOG])
    rows = [price(symbol, at(day)) for symbol in ("AAPL", "MSFT") for day in (2, 2, 2, 5, 5, 6)]
    database.load(cleaned(ref("a"), rows, LOG), dataset=LOG)
    database.load(cleaned(ref("b", minutes=1), [price("IBM", at(20)), price("IBM", at(20))], LOG), dataset=LOG)
    (found,) = facts(database, LOG)
    assert (found.repeated.keys, found.repeated.rows) == (4, 10), "and none from beyond the span"


def test_datasets_without_rows_have_figures_of_nothing(database):
    prices, indicators, anomalies = facts(database, PRICES, INDICATORS, ANOMALIES)
    for found in (prices, indicators, anomalies):
        assert (found.rows, found.latest, found.days, found.volumes, found.lag) == (0, None, (), (), None)
        assert (found.rejected, found.examples, found.anomalies.rows, found.repeated.keys) == ((), (), 0, 0)
    ever = Span(datetime.min.replace(tzinfo=UTC), SPAN.until)
    assert facts(database, span=ever) == [prices]
    absent = replace(PRICES, table=f"{DATABASE}.MARKET_DATA.NOT_THERE")
    assert facts(database, absent)[0].made is False


def test_without_control_tables_there_is_nothing_to_report(database):
    with database.engine.session() as session:
        session.run(f"DROP TABLE {DATABASE}.ETL_CONTROL.ETL_QUARANTINE")
    with pytest.raises(SetupError, match="has no ETL_QUARANTINE"):
        facts(database)


def test_answers_do_not_grow_with_rows(database):
    rows = [price("AAPL", at(2, 15, minute)) for minute in range(60)] + [price("n o", at(2))] * 400
    database.load(cleaned(ref("a"), rows))
    (found,) = facts(database)
    assert (len(found.days), len(found.volumes), len(found.rejected)) == (1, 1, 1)
    assert (found.rejected[0].rows, len(found.examples)) == (400, 2)


@pytest.mark.parametrize(("type_", "days"), [("zoned", [3, 5]), ("DATE", [2, 5]), ("VARCHAR", None)])
def test_a_table_of_any_columns_is_counted_by_the_time_that_it_has(database, type_, days):
    table = Dataset(
        "ticks", Kind.TABLE, "", f"{DATABASE}.MARKET_DATA.TICKS", primary_key=("ID",), timestamp_column="SEEN"
    )
    kind = database.engine.dialect.zoned if type_ == "zoned" else type_
    with database.engine.session() as session:
        session.run(f'CREATE TABLE {table.table} ("ID" VARCHAR, "SEEN" {kind}, "SYMBOL" VARCHAR)')
        for number, seen in enumerate(("2026-01-02 23:30:00-05:00", "2026-01-05 12:00:00+00:00")):
            session.run(
                f"INSERT INTO {table.table} SELECT ?, CAST('{seen[: 10 if type_ == 'DATE' else 99]}' AS {kind}), ?",
                "x",
                f"S{number}",
            )
    (found,) = facts(database, table, calendar=NEW_YORK if type_ == "DATE" else None)
    assert (found.days and [each.day.day for each in found.days]) == days
    assert (found.rows, found.repeated.keys, found.anomalies.rows) == (2, 1, 0)
    assert found.latest == (days and datetime(2026, 1, 5, 0 if type_ == "DATE" else 12, tzinfo=UTC))
