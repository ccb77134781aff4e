"""Silver: of each key the latest row that bronze has; what its columns are, and which row of bronze is the latest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from etl_daemon.core.datasets import INSTANT, ROW_ORDER, SYSTEM_COLUMNS, TEXT, Dataset
from etl_daemon.core.medallion.refinement import Refinement, Tidying
from etl_daemon.errors import SetupError

ORIGIN = pa.schema(
    [("SOURCE_FILE_NAME", TEXT), ("SOURCE_FILE_ROW_NUMBER", pa.int64()), ("SOURCE_FILE_LAST_MODIFIED", INSTANT)]
)
"""Where a row of silver comes from."""

PROCESS = pa.schema([("PROCESS_NAME", TEXT), ("PROCESS_ID", TEXT)])
"""Who wrote a row of silver last, and in which run."""

HASH = pa.field("MD5_HASH", TEXT)
INSERTED, UPDATED = pa.field("INSERT_DTS", INSTANT), pa.field("UPDATE_DTS", INSTANT)
KEPT = (HASH.name, *ORIGIN.names, INSERTED.name, UPDATED.name, *PROCESS.names)
"""Columns that silver has besides its own."""

BRONZE_ORIGIN: Mapping[str, str] = dict(
    zip(ORIGIN.names, ("_OBJECT_KEY", "_OBJECT_ROW", "_OBJECT_MODIFIED"), strict=True)
)
"""Which columns of a dataset's table say where a row comes from."""


@dataclass(frozen=True, slots=True)
class Silver:
    """A table with one row per key.

    ``columns`` are its own, with the types that they have in ``bronze`` too. ``order`` are columns of bronze: of two
    rows with one key the one that is greater by them is the later, the most telling first. ``origin`` says in which
    columns of bronze it stands where a row comes from.
    """

    bronze: str
    table: str
    view: str
    key: tuple[str, ...]
    columns: pa.Schema
    order: tuple[str, ...]
    origin: Mapping[str, str]
    tidy: Mapping[str, tuple[Tidying, ...]]

    @property
    def others(self) -> tuple[str, ...]:
        """Its own columns that are not of the key."""
        return tuple(name for name in self.columns.names if name not in self.key)

    @property
    def refined(self) -> pa.Schema:
        """The columns in which rows are made ready for it: its own, and those that are compared and noted."""
        noted = [HASH, *ORIGIN, *PROCESS, pa.field("PROCESS_DTS", INSTANT)]
        return pa.schema([*self.columns, *noted])

    @property
    def schema(self) -> pa.Schema:
        """All its columns."""
        return pa.schema([*self.columns, HASH, *ORIGIN, INSERTED, UPDATED, *PROCESS])


def silver(dataset: Dataset, refinement: Refinement, described: pa.Schema) -> Silver:
    """What a dataset's rows become; ``described`` are the own columns that its table has.

    Raises:
        SetupError: the table lacks a column of the key, or has one that silver keeps for itself.
    """
    to_come = {name for name in dataset.types if name not in refinement.key}  # declared, and in no object yet
    known = {*described.names, *to_come}
    if lacking := [name for name in (*refinement.key, *refinement.tidy) if name not in known]:
        raise SetupError(
            f"{dataset.table} has no column {', '.join(lacking)}, which its silver table is to go by.",
            hint=f"correct primary_key or tidy of [datasets.{dataset.name}.silver]",
        )
    if other := [each.name for each in described if each.name in refinement.tidy and not pa.types.is_string(each.type)]:
        raise SetupError(
            f"{', '.join(other)} of {dataset.table} holds no text, so it cannot be tidied.",
            hint=f"take it out of tidy of [datasets.{dataset.name}.silver], or declare it VARCHAR in types",
        )
    if taken := [name for name in described.names if name in {*KEPT, "PROCESS_DTS"}]:
        raise SetupError(
            f"{dataset.table} has a column {', '.join(taken)}, which {refinement.table} keeps for itself.",
            hint=f'give it another name: columns = {{ {taken[0]} = "..." }} of [datasets.{dataset.name}]',
        )
    instants = (dataset.instant,) if dataset.instant and dataset.instant not in refinement.key else ()
    return Silver(
        dataset.table,
        refinement.table,
        refinement.view,
        refinement.key,
        pa.schema([field for field in described if field.name not in SYSTEM_COLUMNS.names]),
        (*instants, *ROW_ORDER),
        BRONZE_ORIGIN,
        refinement.tidy,
    )


@dataclass(frozen=True, slots=True)
class Run:
    """Who merges, in which run, and when."""

    name: str
    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: ``batches`` of bronze taken up, rows of silver ``inserted``, ``updated``, ``deleted``.

    ``unkeyed`` rows of those batches have no value in a column of the key: they stay in bronze alone.
    """

    batches: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unkeyed: int = 0
