"""Settings become an upstream: the databases that datasets are taken from, and the bucket that their rows go into."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from etl_daemon.bootstrap import bucket
from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.upstream import extraction
from etl_daemon.core.upstream.extraction import Mark, Origin
from etl_daemon.core.upstream.origins import origins
from etl_daemon.extraction import Put
from etl_daemon.extraction.extractor import MARKS, Extraction, Extractor
from etl_daemon.extraction.journal import Journal
from etl_daemon.extraction.needs import Document, Snapshot
from etl_daemon.extraction.pulse import Pulse
from etl_daemon.leasing import LeaseKeeper
from etl_daemon.pipeline import Grace
from etl_daemon.ports import Store


@dataclass
class SqlUpstream:
    """Extracts what is due; unless it is ``extracting``, it only knows the types of what was extracted."""

    runtime: Runtime
    origins: Mapping[str, Origin]
    lease: LeaseKeeper | None = None
    extracting: bool = True
    _tried: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> Collection[str]:
        """The datasets that it knows."""
        return self.origins.keys()

    def pull(self, dataset: Dataset) -> Dataset:
        """As the port says."""
        if dataset.name not in self.origins:
            return dataset
        mark = self.mark(dataset)
        if self.extracting and self._due(dataset, mark):
            mark = self._extraction(dataset).mark
        return extraction.typed(dataset, mark.types)

    def extract(self, dataset: Dataset, *, anew: bool = False) -> tuple[Put, ...]:
        """Extract it, due or not.

        Raises:
            EtlError: as ``Extractor.extract``.
        """
        return self._extraction(dataset, anew=anew).objects

    def at_home(self, dataset: Dataset) -> Dataset:
        """As extracting needs it: with the folder that its objects are put into as its prefix."""
        return replace(dataset, prefix=placed(self.origins[dataset.name], dataset).folder)

    def cursor(self, dataset: Dataset) -> str | None:
        """How far it has come, as text of the column that it grows by."""
        return self.mark(dataset).cursor

    def _extraction(self, dataset: Dataset, *, anew: bool = False) -> Extraction:
        from etl_daemon.adapters.sql.connect import snapshot
        from etl_daemon.adapters.sql.failures import LoginRefusedError
        from etl_daemon.adapters.sql.parquet import to_parquet

        origin, settings = placed(self.origins[dataset.name], dataset), self.runtime.settings
        self._tried[dataset.cursor_name] = time.monotonic()
        grace = Grace(self.runtime.stop, settings.etl_stop_seconds)
        pulse = Pulse(dataset.name, self.runtime.corridor.tell, grace.over)

        def attempt(secret: Mapping[str, str]) -> Snapshot:
            return snapshot(origin, secret, settings.etl_timeout, pulse)

        def opened() -> Snapshot:
            if origin.url:
                return attempt({})
            refused = lambda error: isinstance(error, LoginRefusedError)  # noqa: E731
            return self.runtime.vault.with_secret(origin.secret, attempt, refused)

        place = bucket.receiving(self.runtime, self._store, dataset.cursor_name, self.lease, pulse)
        return Extractor(dataset, origin, self._journal(dataset), place, opened, to_parquet).extract(anew=anew)

    def mark(self, dataset: Dataset) -> Mark:
        """How far it has come."""
        return self._journal(dataset).read()

    def _due(self, dataset: Dataset, mark: Mark) -> bool:
        """By the mark, which every process sees, and by attempts that changed nothing, of which only this one knows."""
        every = self.origins[dataset.name].every_seconds
        tried = self._tried.get(dataset.cursor_name)
        early = tried is not None and time.monotonic() - tried < every
        return mark.intent is not None or (not early and mark.due(every, self.runtime.clock.now()))

    @cached_property
    def _store(self) -> Store:
        return bucket.store(self.runtime)

    def _journal(self, dataset: Dataset) -> Journal[Mark]:
        name = dataset.cursor_name
        if name not in self._documents:
            self._documents[name] = bucket.mark(self.runtime, name)
        return Journal(self._documents[name], name, MARKS)

    @cached_property
    def _documents(self) -> dict[str, Document]:
        return {}


def placed(origin: Origin, dataset: Dataset) -> Origin:
    """The origin of a dataset that a run has given a table beside its own: its objects lie beside the others too."""
    suffix = dataset.cursor.partition(";")[2]
    return replace(origin, folder=f"{origin.folder[:-1]}{suffix}/") if suffix else origin


def sql_upstream(runtime: Runtime, lease: LeaseKeeper | None, *, extracting: bool = True) -> SqlUpstream | None:
    """What datasets are taken from; None: no dataset has a database."""
    found = origins(runtime.settings, runtime.datasets)
    return SqlUpstream(runtime, found, lease, extracting) if found else None


def with_types(runtime: Runtime) -> Runtime:
    """The runtime with the types that extracted datasets have at their source.

    Raises:
        EtlError: the bucket did not answer.
    """
    knowing = sql_upstream(runtime, None, extracting=False)
    return replace(runtime, datasets=tuple(map(knowing.pull, runtime.datasets))) if knowing else runtime
