"""The columns of a dataset of kind ``table``: what they are called in its table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from etl_daemon.core.datasets import RESCUED, SYSTEM_COLUMNS, Dataset
from etl_daemon.errors import DataError

MAX_COLUMNS = 1_000
MAX_NAME = 255
"""Characters: what Snowflake takes."""

RESERVED = frozenset({*SYSTEM_COLUMNS.names, RESCUED})
"""Names that a table has for itself."""

SYMBOL = "SYMBOL"
"""The column that ``symbol_from_key`` fills."""

_OTHER = re.compile(r"[^A-Z0-9_]")


def target_name(source: str, columns: Mapping[str, str] | None = None) -> str:
    """The column that a source name leads to: as ``columns`` says, else upper case, ``_`` for all but A-Z, 0-9, _.

    A name that would begin with a digit, or be empty, gets ``_`` before it.
    """
    given = _configured(source, columns or {})
    name = _OTHER.sub("_", (source if given is None else given).strip().upper())
    return name if name and not name[0].isdigit() else f"_{name}"


def _configured(source: str, columns: Mapping[str, str]) -> str | None:
    if source in columns:
        return columns[source]
    plain = source.strip().casefold()
    return next((target for name, target in columns.items() if name.strip().casefold() == plain), None)


def target_names(names: Iterable[str], dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Each target column of an object, in the object's order, and the source names that lead to it.

    Raises:
        DataError: ``column_name`` (reserved, or too long), ``too_many_columns``.
    """
    found: dict[str, tuple[str, ...]] = {}
    for source in names:
        target = target_name(source, dataset.columns)
        if target in RESERVED or len(target) > MAX_NAME or "\0" in source:
            raise DataError(
                "column_name",
                f"Column {source[:80]!r} cannot be called {target[:80]} in the table.",
                hint=f'give it another name in ETL_DATASETS_FILE: columns = {{ "{source[:80]}" = "NAME" }}',
            )
        found[target] = (*found.get(target, ()), source)
    if len(found) > MAX_COLUMNS:
        raise DataError(
            "too_many_columns",
            f"The object has {len(found)} columns, more than {MAX_COLUMNS}.",
            hint='if keys of nested JSON became columns, name the way to the records: records_path = "key.key"',
        )
    return found


def needed(dataset: Dataset) -> tuple[str, ...]:
    """The target columns that every object must have."""
    names = dict.fromkeys((*dataset.primary_key, *filter(None, [dataset.timestamp_column])))
    return tuple(name for name in names if not (name == SYMBOL and dataset.symbol_from_key))
