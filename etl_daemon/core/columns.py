"""An object's columns against a dataset's: configured names first, then the name itself in any case, then aliases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from etl_daemon.core.datasets import Dataset
from etl_daemon.errors import DataError

ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": ("ticker", "name"),
    "timestamp": ("date", "datetime", "time"),
}
"""Other names under which a column may come, in any case."""


@dataclass(frozen=True, slots=True)
class Matching:
    """``found`` maps each dataset column to the object's columns that carry it (JSON lines may differ in case)."""

    found: dict[str, tuple[str, ...]]
    extra: tuple[str, ...]
    missing: tuple[str, ...]


def match_columns(names: Iterable[str], dataset: Dataset, *, per_row: bool = False) -> Matching:
    """Match column names of an object with the columns of its dataset.

    With ``per_row`` (JSON lines) names that differ in case only may stand for one column, since each row has its own.

    Raises:
        DataError: ``ambiguous_columns`` when two columns would serve one dataset column equally well.
    """
    names = list(dict.fromkeys(names))
    configured = {source.casefold(): target for source, target in dataset.columns.items()}
    found: dict[str, tuple[str, ...]] = {}
    for column in dataset.schema.names:
        tiers = (
            [name for name in names if dataset.columns.get(name) == column]
            or [name for name in names if configured.get(name.strip().casefold()) == column],
            [name for name in names if name.strip().casefold() == column and name.strip().casefold() not in configured],
            [
                name
                for name in names
                if name.strip().casefold() in ALIASES.get(column, ()) and name.strip().casefold() not in configured
            ],
        )
        match = next((tier for tier in tiers if tier), [])
        spellings = {name.strip().casefold() for name in match}
        if len(spellings) > 1 or (len(match) > 1 and not per_row):
            raise DataError(
                "ambiguous_columns",
                f"Columns {', '.join(map(repr, match))} could each be {column!r}.",
                hint=f'name the right one in ETL_DATASETS_FILE: columns = {{ "{match[0]}" = "{column}" }}',
            )
        if match:
            found[column] = tuple(match)
    taken = {name for match in found.values() for name in match}
    missing = tuple(
        column.name
        for column in dataset.schema.columns
        if column.required and column.name not in found and not (column.name == "symbol" and dataset.symbol_from_key)
    )
    return Matching(found, tuple(name for name in names if name not in taken), missing)
