"""The Python interface: the corridor's steps one by one, or all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypedDict

import pandas as pd

from etl_daemon.api.objects import IDENTITY, Identity, Part, Row, frame_of, identity_of, parts, records
from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.config import Settings
from etl_daemon.core.configure import full_table_name, table_dataset
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.events import DatasetFailed, ObjectRefused
from etl_daemon.core.frames.transformer import DataTransformer
from etl_daemon.core.model import BatchPlan, Fence, Known, ObjectRef, RawBatch
from etl_daemon.core.planning import discovery
from etl_daemon.daemon import Daemon
from etl_daemon.errors import ConfigError, DataError, EtlError, ObjectChangedError
from etl_daemon.pipeline import commit, stage, transform
from etl_daemon.ports import Observer
from etl_daemon.vault import settings_from

__all__ = ["DataSource", "DataTransformer", "S3ToSnowflakeETL"]


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
        self._extracted: dict[Identity, list[Row]] = {}

    @property
    def quarantined(self) -> pd.DataFrame:
        """Rows that the last ``transform_data`` rejected, with their ``reasons``."""
        return self._transformer.quarantined

    def extract_from_s3(self, bucket: str, prefix: str, hours_back: float) -> list[dict[str, Any]]:
        """All rows of the objects under ``prefix`` modified within ``hours_back`` hours, loaded before or not.

        Returns:
            One dict per row: the columns under their dataset names, and ``_object_bucket``, ``_object_key``,
            ``_object_version``, ``_object_modified`` and ``_object_row`` (1-based). A line that is no record has
            ``_raw``, its text, and no columns. Objects that cannot be read are announced to the observers. The rows
            of the last call are remembered, so that ``load_to_snowflake`` can account for those left out.

        Raises:
            TransientError: the store did not answer; try again later.
            SetupError: no such bucket, or access denied.
        """
        since = self._runtime.clock.now() - timedelta(hours=hours_back)
        refs = discovery.pending(self._runtime.corridor.intake.source.list(bucket, prefix), {}, since).pending
        found = {(ref.bucket, ref.key, ref.version): list(self._rows(ref, prefix)) for ref in refs}
        self._extracted = found
        return [row for rows in found.values() for row in rows]

    def transform_data(self, raw_data: Sequence[Mapping[str, Any]], data_type: str) -> pd.DataFrame:
        """Fit rows, cleaned and enriched as ``DataTransformer`` does; the identity columns stay with their rows.

        Raises:
            ConfigError: there is no such data type.
            DataError: a required column is missing.
        """
        named = {dataset.name: dataset.kind for dataset in self._runtime.datasets}
        frame = frame_of(raw_data, inferred=named.get(data_type) is not Kind.TABLE)
        if frame.empty:
            return frame
        return self._transformer.enrich_data(self._transformer.validate(frame, data_type)[0], data_type)

    def load_to_snowflake(self, df: pd.DataFrame, table_name: str) -> bool:
        """Load a frame into the configured destination, exactly once: the same rows again change nothing.

        Rows of objects that this instance extracted last are loaded as those objects: the objects' other rows go to
        the quarantine or count as superseded, as the rules have it. Where the frame lacks a row that is fit, the
        object is not settled, and neither are objects extracted elsewhere: such rows, and rows without identity, are
        an object of their own, named by the hash of their content. Whether the frame is in the destination now; the
        observers hear why if it is not.

        A table that no dataset has takes frames of any columns: it is made, or gains what it lacks, and the rows are
        appended, each frame once. Types are those of the values, exactly: decimals and integers, instants in UTC,
        lists and dicts as JSON. The index is not loaded.

        Raises:
            ConfigError: the name is no table's, or its dataset is loaded as a whole (FULL, TRUNCATE_INSERT), where
                other rows would be gone with the next load.
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
        dataset, own_cursor = self._dataset_for(source)
        runtime = self._runtime
        corridor = replace(runtime.corridor, bucket=self._bucket(source))
        daemon = Daemon(corridor, [dataset], runtime.clock, runtime.holder, own_cursor=own_cursor)
        try:
            return not any(report.failed for report in daemon.cycle())
        except EtlError as error:
            if isinstance(error, ConfigError):
                raise
            corridor.tell(DatasetFailed(source["name"], error))
            return False

    def _bucket(self, source: DataSource) -> str:
        """A folder is one bucket, whatever a source calls it."""
        return self._runtime.corridor.bucket if self._runtime.settings.etl_source == "local" else source["bucket"]

    def _dataset_for(self, source: DataSource) -> tuple[Dataset, bool]:
        """The dataset whose ledger knows the source's objects, and whether its cursor is about them too.

        Rows that go to a dataset's own table are in that dataset's ledger, whatever prefix they come from; another
        table has a ledger, and a cursor, of its own.
        """
        named = {dataset.name: dataset for dataset in self._runtime.datasets}
        _check_source(source, named)
        like = named[source["data_type"]]
        table = full_table_name(source["table_name"], self._runtime.settings)
        given = replace(like, prefix=source["prefix"], table=table, window_hours=source["hours_back"])
        if table != like.table:
            return replace(given, name=f"api:{source['name']}"), True
        here = self._bucket(source) == self._runtime.corridor.bucket
        return given, here and given.prefix.strip("/") == like.prefix.strip("/")

    def _dataset_of(self, table_name: str) -> Dataset:
        runtime = self._runtime
        for dataset in runtime.datasets:
            if dataset.table != full_table_name(str(table_name), runtime.settings):
                continue
            if dataset.mode.replaces:
                raise ConfigError(
                    f"{dataset.table} is loaded as a whole ({dataset.mode}) by the dataset {dataset.name}: a frame's "
                    "rows would be gone with the next load.",
                    hint="use run_etl_pipeline, or load the frame into a table of its own",
                )
            return dataset
        return table_dataset(table_name, runtime.settings, runtime.datasets)

    def _load(self, df: pd.DataFrame, dataset: Dataset) -> None:
        destination = self._runtime.corridor.destination
        destination.prepare([dataset])
        ours = dataset in self._runtime.datasets  # else no object is the dataset's
        extracted = self._extracted.items() if ours else ()
        complete = {identity: rows for identity, rows in extracted if self._covers(df, rows, dataset)}
        found = parts(df, complete, self._runtime.clock.now())
        for bucket in sorted({part.ref.bucket for part in found}):
            known = destination.recall([dataset], bucket)[dataset.name]
            new = [part for part in found if part.ref.bucket == bucket and not _loaded(part.ref, known)]
            if new:
                self._current([part.ref for part in new if not part.apart])
                self._commit(new, dataset, known)

    def _covers(self, df: pd.DataFrame, whole: Sequence[Row], dataset: Dataset) -> bool:
        """Whether the frame holds every fit row of an object."""
        if not whole or not {*IDENTITY, "_object_row"} <= set(df.columns):
            return False
        its = df[IDENTITY].eq([whole[0][name] for name in IDENTITY]).all(axis="columns")
        given = set(df["_object_row"][its])
        return bool(given) and set(self._fit_rows(whole, dataset)) <= given

    def _current(self, refs: Sequence[ObjectRef]) -> None:
        """An older version must not overwrite a newer one.

        Raises:
            ObjectChangedError: an object is no longer what was extracted.
        """
        if not refs:
            return
        prefix = os.path.commonprefix([ref.key for ref in refs])  # noqa: RUF071 - a key's prefix is any text
        there = {ref.key: ref.version for ref in self._runtime.corridor.intake.source.list(refs[0].bucket, prefix)}
        for ref in refs:
            if there.get(ref.key) != ref.version:
                raise ObjectChangedError(f"{ref.key} is no longer the version that was extracted.")

    def _fit_rows(self, whole: Sequence[Row], dataset: Dataset) -> list[int]:
        fit = DataTransformer(self._runtime.settings).validate(pd.DataFrame(list(whole), dtype=object), dataset.name)[0]
        return [int(number) for number in fit["_object_row"]]

    def _commit(self, new: list[Part], dataset: Dataset, known: Known) -> None:
        corridor = self._runtime.corridor
        slices = (part.slice(dataset) for part in new)
        raw = RawBatch(BatchPlan(dataset, tuple(part.ref for part in new)), slices)
        staged = stage(transform(raw, corridor.intake), corridor)
        if staged.refusals:
            raise DataError(staged.refusals[0].reason, staged.refusals[0].detail)
        fence = Fence(known.cursor.generation + 1, self._runtime.holder)
        commit(staged, corridor, fence, self._runtime.clock.now())

    def _rows(self, ref: ObjectRef, prefix: str) -> Iterator[Row]:
        corridor = self._runtime.corridor
        body = corridor.intake.source.fetch(ref)
        error: DataError | None = None
        for dataset in self._candidates(prefix):
            try:
                slices = list(corridor.intake.decoder.decode(ref, body, dataset))
            except DataError as unfit:
                error = error or unfit
                continue
            for part in slices:
                yield from records(part, identity_of(ref))
            return
        if error:
            corridor.tell(ObjectRefused(prefix, ref, error.reason, str(error)))

    def _candidates(self, prefix: str) -> list[Dataset]:
        """Datasets by whose columns an object may be read, the one with that very prefix first."""
        return sorted(self._runtime.datasets, key=lambda dataset: dataset.prefix.strip("/") != prefix.strip("/"))


def _loaded(ref: ObjectRef, known: Known) -> bool:
    return known.versions.get(ref.key) == ref.version and ref.key not in known.refused


def _check_source(source: DataSource, named: Mapping[str, Dataset]) -> None:
    lacking = [name for name in DataSource.__annotations__ if name not in source]
    if lacking:
        raise ConfigError(
            f"Source {source.get('name', source)} lacks {', '.join(lacking)}.",
            hint=f"a source has {', '.join(DataSource.__annotations__)}",
        )
    if source["data_type"] not in named:
        raise ConfigError(
            f"Source {source['name']}: there is no data type {source['data_type']!r}.",
            hint=f"use one of {', '.join(sorted(named))}",
        )
    if source["hours_back"] < 0:
        raise ConfigError(f"Source {source['name']}: hours_back is {source['hours_back']}.", hint="use 0 or more hours")
