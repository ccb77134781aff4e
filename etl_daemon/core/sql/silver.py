"""SQL of silver and gold: rows are made ready in a table of the session, then merged; one text for every destination.

The procedure of ``deploy/snowflake/medallion`` runs the same text: there a stream says which keys are new, here the
ledger's batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from etl_daemon.core.medallion.refinement import Tidying
from etl_daemon.core.medallion.silver import HASH, INSERTED, ORIGIN, PROCESS, UPDATED, Silver
from etl_daemon.core.sql.dialect import Dialect
from etl_daemon.core.sql.publish import quoted

_TIDIED = {
    Tidying.TRIM: "TRIM({})",
    Tidying.UPPER: "UPPER({})",
    Tidying.LOWER: "LOWER({})",
    Tidying.BLANK_TO_NULL: "NULLIF({}, '')",
}


@dataclass(frozen=True, slots=True)
class SilverSql:
    """The statements. ``refined`` is the full name of the session's table in which rows are made ready."""

    silver: Silver
    refined: str
    dialect: Dialect

    def shelf(self) -> str:
        """Make the session's table; on Snowflake this commits, so it comes before the transaction."""
        columns = [f'"{each.name}" {self.dialect.column_type(each.type)}' for each in self.silver.refined]
        return f"CREATE OR REPLACE TEMPORARY TABLE {self.refined} (\n    {folded(columns, 4)}\n)"

    def refining(self, news: str = "") -> str:
        """Make the latest row of each key ready; bound first: process name, run, time.

        ``news`` selects the rows of bronze whose keys count; empty: all keys.
        """
        own, key, origin = self.silver.columns.names, self.silver.key, self.silver.origin
        named = [f'b."{name}"' if name == column else f'b."{column}" AS "{name}"' for name, column in origin.items()]
        order = folded([f'b."{column}" DESC NULLS LAST' for column in self.silver.order], 15)
        among = ""
        if news:
            new, same = self._tidied(f"({news})", key), self._same_key("n", "b")
            among = f" JOIN (\n        SELECT DISTINCT {quoted(key)} FROM ({new}) AS k\n    ) AS n ON {same}"
        beside = (*self.silver.order, *origin.values())
        return f"""
INSERT INTO {self.refined} (
    {folded(_quoted(self.silver.refined.names), 4)}
)
SELECT {folded(_quoted(own), 7)},
       {self._hashed()},
       {folded(_quoted(ORIGIN.names), 7)},
       CAST(? AS VARCHAR), CAST(? AS VARCHAR), CAST(? AS {self.dialect.timestamp})
FROM (
    SELECT {folded([*(f'b."{name}"' for name in own), *named], 11)},
           ROW_NUMBER() OVER (
               PARTITION BY {quoted(key, "b")}
               ORDER BY {order}
           ) AS NTH
    FROM (
        {self._tidied(self.silver.bronze, own, beside)}
    ) AS b{among}
) AS latest
WHERE NTH = 1 AND {self._keyed()}
""".strip()

    def unkeyed(self, news: str) -> str:
        """How many new rows have no key."""
        rows = self._tidied(f"({news})", self.silver.key)
        return f"SELECT COUNT(*) FROM ({rows}) AS n WHERE NOT ({self._keyed()})"

    def outlook(self) -> str:
        """What the merge will do: (rows inserted, rows updated)."""
        return (
            f'SELECT COUNT(CASE WHEN t."{HASH.name}" IS NULL THEN 1 END), '
            f'COUNT(CASE WHEN t."{HASH.name}" <> s."{HASH.name}" THEN 1 END) '
            f"FROM {self.refined} AS s LEFT JOIN {self.silver.table} AS t ON {self._same_key('t', 's')}"
        )

    def merge(self) -> str:
        """Bring the rows that were made ready into silver; those that are there already are not touched."""
        changed = (*self.silver.others, HASH.name, *ORIGIN.names, *PROCESS.names)
        setting = [*(f'"{name}" = s."{name}"' for name in changed), f'"{UPDATED.name}" = s."PROCESS_DTS"']
        names = (*self.silver.columns.names, HASH.name, *ORIGIN.names, *PROCESS.names)
        return f"""
MERGE INTO {self.silver.table} AS t
USING {self.refined} AS s
ON {self._same_key("t", "s")}
WHEN MATCHED AND t."{HASH.name}" <> s."{HASH.name}" THEN UPDATE SET
    {folded(setting, 4)}
WHEN NOT MATCHED THEN INSERT (
    {folded(_quoted((*names, INSERTED.name, UPDATED.name)), 4)}
) VALUES (
    {folded([*(f's."{name}"' for name in names), 's."PROCESS_DTS"', 's."PROCESS_DTS"'], 4)}
)
""".strip()

    def moved(self, restated: str) -> str:
        """Rows of silver that came from objects which came again, and are the same, now come from another row.

        ``restated`` selects the keys of those objects.
        """
        name = self.silver.table.rpartition(".")[2]
        setting = ", ".join(f'"{each}" = s."{each}"' for each in ORIGIN.names)
        return (
            f"UPDATE {self.silver.table} SET {setting} FROM {self.refined} AS s "
            f'WHERE {self._same_key("s", name)} AND {name}."{HASH.name}" = s."{HASH.name}" '
            f'AND {name}."SOURCE_FILE_NAME" IN ({restated})'
        )

    def gone(self, restated: str) -> str:
        """Take rows out of silver whose object came again without them, where bronze has their key no more."""
        name = self.silver.table.rpartition(".")[2]
        return (
            f'DELETE FROM {self.silver.table} WHERE {name}."SOURCE_FILE_NAME" IN ({restated}) '
            f"AND NOT EXISTS (SELECT 1 FROM {self.refined} AS s WHERE {self._same_key('s', name)})"
        )

    def faults(self) -> dict[str, str]:
        """Counts that should all be 0, by what is wrong; with the latest row of all keys made ready."""
        table, view, ready = self.silver.table, self.silver.view, self.refined
        key = quoted(self.silver.key)
        same = self._same_key("t", "s")
        return {
            "keys_twice": f"SELECT COUNT(*) FROM (SELECT 1 FROM {table} GROUP BY {key} HAVING COUNT(*) > 1) AS twice",
            "without_key": f"SELECT COUNT(*) FROM {table} WHERE NOT ({self._keyed()})",
            "missing": f"SELECT COUNT(*) FROM {ready} AS s WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {same})",
            "not_the_latest": f"SELECT COUNT(*) FROM {ready} AS s JOIN {table} AS t ON {same} "
            f'WHERE s."{HASH.name}" <> t."{HASH.name}"',
            "not_in_the_view": f"SELECT (SELECT COUNT(*) FROM {table}) - (SELECT COUNT(*) FROM {view})",
        }

    def creating(self) -> dict[str, str]:
        """Full names of the schemas and of silver, in order, each with what makes it if it is not there."""
        schemas = dict.fromkeys(name.rpartition(".")[0] for name in (self.silver.table, self.silver.view))
        return {**{name: f"CREATE SCHEMA IF NOT EXISTS {name}" for name in schemas}, self.silver.table: self.table()}

    def table(self) -> str:
        """Make silver, if it is not there."""
        columns = [
            f'    "{each.name}" {self.dialect.column_type(each.type)}{" NOT NULL" * (each.name in self.silver.key)}'
            for each in self.silver.schema
        ]
        if self.dialect.name == "snowflake":  # which tells it to planners; DuckDB would let no key column grow
            columns.append(f"    PRIMARY KEY ({quoted(self.silver.key)})")
        listed = ",\n".join(columns)
        return f"CREATE TABLE IF NOT EXISTS {self.silver.table} (\n{listed}\n)"

    def view(self) -> str:
        """Make gold: what silver holds, without what is noted for its upkeep."""
        kept = " COPY GRANTS" if self.dialect.name == "snowflake" else ""
        names = folded(_quoted((*self.silver.columns.names, INSERTED.name, UPDATED.name)), 7)
        return f"CREATE OR REPLACE VIEW {self.silver.view}{kept} AS\nSELECT {names}\nFROM {self.silver.table}"

    def _hashed(self) -> str:
        """A hash of all columns but the key's.

        Each value comes with its column's name and its own length, so neither nulls nor separators within values can
        make two rows alike; a column that is null leaves no trace, so that one more column changes no hash.
        """
        traces = "\n           || ".join(self._trace(name) for name in self.silver.others)
        return f"MD5({traces})" if traces else "MD5('')"

    def _trace(self, name: str) -> str:
        text = self.dialect.text(f'"{name}"', self.silver.columns.field(name).type)
        return f"COALESCE('{name}=' || CAST(LENGTH({text}) AS VARCHAR) || ':' || {text} || ';', '')"

    def _tidied(self, rows: str, names: Sequence[str], beside: Sequence[str] = ()) -> str:
        """These columns of bronze with their texts tidied, and others beside them as they are."""
        columns = [f'{self._tidy(name)} AS "{name}"' for name in names]
        columns += [f'r."{name}"' for name in dict.fromkeys(beside) if name not in names]
        return f"SELECT {folded(columns, 15)}\n        FROM {rows} AS r"

    def _tidy(self, name: str) -> str:
        value = f'r."{name}"'
        for step in self.silver.tidy.get(name, ()):
            value = _TIDIED[step].format(value)
        return value

    def _keyed(self) -> str:
        return " AND ".join(f'"{name}" IS NOT NULL' for name in self.silver.key)

    def _same_key(self, one: str, other: str) -> str:
        return " AND ".join(f'{one}."{name}" = {other}."{name}"' for name in self.silver.key)


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]


def folded(parts: Sequence[str], indent: int) -> str:
    """A list in lines that can be read."""
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) > 100:
            lines.append("")
        lines[-1] += f"{part}, "
    return f"\n{' ' * indent}".join(line.rstrip() for line in lines).rstrip(",")
