"""The Python interface: the corridor's steps one by one, or all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypedDict

import numpy as np
import pandas as pd
import pyarrow as pa

from etl_daemon.bootstrap import Runtime, build
from etl_daemon.config import Settings, settings_from
from etl_daemon.core import discovery, frames
from etl_daemon.core.configure import full_table_name
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import DatasetFailed, ObjectRefused
from etl_daemon.core.model import BatchPlan, Fence, ObjectRef, RawBatch, RawSlice
from etl_daemon.core.transformer import DataTransformer
from etl_daemon.daemon import Daemon
from etl_daemon.errors import ConfigError, DataError, EtlError
from etl_daemon.pipeline import commit, stage, transform
from etl_daemon.ports import Observer

__all__ = ["DataSource", "DataTransformer", "S3ToSnowflakeETL"]

IDENTITY = ["_object_bucket", "_object_key", "_object_version"]


class DataSource(TypedDict):
    """One source of ``run_etl_pipeline``: where objects lie, what they hold, where rows go, how far back to look."""

    name: str
    bucket: str
    prefix: str
    data_type: str
    table_name: str
    hours_back: float


class S3ToSnowflakeETL:
    """Extracts objects, transforms their rows and loads them, with the daemon's own corridor.

    ``config`` is a ``Settings``, or a mapping of setting names such as ``{"S3_BUCKET": "market-data"}``; the
    environment is not read. The destination is the configured one. ``observers`` hear of every event. Use it as a
    context manager, or call ``close``.
    """

    def __init__(self, config: Settings | Mapping[str, object], *, observers: Sequence[Observer] = ()) -> None:
        settings = config if isinstance(config, Settings) else settings_from(config)
        self._runtime: Runtime = build(settings, observers)
        self._transformer = DataTransformer(settings)

    @property
    def quarantined(self) -> pd.DataFrame:
        """Rows that the last ``transform_data`` rejected, with their ``reasons``."""
        return self._transformer.quarantined

    def extract_from_s3(self, bucket: str, prefix: str, hours_back: float) -> list[dict[str, Any]]:
        """All rows of the objects under ``prefix`` modified within ``hours_back`` hours, loaded before or not.

        Returns:
            One dict per row: the columns under their dataset names, and ``_object_bucket``, ``_object_key``,
            ``_object_version``, ``_object_modified`` and ``_object_row`` (1-based). A line that is no record has
            ``_raw``, its text, and no columns. Objects that cannot be read are announced to the observers.

        Raises:
            TransientError: the store did not answer; try again later.
            SetupError: no such bucket, or access denied.
        """
        since = self._runtime.clock.now() - timedelta(hours=hours_back)
        refs = discovery.pending(self._runtime.corridor.intake.source.list(bucket, prefix), {}, since).pending
        return [row for ref in refs for row in self._rows(ref, prefix)]

    def transform_data(self, raw_data: Sequence[Mapping[str, Any]], data_type: str) -> pd.DataFrame:
        """Fit rows, cleaned and enriched as ``DataTransformer`` does; the identity columns stay with their rows.

        Raises:
            ConfigError: there is no such data type.
            DataError: a required column is missing.
        """
        frame = pd.DataFrame(list(raw_data))
        if frame.empty:
            return frame
        return self._transformer.enrich_data(self._transformer.validate(frame, data_type)[0], data_type)

    def load_to_snowflake(self, df: pd.DataFrame, table_name: str) -> bool:
        """Load a frame into the configured destination, exactly once: the same rows again change nothing.

        Rows with identity columns count as their object's; others are one object named by the hash of their content.
        Rows that break a rule go to the quarantine. Whether the frame is in the destination now; the observers hear
        why if it is not.

        Raises:
            ConfigError: no dataset loads into that table.
        """
        dataset = self._dataset_of(table_name)
        try:
            self._load(df, dataset)
        except EtlError as error:
            if isinstance(error, ConfigError):
                raise
            self._runtime.corridor.tell(DatasetFailed(dataset.name, error))
            return False
        return True

    def run_etl_pipeline(self, data_sources: Sequence[DataSource]) -> dict[str, bool]:
        """Bring every source up to date, as one cycle of the daemon does; per source name whether all went well.

        Raises:
            ConfigError: a source names no known data type.
        """
        return {source["name"]: self._bring_up(source) for source in data_sources}

    def close(self) -> None:
        """Let go of connections and files."""
        self._runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _bring_up(self, source: DataSource) -> bool:
        corridor = replace(self._runtime.corridor, bucket=source["bucket"])
        daemon = Daemon(corridor, [self._dataset_for(source)], self._runtime.clock, self._runtime.holder)
        try:
            return not any(report.failed for report in daemon.cycle())
        except EtlError as error:
            if isinstance(error, ConfigError):
                raise
            corridor.tell(DatasetFailed(source["name"], error))
            return False

    def _dataset_for(self, source: DataSource) -> Dataset:
        """The configured dataset where the source is that; else one with a name, so with a cursor, of its own."""
        named = {dataset.name: dataset for dataset in self._runtime.datasets}
        if source["data_type"] not in named:
            raise ConfigError(
                f"Source {source['name']}: there is no data type {source['data_type']!r}.",
                hint=f"use one of {', '.join(sorted(named))}",
            )
        like = named[source["data_type"]]
        table = full_table_name(source["table_name"], self._runtime.settings)
        given = replace(like, prefix=source["prefix"], table=table, window_hours=source["hours_back"])
        same = (given.prefix, table, source["bucket"]) == (like.prefix, like.table, self._runtime.corridor.bucket)
        return given if same else replace(given, name=f"api:{source['name']}")

    def _dataset_of(self, table_name: str) -> Dataset:
        full = full_table_name(table_name, self._runtime.settings)
        for dataset in self._runtime.datasets:
            if dataset.table == full:
                return dataset
        tables = ", ".join(dataset.table for dataset in self._runtime.datasets)
        raise ConfigError(f"No dataset loads into {full}.", hint=f"use one of {tables}, or add it in ETL_DATASETS_FILE")

    def _load(self, df: pd.DataFrame, dataset: Dataset) -> None:
        corridor, destination = self._runtime.corridor, self._runtime.corridor.destination
        destination.prepare([dataset])
        parts = _parts(df, self._runtime.clock.now())
        for bucket in sorted({ref.bucket for ref, _ in parts}):
            known = destination.recall([dataset], bucket)[dataset.name]
            new = [
                (ref, rows)
                for ref, rows in parts
                if ref.bucket == bucket and known.versions.get(ref.key) != ref.version
            ]
            if not new:
                continue
            plan = BatchPlan(dataset, tuple(ref for ref, _ in new))
            parts_read = (_slice(ref, rows, dataset) for ref, rows in new)
            fence = Fence(known.cursor.generation + 1, self._runtime.holder)
            staged = stage(transform(RawBatch(plan, parts_read), corridor.intake), corridor)
            if staged.refusals:
                raise DataError(staged.refusals[0].reason, staged.refusals[0].detail)
            commit(staged, corridor, fence, self._runtime.clock.now())

    def _rows(self, ref: ObjectRef, prefix: str) -> Iterator[dict[str, Any]]:
        corridor = self._runtime.corridor
        body = corridor.intake.source.fetch(ref)
        identity = dict(zip(IDENTITY, (ref.bucket, ref.key, ref.version), strict=True), _object_modified=ref.modified)
        error: DataError | None = None
        for dataset in self._candidates(prefix):
            try:
                slices = list(corridor.intake.decoder.decode(ref, body, dataset))
            except DataError as unfit:
                error = error or unfit
                continue
            for part in slices:
                yield from _records(part, identity)
            return
        if error:
            corridor.tell(ObjectRefused(prefix, ref, error.reason, str(error)))

    def _candidates(self, prefix: str) -> list[Dataset]:
        """Datasets by whose columns an object may be read, the one with that very prefix first."""
        return sorted(self._runtime.datasets, key=lambda dataset: dataset.prefix.strip("/") != prefix.strip("/"))


def _records(part: RawSlice, identity: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    malformed = dict(zip(part.malformed.tolist(), part.raw(part.malformed).to_pylist(), strict=True))
    numbers = part.numbers(np.arange(part.table.num_rows))
    for position, (row, number) in enumerate(zip(part.table.to_pylist(), numbers.tolist(), strict=True)):
        # NaN stands for "present, but not a number": as text it stays apart from a missing value
        values = {name: "NaN" if value != value else value for name, value in row.items()}  # noqa: PLR0124
        yield {
            **({"_raw": malformed[position]} if position in malformed else values),
            **identity,
            "_object_row": number,
        }


def _parts(df: pd.DataFrame, now: datetime) -> list[tuple[ObjectRef, pd.DataFrame]]:
    """The frame by object; rows without identity are one object, known by their content."""
    if not set(IDENTITY) <= set(df.columns):
        digest = hashlib.sha256(pd.util.hash_pandas_object(df, index=False).to_numpy().tobytes())
        digest.update("\0".join(map(str, df.columns)).encode())
        return [(ObjectRef(now, f"frame/{digest.hexdigest()[:32]}", digest.hexdigest()), df)] if len(df) else []
    return [(_ref(identity, rows, now), rows) for identity, rows in df.groupby(IDENTITY, sort=True)]


def _ref(identity: Any, rows: pd.DataFrame, now: datetime) -> ObjectRef:
    bucket, key, version = (str(part) for part in identity)
    modified = pd.Timestamp(rows["_object_modified"].iloc[0]) if "_object_modified" in rows else pd.Timestamp(now)
    return ObjectRef(modified.to_pydatetime().astimezone(UTC), key, version, bucket)


def _slice(ref: ObjectRef, rows: pd.DataFrame, dataset: Dataset) -> RawSlice:
    matching = frames.match_frame(rows, dataset)

    def raw(positions: np.ndarray[Any, Any]) -> pa.StringArray:
        lines = rows.iloc[positions].to_json(orient="records", lines=True, date_format="iso")
        return pa.array(lines.splitlines(), pa.string())

    numbered = "_object_row" in rows
    ordinals = rows["_object_row"].to_numpy(np.int64) if numbered else np.arange(1, len(rows) + 1)
    none = np.zeros(0, np.int64)
    return RawSlice(ref, 1, frames.to_arrow(rows, matching), none, raw, ordinals=ordinals)
