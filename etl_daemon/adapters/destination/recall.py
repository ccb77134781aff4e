"""What the control tables say of datasets, as a process reads it once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

from etl_daemon.adapters.destination.session import Engine, Session
from etl_daemon.adapters.destination.survey import existing
from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.model import Cursor, Known
from etl_daemon.core.sql.ledger import LedgerSql
from etl_daemon.core.sql.tables import creating
from etl_daemon.core.sql.versions import SCHEMA_VERSION, accepted, versions
from etl_daemon.errors import ConfigError, SetupError

PAGE_ROWS = 10_000
"""Lines of the ledger that are in memory at a time: as rows they take several times what is kept of them."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is known of each dataset, by name, and what a first cycle would make: tables and schemas, and cursors."""

    known: Mapping[str, Known]
    missing: tuple[str, ...] = ()
    cursors_missing: tuple[str, ...] = ()


def look(engine: Engine, datasets: Sequence[Dataset], anomalies: Dataset, bucket: str) -> Ledger:
    """Read it without making or changing anything; of what is not there, nothing is known.

    Raises:
        BusyError, TransientError, SetupError: as the engine's session.
        SetupError: the control tables are of an earlier version.
        ConfigError: as ``recalled`` and ``all_cursors``.
    """
    wanted = list(creating(engine.database, (*datasets, anomalies), engine.dialect))
    names = dict.fromkeys(each.cursor_name for each in datasets)
    if not engine.exists():
        return Ledger({each.name: Known() for each in datasets}, tuple(wanted), tuple(names))
    sql = LedgerSql(engine.database, engine.dialect)
    with engine.session(read_only=True) as session:
        there = existing(session, engine.database)
        missing = tuple(name for name in wanted if name.upper() not in there)
        stand = {sql.cursors.upper(), versions(engine.database).upper()} <= there
        found, version = all_cursors(session, sql) if stand else ({}, SCHEMA_VERSION)
        if version < SCHEMA_VERSION:
            raise SetupError(f"The control tables have version {version} still.", hint="run `etl-daemon init`")
        cursors = {**dict.fromkeys(names, Cursor()), **found}
        readable = sql.objects.upper() in there
        known = (
            recalled(session, sql, datasets, bucket, cursors) if readable else {each.name: Known() for each in datasets}
        )
    return Ledger(known, missing, tuple(name for name in names if name not in found))


def all_cursors(session: Session, sql: LedgerSql) -> tuple[dict[str, Cursor], int]:
    """Every cursor, by name; and the version of the control tables.

    Raises:
        ConfigError: a later program has upgraded them.
    """
    columns = "DATASET, WATERMARK, LEASE_GENERATION, HOLDER, SWEPT_AT"
    rows = session.rows(f"SELECT {sql.schema_version}, {columns} FROM {sql.cursors}")
    version = accepted(rows[0][0]) if rows else SCHEMA_VERSION
    found = {name: Cursor(_utc(mark), int(gen), holder, _utc(swept)) for _, name, mark, gen, holder, swept in rows}
    return found, version


def recalled(
    session: Session, sql: LedgerSql, datasets: Sequence[Dataset], bucket: str, cursors: Mapping[str, Cursor]
) -> dict[str, Known]:
    """What the ledger says of each dataset, by name.

    Raises:
        ConfigError: a table was loaded by a dataset of another name.
    """
    owners = {each.table: each for each in datasets}
    known = {each.name: Known({}, cursors[each.cursor_name]) for each in datasets}
    for page in session.pages(PAGE_ROWS, sql.latest(), bucket):
        for name, table, *line in page:
            if table in owners:
                known[name] = _with_line(known[_own(owners[table], name)], line, owners[table].mode)
    return known


def _own(dataset: Dataset, name: str) -> str:
    """The ledger keeps objects by dataset: under another name they would be loaded again, beside what they brought."""
    if dataset.name != name:
        raise ConfigError(
            f"Dataset {dataset.name} goes to {dataset.table}, which dataset {name} has loaded.",
            hint=f"name the dataset {name} again, or set another table: docs/datasets.md",
        )
    return name


def _with_line(known: Known, line: Sequence[Any], mode: Mode) -> Known:
    """What is known, and one more key: (key, latest version, whether refused, its LastModified)."""
    key, version, refused, modified = line
    known.versions[key] = version
    if refused:
        known.refused.add(key)
    if mode is Mode.TRUNCATE_INSERT:
        known.modified[key] = _utc(modified)
    watermark = known.cursor.watermark
    if watermark and _utc(modified) <= watermark and key > known.settled_key:
        return replace(known, settled_key=key)
    return known


def _utc(moment: Any) -> Any:
    return moment.replace(tzinfo=UTC) if moment else None
