"""Which keys of JSON records carry which columns, as far as the object has been read, and the SQL to get them."""

# ruff: noqa: S608 - SQL text is made here; every name in it is quoted by literal() or identifier()

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from threading import Lock

import orjson
import pyarrow as pa

from etl_daemon.core.datasets import QUANTITY, Dataset
from etl_daemon.core.planning.sections import Traits
from etl_daemon.core.rules.columns import ALIASES, Matching, match_columns, plain
from etl_daemon.errors import DataError

IS_OBJECT = "coalesce(json_type(json) = 'OBJECT', false)"
MAX_EXTRA = 100
"""Unknown keys that are remembered by name."""
_MARKED = "etl_daemon: here a line ends"
_MARK = f',"{_MARKED}",'.encode()


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read records: ``keys`` names the spellings under which each dataset column comes, the best first.

    ``numeric`` columns are read as numbers, the others as text. ``probes`` are optional columns not seen yet, looked
    for under their own name. ``exact`` columns must not lose digits. ``complete``: every required column has a key.
    """

    keys: dict[str, tuple[str, ...]]
    numeric: frozenset[str]
    required: frozenset[str]
    exact: frozenset[str]
    probes: tuple[str, ...]
    complete: bool

    @property
    def fast(self) -> bool:
        """Whether the reader can pick the best spelling of each column while it parses: it does not tell case."""
        names = [best.casefold() for best, *_ in self.keys.values()] + list(self.probes)
        return bool(self.keys) and len(names) == len(set(names))

    @property
    def several(self) -> frozenset[str]:
        """The columns that come under several spellings."""
        return frozenset(name for name, spellings in self.keys.items() if len(spellings) > 1)

    def fast_sql(self, path: str, longest: int) -> str:
        """The best spelling of each column, then the probes; numbers as DOUBLE: null, 0, 1 need a second look."""
        types = {best: "DOUBLE" if name in self.numeric else "VARCHAR" for name, (best, *_) in self.keys.items()}
        types |= dict.fromkeys(self.probes, "VARCHAR")
        columns = ", ".join(f"{literal(key)}: '{type_}'" for key, type_ in types.items())
        picked = ", ".join(map(identifier, types))
        return f"SELECT {picked} FROM {columns_reader(path, longest, columns)}"

    def exact_sql(self, path: str, longest: int) -> str:
        """``_object`` (true; null where only the line itself tells), then the columns, numbers told from all else."""
        if not self.fast or self.several:
            return self._pointed_sql(path, longest)
        types = {key: "JSON" if name in self.numeric else "VARCHAR" for name, (key,) in self.keys.items()}
        columns = ", ".join(f"{literal(key)}: '{type_}'" for key, type_ in types.items())
        named = ", ".join(f"{identifier(key)}::VARCHAR AS {identifier(name)}" for name, (key,) in self.keys.items())
        source = f"SELECT {named} FROM {columns_reader(path, longest, columns)}"
        some = f"CASE WHEN coalesce({', '.join(map(identifier, self.keys))}) IS NOT NULL THEN true END"
        return f"SELECT {', '.join([some, *map(self._value, self.keys)])} FROM ({source})"

    def _value(self, name: str) -> str:
        return _number(name) if name in self.numeric else identifier(name)

    def _pointed_sql(self, path: str, longest: int) -> str:
        """The same where several spellings may carry a column: the best that a record has counts, null or not."""
        paths = [pointer(key) for spellings in self.keys.values() for key in spellings]
        picked, at = [], 0
        for name, spellings in self.keys.items():
            spots = [f"v[{at + number}]" for number in range(1, len(spellings) + 1)]
            at += len(spellings)
            as_text = "nullif(({})::VARCHAR, 'null')" if name in self.numeric else "({}) ->> '$'"
            picked.append(as_text.format(f"coalesce({', '.join(spots)})") + f" AS {identifier(name)}")
        values = f", json_extract(json, [{', '.join(map(literal, paths))}]) AS v" if paths else ""
        source = f"SELECT {IS_OBJECT} AS _object{values} FROM {reader('read_ndjson_objects', path, longest)}"
        columns = ", ".join(["_object", *map(self._value, self.keys)])
        return f"SELECT {columns} FROM (SELECT {', '.join(['_object', *picked])} FROM ({source}))"


def objects_sql(path: str, longest: int) -> str:
    """Of each line, whether it is a JSON object."""
    return f"SELECT {IS_OBJECT} AS object FROM {reader('read_ndjson_objects', path, longest)}"


def keys_sql(path: str, longest: int) -> str:
    """The distinct keys of the records."""
    return f"SELECT DISTINCT unnest(json_keys(json)) AS key FROM {reader('read_ndjson_objects', path, longest)}"


def reader(function: str, path: str, longest: int, columns: str = "") -> str:
    """The call that reads a file of JSON lines, the longest of which has that many bytes."""
    size = max(2**20, longest + 64)
    return f"{function}({literal(path)}, ignore_errors = true, maximum_object_size = {size}{columns})"


def columns_reader(path: str, longest: int, columns: str) -> str:
    """The call that reads columns of records; unless it is told so, DuckDB takes a lone column for the whole line."""
    return reader("read_ndjson", path, longest, f", records = true, columns = {{{columns}}}")


def _number(name: str) -> str:
    """A column of JSON text: a number, quoted or not, as DOUBLE, an empty string as NULL, anything else as NaN."""
    text = identifier(name)
    return (
        f"coalesce(try_cast({text} AS DOUBLE), CASE WHEN trim({text}, '\" ') = '' OR {text} IS NULL THEN NULL "
        f"WHEN starts_with({text}, '\"') AND NOT contains({text}, '_') "
        f"THEN coalesce(try_cast(trim({text}, '\"') AS DOUBLE), 'nan'::DOUBLE) ELSE 'nan'::DOUBLE END)"
    )


def literal(text: str) -> str:
    """A SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(text: str) -> str:
    """A SQL name."""
    return '"' + text.replace('"', '""') + '"'


def pointer(key: str) -> str:
    """The JSON pointer to a key of the record itself."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


class Keys:
    """The keys seen in an object's records so far. Safe for many threads."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._lock = Lock()
        self._relevant: set[str] = set()
        names = dataset.schema.names
        aliases = [alias for name in names for alias in ALIASES.get(name, ())]
        self._known = {*names, *aliases, *map(plain, dataset.columns)}
        self._extra: dict[str, None] = {}
        self.has_records = False
        self.matching = match_columns((), dataset, per_row=True)
        self._plan = self._make_plan()

    @property
    def plan(self) -> Plan:
        """How to read, by what has been seen."""
        return self._plan

    @property
    def extra(self) -> tuple[str, ...]:
        """Keys that no column matches, as far as seen."""
        return (*self.matching.extra, *self._extra)

    @property
    def traits(self) -> Traits:
        """What they tell of the object as a whole."""
        return Traits((*sorted(self._relevant), *self._extra), self.has_records)

    def add(self, names: Iterable[str]) -> None:
        """Take note of keys."""
        with self._lock:
            fresh = [name for name in names if name not in self._relevant and name not in self._extra]
            relevant = {name for name in fresh if self._likely(name) and match_columns([name], self.dataset).found}
            for name in fresh:
                if name not in relevant and len(self._extra) < MAX_EXTRA:
                    self._extra[name] = None
            if relevant:
                self._relevant |= relevant
                self.matching = match_columns(sorted(self._relevant), self.dataset, per_row=True)
                self._plan = self._make_plan()

    def _likely(self, name: str) -> bool:
        """Whether it is worth to look closer: an object may have millions of keys."""
        return bool(name) and "\0" not in name and (name in self.dataset.columns or plain(name) in self._known)

    def sample(self, lines: Iterable[bytes]) -> None:
        """Take note of the keys of these lines, where they are records."""
        self.add(names_of(lines))

    def _make_plan(self) -> Plan:
        found, columns = self.matching.found, self.dataset.schema.columns
        required = frozenset(
            column.name
            for column in columns
            if column.required and (column.name in found or column.name in self.matching.missing)
        )
        return Plan(
            keys=found,
            numeric=frozenset(column.name for column in columns if pa.types.is_decimal(column.type)),
            required=required,
            exact=frozenset(column.name for column in columns if column.type == QUANTITY),
            probes=tuple(column.name for column in columns if not column.required and column.name not in found),
            complete=not self.matching.missing,
        )


def names_of(lines: Iterable[bytes]) -> Iterable[str]:
    """The distinct keys of these lines, where they are records, in the order in which they first come."""
    shapes = {tuple(value): None for value in _values(list(lines)) if isinstance(value, dict)}
    return dict.fromkeys(chain.from_iterable(shapes))


def _values(lines: Sequence[bytes]) -> Iterable[object]:
    """What the lines hold: read at one go, if each is a value by itself, since a call takes longer than a line.

    A mark that is in no line stands between them: where it comes back each time, no value goes over a line's end.
    """
    text = _MARK.join(lines)
    if text.count(_MARK) == len(lines) - 1:
        with suppress(orjson.JSONDecodeError):
            values: list[object] = orjson.loads(b"[%b]" % text)
            if len(values) == 2 * len(lines) - 1 and values[1::2] == [_MARKED] * (len(lines) - 1):
                return values[::2]
    return map(_parsed, lines)


def _parsed(line: bytes) -> object:
    """What the line holds; orjson is many times quicker and takes less, NaN for one."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def require(matching: Matching, seen: Iterable[str], *, nested: bool = False) -> None:
    """Refuse an object that lacks a required column, or has several that could each be it.

    Raises:
        DataError: ``missing_columns``, ``ambiguous_columns``.
    """
    matching.check()
    if matching.missing:
        names = ", ".join(map(repr, list(seen)[:20])) or "no column"
        hint = f'map it in ETL_DATASETS_FILE: columns = {{ source_name = "{matching.missing[0]}" }}'
        if nested:
            hint += ', or name the way to nested records: records_path = "key.key"'
        raise DataError(
            "missing_columns", f"No column for {', '.join(matching.missing)}; the object has {names}.", hint=hint
        )
