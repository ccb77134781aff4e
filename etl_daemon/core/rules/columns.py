"""An object's columns against a dataset's: configured names first, then the name itself in any case, then aliases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.tables.naming import needed, target_names
from etl_daemon.errors import DataError

ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": ("ticker", "name"),
    "timestamp": ("date", "datetime", "time"),
}
"""Other names under which a column may come, in any case."""


@dataclass(frozen=True, slots=True)
class Matching:
    """``found`` maps each dataset column to the object's columns that carry it: one, or of JSON lines all, best first.

    ``ambiguous`` (JSON lines only) maps dataset columns to those that would serve them equally well.
    """

    found: dict[str, tuple[str, ...]]
    extra: tuple[str, ...]
    missing: tuple[str, ...]
    ambiguous: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what is ambiguous.

        Raises:
            DataError: ``ambiguous_columns``.
        """
        for column, names in self.ambiguous.items():
            raise DataError(
                "ambiguous_columns",
                f"Columns {', '.join(map(repr, names))} could each be {column!r}.",
                hint=f'name the right one in ETL_DATASETS_FILE: columns = {{ "{names[0]}" = "{column}" }}',
            )


def match_columns(names: Iterable[str], dataset: Dataset, *, per_row: bool = False) -> Matching:
    """Match column names of an object with the columns of its dataset.

    With ``per_row`` (JSON lines) each row has names of its own: all that may carry a column are found, and names that
    differ in case only are not ambiguous. What is ambiguous is left to ``Matching.check``, when all names are known.
    Of a dataset of kind ``table`` all columns are found, under their target names.

    Raises:
        DataError: ``ambiguous_columns`` when two columns would serve one dataset column equally well; not ``per_row``.
            Of the kind ``table`` also ``column_name``, ``too_many_columns``.
    """
    names = list(dict.fromkeys(names))
    if dataset.kind is Kind.TABLE:
        return _all_columns(names, dataset)
    found: dict[str, tuple[str, ...]] = {}
    ambiguous: dict[str, tuple[str, ...]] = {}
    for column in dataset.schema.names:
        tiers = _tiers(column, names, dataset)
        if not tiers:
            continue
        best = tiers[0]
        if len(set(map(plain, best)) if per_row else best) > 1:
            ambiguous[column] = tuple(best)
        found[column] = tuple(name for tier in tiers for name in _in_order(tier, column)) if per_row else tuple(best)
    taken = {name for match in found.values() for name in match}
    missing = tuple(
        column.name
        for column in dataset.schema.columns
        if column.required and column.name not in found and not (column.name == "symbol" and dataset.symbol_from_key)
    )
    matching = Matching(found, tuple(name for name in names if name not in taken), missing, ambiguous)
    if not per_row:
        matching.check()
    return matching


def _all_columns(names: list[str], dataset: Dataset) -> Matching:
    """Every column is the dataset's, under its target name."""
    found = target_names(names, dataset)
    for target, sources in found.items():
        if len(sources) > 1:
            raise DataError(
                "ambiguous_columns",
                f"Columns {', '.join(map(repr, sources))} would each be called {target}.",
                hint=f'give one another name in ETL_DATASETS_FILE: columns = {{ "{sources[-1]}" = "NAME" }}',
            )
    return Matching(found, (), tuple(name for name in needed(dataset) if name not in found))


def plain(name: str) -> str:
    """A name without its case and the blanks around it."""
    return name.strip().casefold()


def _tiers(column: str, names: list[str], dataset: Dataset) -> list[list[str]]:
    """The names that may be a column, those of equal right together: configured ones, the name itself, aliases."""
    configured = {plain(source): target for source, target in dataset.columns.items()}
    exact = [name for name in names if dataset.columns.get(name) == column]
    tiers = (
        exact,
        [name for name in names if configured.get(plain(name)) == column and name not in exact],
        [name for name in names if plain(name) == column and column not in configured],
        [name for name in names if plain(name) in ALIASES.get(column, ()) and plain(name) not in configured],
    )
    return [tier for tier in tiers if tier]


def _in_order(names: list[str], column: str) -> list[str]:
    """Names of one tier: aliases as they are listed, the plain spelling of each before others."""
    aliases = [*ALIASES.get(column, ())]
    return sorted(
        names, key=lambda name: (plain(name) in aliases and aliases.index(plain(name)), name != plain(name), name)
    )
