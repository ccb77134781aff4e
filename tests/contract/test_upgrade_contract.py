"""Control tables of other versions: later ones are left alone, earlier ones brought up to date with what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.destination.recall import look
from etl_daemon.adapters.destination.review import SqlReview
from etl_daemon.adapters.destination.upgrade import upgrade
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.core.model import Fence
from etl_daemon.core.review import AuditLine, Selection
from etl_daemon.core.sql.dialect import DUCKDB
from etl_daemon.core.sql.tables import creating, script
from etl_daemon.core.sql.versions import SCHEMA_VERSION, noting, versions
from etl_daemon.errors import ConfigError, SetupError
from tests.support.rows import ANOMALIES, NOW, PRICES, batch, cleaned, price, ref
from tests.support.targets import DATABASE, DATASETS, FENCE

EARLIER = Path(__file__).parents[1] / "data/control-tables"
"""How each version of the control tables was made on DuckDB, by its number."""
CONTROL = f"{DATABASE}.ETL_CONTROL"


LINES = {
    "ETL_OBJECTS": {
        "DATASET": "price_data", "TARGET_TABLE": PRICES.table, "BUCKET": "bucket", "KEY": "old", "VERSION": "v1",
        "OUTCOME": "loaded", "REASON": "", "ROWS_READ": 1, "ROWS_LOADED": 0, "ROWS_QUARANTINED": 1,
        "ROWS_SUPERSEDED": 0, "ROWS_FILTERED": 0, "ROWS_REPLACED": 0, "MODIFIED": "2026-01-02 00:00:00",
        "COMMITTED_AT": "2026-01-02 00:00:01",
    },
    "ETL_CURSORS": {"DATASET": "price_data", "LEASE_GENERATION": 7, "HOLDER": "earlier"},
    "ETL_QUARANTINE": {
        "QUARANTINE_ID": "q", "DATASET": "price_data", "OBJECT_KEY": "old", "OBJECT_VERSION": "v1", "OBJECT_ROW": 1,
        "REASONS": "ohlc_relation", "RAW": "raw",
    },
}  # fmt: skip


def run(database, *statements):
    with database.engine.session() as session:
        for statement in statements:
            session.run(statement)


def rows(database, query):
    with database.engine.session(read_only=True) as session:
        return [tuple(line) for line in session.rows(query)]


def noted(database):
    return sorted(int(version) for (version,) in rows(database, f"SELECT VERSION FROM {versions(DATABASE)}"))


def test_a_later_program_keeps_this_one_from_writing(database):
    database.load(cleaned(ref("a"), [price()]), cleaned(ref("b"), [price("B"), price("C", high=0.5)]))
    before = database.ledger(), database.prices(), database.quarantine()
    staged = database.destination.stage(batch([cleaned(ref("c"), [price("D")])]))
    run(database, noting(DATABASE, version=SCHEMA_VERSION + 1))

    later = f"have version {SCHEMA_VERSION + 1}.*works on version {SCHEMA_VERSION}.*upgrading.md"
    line = AuditLine("ada", NOW, "discard", "price_data", "all")
    for act in (
        lambda: database.destination.commit(staged, FENCE, NOW),
        lambda: database.destination.prepare(DATASETS),
        lambda: database.destination.recall(DATASETS, ""),
        lambda: SqlReview(database.engine).discard(Selection(), line),
        lambda: look(database.engine, DATASETS, ANOMALIES, ""),
    ):
        with pytest.raises(ConfigError, match=later):
            act()
    assert (database.ledger(), database.prices(), database.quarantine()) == before
    assert database.control("ETL_AUDIT_LOG") == []


def test_a_version_is_noted_once_and_tables_without_one_are_of_the_first(database):
    assert noted(database) == [SCHEMA_VERSION]
    database.destination.prepare(DATASETS)
    assert noted(database) == [SCHEMA_VERSION]
    run(database, f"DELETE FROM {versions(DATABASE)}")
    database.destination.prepare(DATASETS)
    assert noted(database) == [SCHEMA_VERSION]


def test_upgrades_go_on_where_they_broke_off(database):
    database.load(cleaned(ref("a"), [price()]))
    kept = f"SELECT KEY, VERSION, ROWS_LOADED, COMMITTED_AT FROM {CONTROL}.ETL_OBJECTS"
    before = rows(database, kept)
    assert before

    def second(name, dialect):
        return [f"ALTER TABLE {name}.ETL_CONTROL.ETL_OBJECTS ADD COLUMN IF NOT EXISTS PARTS BIGINT"]

    def third(name, dialect):
        return [
            f"ALTER TABLE {name}.ETL_CONTROL.ETL_BATCHES ADD COLUMN IF NOT EXISTS STAGED_AT {dialect.timestamp}",
            f"UPDATE {name}.ETL_CONTROL.ETL_OBJECTS SET PARTS = 1 WHERE PARTS IS NULL",
        ]

    def broken(name, dialect):
        return [*third(name, dialect)[:1], f"UPDATE {name}.ETL_CONTROL.NOWHERE SET PARTS = 1"]

    with pytest.raises(SetupError), database.engine.session() as session:
        upgrade(session, database.engine, [second, broken])
    assert noted(database) == [1]
    for _ in range(2):
        with database.engine.session() as session:
            upgrade(session, database.engine, [second, third])
    assert noted(database) == [1, 3]
    assert [int(parts) for (parts,) in rows(database, f"SELECT PARTS FROM {CONTROL}.ETL_OBJECTS")] == [1]
    assert rows(database, f"SELECT STAGED_AT FROM {CONTROL}.ETL_BATCHES") == [(None,)]
    assert rows(database, kept) == before


def made(path, version):
    """A file as the first start of that version left it, with an object loaded and a row rejected."""
    file = DuckDBFile(path, DATABASE, wait_seconds=0.2)
    with file.session() as session:
        statements = (EARLIER / f"{version}.sql").read_text("utf-8").split(";\n")
        for statement in (*filter(str.strip, statements), *creating(DATABASE, (PRICES, ANOMALIES), DUCKDB).values()):
            session.run(statement)
        session.run(noting(DATABASE, version=version))
        for table, line in LINES.items():
            names, values = ", ".join(line), ", ".join(map(repr, line.values()))
            session.run(f"INSERT INTO {CONTROL}.{table} ({names}) VALUES ({values})")
    return file


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_what_an_earlier_version_left_is_known_and_goes_on(tmp_path, version):
    file = made(tmp_path / "market.duckdb", version)
    destination = SqlDestination(file, ANOMALIES)
    known = destination.recall([PRICES], "bucket")["price_data"]
    assert known.versions == {"old": "v1"}
    assert known.cursor.holder == "earlier"
    new = destination.stage(batch([cleaned(ref("new"), [price()])]))
    assert destination.commit(new, Fence(8, "tester"), NOW).counts.loaded == 1
    with file.session(read_only=True) as session:
        assert max(session.rows(f"SELECT VERSION FROM {versions(DATABASE)}")) == (SCHEMA_VERSION,)
        assert session.rows(f"SELECT KEY FROM {CONTROL}.ETL_OBJECTS ORDER BY KEY") == [("new",), ("old",)]
        assert session.rows(f"SELECT RAW FROM {CONTROL}.ETL_QUARANTINE") == [("raw",)]


def test_a_change_of_the_control_tables_is_a_version_of_its_own():
    """Whoever changes them adds an upgrade to ``UPGRADES``, and to the folder what the new version is made of."""
    numbers = sorted(int(path.stem) for path in EARLIER.glob("*.sql"))
    assert numbers == list(range(1, SCHEMA_VERSION + 1))
    today = script(list(creating(DATABASE, (), DUCKDB).values()))
    assert (EARLIER / f"{SCHEMA_VERSION}.sql").read_text("utf-8") == today
