"""What ``ETL_DATASETS_FILE`` says of databases, as origins of datasets; and what of it cannot work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from etl_daemon.config import Settings, read_datasets_file
from etl_daemon.config.sql_options import SqlOptions
from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.upstream.extraction import By, Format, Origin

OVERLAP = {By.TIMESTAMP: 600.0, By.KEY: 1_000.0}
"""How far behind the cursor rows are taken again where the mode does no harm with them: seconds, or numbers."""

EVERYTHING_HOURS = 876_000.0
"""Extracted objects are never too old: the window of their datasets."""


def origins(settings: Settings, datasets: Sequence[Dataset]) -> dict[str, Origin]:
    """Where datasets come from, by name; those without a database are left out."""
    path = settings.etl_datasets_file
    options = read_datasets_file(path).options if path else {}
    names = {dataset.name: dataset for dataset in datasets}
    return {
        name: _origin(names[name], each.sql, each.model_dump(exclude_none=True))
        for name, each in options.items()
        if each.sql and name in names
    }


def origin_problems(name: str, values: Mapping[str, Any]) -> list[str]:
    """A line for each way in which rows would be lost or come twice."""
    if "sql" not in values:
        return []
    mode, sql = Mode(values.get("mode", Mode.UPSERT)), values["sql"]
    column, _ = _increments(values, mode)
    problems = []
    if mode is Mode.APPEND and not column:
        problems.append(
            f"{name}: sql: mode APPEND would add all rows at each extraction: set timestamp_column or primary_key "
            "beneath sql, or another mode."
        )
    if sql.get("overlap") and not _harmless(values, mode):
        why = "would add rows again" if mode is Mode.APPEND else "leaves out rows that come late, whatever overlaps"
        problems.append(f"{name}: sql overlap={sql['overlap']}: {mode} {why}; use UPSERT, or INCREMENTAL by key.")
    if sql.get("partitions", 1) > 1 and not _partition_by(values):
        problems.append(f"{name}: sql partitions: needs partition_by, the column of whole numbers to cut by.")
    return problems


def _origin(dataset: Dataset, sql: SqlOptions, values: Mapping[str, Any]) -> Origin:
    mode = Mode(values.get("mode", Mode.UPSERT))
    column, by = _increments(values, mode)
    usual = OVERLAP[by] if _harmless(values, mode) else 0.0
    return Origin(
        url=sql.address,
        secret="" if sql.address else sql.secret,
        source=sql.table or sql.query or "",
        query=sql.query is not None,
        folder=sql.folder(dataset.name),
        column=column,
        by=by,
        overlap=usual if sql.overlap is None else sql.overlap,
        every_seconds=sql.every_seconds,
        format=Format(sql.format),
        partitions=sql.partitions,
        partition_by=_partition_by(values),
    )


def _increments(values: Mapping[str, Any], mode: Mode) -> tuple[str, By]:
    """The column by which new rows are told; mode INCREMENTAL has one anyway."""
    sql = values["sql"]
    if sql.get("timestamp_column"):
        return sql["timestamp_column"], By.TIMESTAMP
    if sql.get("primary_key"):
        return sql["primary_key"], By.KEY
    if mode is not Mode.INCREMENTAL:
        return "", By.TIMESTAMP
    keys = values.get("primary_key", ())
    if len(keys) == 1 and values.get("incremental_by", "primary_key") == "primary_key":
        return keys[0], By.KEY
    return values.get("timestamp_column", ""), By.TIMESTAMP


def _harmless(values: Mapping[str, Any], mode: Mode) -> bool:
    """Whether rows that come again change nothing."""
    keyed = bool(values.get("primary_key")) and values.get("incremental_by") != "timestamp_column"
    return mode is Mode.UPSERT or (mode is Mode.INCREMENTAL and keyed)


def _partition_by(values: Mapping[str, Any]) -> str:
    sql, keys = values["sql"], values.get("primary_key", ())
    return sql.get("partition_by") or sql.get("primary_key") or (keys[0] if len(keys) == 1 else "")
