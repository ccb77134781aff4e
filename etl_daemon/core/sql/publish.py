"""SQL of how staged rows meet the target; one text for every destination.

Staged rows hold each key once. Rows of objects that come again (``restated``) count as gone from the target already:
their keys are bound as a JSON list wherever a statement says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from etl_daemon.core.datasets import ROW_ORDER, SYSTEM_COLUMNS, TEXT, Dataset, Kind
from etl_daemon.core.sql.dialect import Dialect

KEYS = pa.schema([("KEY", TEXT)])
"""A list of object keys."""

_PLACE = "t._OBJECT_KEY, t._OBJECT_ROW, t._LOADED_AT"
"""What tells one row from all others: where nothing is restated, several versions of an object have a row 1."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Staged rows (``staged``: a table's full name) on their way into the target of a dataset.

    ``columns`` are the target's own. With ``restated`` the statements that look at the target take the JSON list of
    restated object keys as their last bound value.
    """

    dataset: Dataset
    columns: pa.Schema
    staged: str
    dialect: Dialect
    restated: bool

    def met(self) -> str:
        """Who wins where keys meet: (staged object key, target object key, staged rows lost, target rows beaten).

        Where the target has a key more than once, a staged row that is older than any of its rows is lost.
        """
        newer = f"CASE WHEN {self._newer()} THEN 1 ELSE 0 END"
        return f"""
            SELECT STAGED_KEY, TARGET_KEY, SUM(CASE WHEN NEWER = 0 AND NTH = 1 THEN 1 ELSE 0 END), SUM(NEWER)
            FROM (
                SELECT s._OBJECT_KEY AS STAGED_KEY, t._OBJECT_KEY AS TARGET_KEY, {newer} AS NEWER,
                       ROW_NUMBER() OVER (PARTITION BY s._OBJECT_KEY, s._OBJECT_ROW ORDER BY {newer}) AS NTH
                FROM {self.staged} AS s JOIN {self.dataset.table} AS t ON {self._same_key()} {self._standing("WHERE")}
            ) AS pairs
            GROUP BY STAGED_KEY, TARGET_KEY
        """

    def known(self) -> str:
        """Staged rows whose key the target has: (object key, rows)."""
        target = f"SELECT 1 FROM {self.dataset.table} AS t WHERE {self._same_key()} {self._standing('AND')}"
        return f"SELECT s._OBJECT_KEY, COUNT(*) FROM {self.staged} AS s WHERE EXISTS ({target}) GROUP BY s._OBJECT_KEY"

    def late(self) -> str:
        """Staged rows not beyond the latest timestamp of the target: (object key, rows)."""
        return (
            f"SELECT s._OBJECT_KEY, COUNT(*) FROM {self.staged} AS s WHERE NOT COALESCE({self._beyond()}, FALSE) "
            "GROUP BY s._OBJECT_KEY"
        )

    def removal(self, table: str, *, beaten: bool, found: bool = False) -> str:
        """Take restated rows, and with ``beaten`` also target rows older than a staged one, out of a table.

        That is the target, or with ``found`` the table of the anomalies found in it, by the detector bound last.
        """
        gone = []
        if beaten:
            gone.append(
                f"SELECT {_PLACE} FROM {self.dataset.table} AS t JOIN {self.staged} AS s "
                f"ON {self._same_key()} WHERE {self._newer()}"
            )
        if self.restated:
            gone.append(f"SELECT {_PLACE} FROM {self.dataset.table} AS t WHERE t._OBJECT_KEY IN ({self._keys()})")
        name = table.rpartition(".")[2]
        whose = f" AND {name}.DETECTED_BY = ?" if found else ""
        return (
            f"DELETE FROM {table} USING ({' UNION '.join(gone)}) AS gone "
            f"WHERE {name}._OBJECT_KEY = gone._OBJECT_KEY AND {name}._OBJECT_ROW = gone._OBJECT_ROW "
            f"AND {name}._LOADED_AT = gone._LOADED_AT{whose}"
        )

    def insertion(self, *, only_new: bool) -> str:
        """Put staged rows into the target; bound first: batch id, and the time of the commit for each of its stamps.

        With ``only_new`` only rows whose key the target lacks, or that lie beyond its latest timestamp.
        """
        fresh = ""
        if only_new and self.dataset.by_timestamp:
            fresh = f"WHERE {self._beyond()}"
        elif only_new:
            fresh = f"WHERE NOT EXISTS (SELECT 1 FROM {self.dataset.table} AS t WHERE {self._same_key()})"
        fields = [*self.columns, *(SYSTEM_COLUMNS.field(name) for name in ROW_ORDER)]
        values = ", ".join(self._value(field) for field in fields)
        stamps = self.dataset.stamps
        times = ", ".join([f"CAST(? AS {self.dialect.timestamp})"] * len(stamps))
        return (
            f"INSERT INTO {self.dataset.table} ({quoted(field.name for field in fields)}, _BATCH_ID, "
            f"{', '.join(stamps)}) SELECT {values}, CAST(? AS VARCHAR), {times} "
            f"FROM {self.staged} AS s {fresh}"
        )

    def _beyond(self) -> str:
        column = f'"{self.dataset.instant}"'
        latest = f"SELECT MAX({column}) FROM {self.dataset.table}"
        return f"s.{column} > ({latest}) OR ({latest}) IS NULL"

    def _standing(self, word: str) -> str:
        return f"{word} t._OBJECT_KEY NOT IN ({self._keys()})" if self.restated else ""

    def _keys(self) -> str:
        return f"SELECT KEY FROM ({self.dialect.listed(KEYS)}) AS listed"

    def _same_key(self) -> str:
        fields = [self.columns.field(name) for name in self.dataset.key]
        return " AND ".join(f'{self._value(field)} = t."{field.name}"' for field in fields)

    def _value(self, field: pa.Field) -> str:
        return self.dialect.staged(f's."{field.name}"', field.type)

    def _newer(self) -> str:
        return later("s", "t", self.dataset.order)


def later(first: str, second: str, columns: Iterable[str]) -> str:
    """Whether the row ``first`` is greater than ``second``, column by column (Snowflake compares no tuples)."""
    column, *others = columns
    one, other = f'{first}."{column}"', f'{second}."{column}"'
    if not others:
        return f"{one} > {other}"
    greater, same = f"{one} > {other}", f"{one} = {other}"
    if column not in ROW_ORDER:  # what has no timestamp comes before what has one
        greater = f"({greater} OR ({one} IS NOT NULL AND {other} IS NULL))"
        same = f"({same} OR ({one} IS NULL AND {other} IS NULL))"
    return f"({greater} OR ({same} AND {later(first, second, others)}))"


def quoted(names: Iterable[str], alias: str = "") -> str:
    """Column names, exactly as they are, joined by commas."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f'{prefix}"{name}"' for name in names)


def emptying(dataset: Dataset) -> str:
    """Empty the target; anomalies that were found, not loaded, stay: what their own objects hold decides on those."""
    found = " WHERE DETECTED_BY NOT LIKE 'etl_daemon:%'" if dataset.kind is Kind.ANOMALIES else ""
    return f"DELETE FROM {dataset.table}{found}"
