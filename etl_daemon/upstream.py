"""Settings become an upstream: the databases that datasets are taken from, and the bucket that their rows go into."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from etl_daemon.bootstrap import Runtime
from etl_daemon.config import Settings
from etl_daemon.core import configure, extraction
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.discovery import OWN_PREFIX
from etl_daemon.core.events import Event, Retried, StageEnded
from etl_daemon.core.extraction import Mark, Origin
from etl_daemon.core.origins import origins
from etl_daemon.daemon import Daemon
from etl_daemon.errors import AbandonedError
from etl_daemon.extraction import Extraction, Extractor, Places
from etl_daemon.extraction.journal import Journal
from etl_daemon.extraction.needs import Document, Snapshot
from etl_daemon.leasing import LeaseKeeper
from etl_daemon.pipeline import Grace
from etl_daemon.ports import Store
from etl_daemon.vault import Vault, open_vault

BEAT_SECONDS = 5.0
_MARKS = f"{OWN_PREFIX}extract/"


@dataclass(slots=True)
class Pulse:
    """Called while rows come: says now and then that they do, and ends it when the process is to end."""

    dataset: str
    tell: Callable[[Event], None]
    grace: Grace
    _beat_at: float = field(default_factory=time.monotonic)

    def __call__(self) -> None:
        """Raises AbandonedError when the time after a stop is over."""
        if self.grace.over():
            raise AbandonedError(f"{self.dataset}: the process is to end; the extraction begins anew next time.")
        self.beat()

    def beat(self) -> None:
        """Say that work goes on."""
        now = time.monotonic()
        if now - self._beat_at >= BEAT_SECONDS:
            self.tell(StageEnded(self.dataset, "extract", now - self._beat_at))
            self._beat_at = now


@dataclass
class SqlUpstream:
    """Extracts what is due; unless it is ``extracting``, it only knows the types of what was extracted."""

    runtime: Runtime
    origins: Mapping[str, Origin]
    lease: LeaseKeeper | None = None
    extracting: bool = True
    _tried: dict[str, float] = field(default_factory=dict)

    def pull(self, dataset: Dataset) -> Dataset:
        """As the port says."""
        if dataset.name not in self.origins:
            return dataset
        mark = self.mark(dataset)
        if self.extracting and self._due(dataset, mark):
            mark = self.extract(dataset).mark
        return extraction.typed(dataset, mark.types)

    def extract(self, dataset: Dataset, *, anew: bool = False) -> Extraction:
        """Extract it, due or not.

        Raises:
            EtlError: as ``Extractor.extract``.
        """
        from etl_daemon.adapters.sql.connect import snapshot
        from etl_daemon.adapters.sql.failures import LoginRefusedError

        origin, settings = placed(self.origins[dataset.name], dataset), self.runtime.settings
        self._tried[dataset.cursor_name] = time.monotonic()
        pulse = Pulse(dataset.name, self.runtime.corridor.tell, Grace(self.runtime.stop, settings.etl_stop_seconds))

        def attempt(secret: Mapping[str, str]) -> Snapshot:
            return snapshot(origin, secret, settings.etl_timeout, pulse)

        def opened() -> Snapshot:
            if origin.url:
                return attempt({})
            return self._vault.with_secret(origin.secret, attempt, lambda error: isinstance(error, LoginRefusedError))

        return Extractor(dataset, origin, self._journal(dataset), self._places(dataset, pulse), opened).extract(
            anew=anew
        )

    def mark(self, dataset: Dataset) -> Mark:
        """How far it has come."""
        return self._journal(dataset).read()

    def _due(self, dataset: Dataset, mark: Mark) -> bool:
        """By the mark, which every process sees, and by attempts that changed nothing, of which only this one knows."""
        every = self.origins[dataset.name].every_seconds
        tried = self._tried.get(dataset.cursor_name)
        early = tried is not None and time.monotonic() - tried < every
        return mark.intent is not None or (not early and mark.due(every, self.runtime.clock.now()))

    def _places(self, dataset: Dataset, pulse: Pulse) -> Places:
        from etl_daemon.adapters.sql.parquet import to_parquet

        return Places(
            self._store,
            self.runtime.settings.etl_state_dir / "extract" / dataset.cursor_name,
            to_parquet,
            self.runtime.corridor.tell,
            self.runtime.clock.now,
            self.lease.fence if self.lease else lambda: None,
            pulse.beat,
        )

    @cached_property
    def _store(self) -> Store:
        settings, tell = self.runtime.settings, self.runtime.corridor.tell
        if settings.etl_source == "local":
            from etl_daemon.adapters.local.store import LocalStore

            return LocalStore(settings.etl_local_dir or Path.cwd())
        from etl_daemon.adapters.s3.clients import Endpoint
        from etl_daemon.adapters.s3.retry import Retries
        from etl_daemon.adapters.s3.store import S3Store

        def notice(attempt: int, error: BaseException) -> None:
            tell(Retried("", "s3", attempt, str(error)))

        retries = Retries(configure.retry_policy(settings), self.runtime.stop, notice)
        store = S3Store(settings.s3_bucket or "", retries, Endpoint(region=settings.s3_region))
        self.runtime.attach(store.close)
        return store

    def _journal(self, dataset: Dataset) -> Journal:
        name = dataset.cursor_name
        if name not in self._documents:
            self._documents[name] = _document(self.runtime.settings, f"{_MARKS}{name}.json")
            self.runtime.attach(self._documents[name].close)
        return Journal(self._documents[name], name)

    @cached_property
    def _vault(self) -> Vault:
        vault = open_vault(self.runtime.settings, self.runtime.corridor.tell)
        self.runtime.attach(vault.close)
        return vault

    @cached_property
    def _documents(self) -> dict[str, Document]:
        return {}


def _document(settings: Settings, key: str) -> Document:
    if settings.etl_source == "local":
        from etl_daemon.adapters.local.document import FileDocument

        hint = "let this user write below ETL_LOCAL_DIR"
        return FileDocument((settings.etl_local_dir or Path.cwd()) / key, hint=hint)
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.document import S3Document

    hint = "take a store that knows conditional writes"
    return S3Document(
        settings.s3_bucket or "", key, settings.etl_timeout, Endpoint(region=settings.s3_region), hint=hint
    )


def placed(origin: Origin, dataset: Dataset) -> Origin:
    """The origin of a dataset that a run has given a table beside its own: its objects lie beside the others too."""
    suffix = dataset.cursor.partition(";")[2]
    return replace(origin, folder=f"{origin.folder[:-1]}{suffix}/") if suffix else origin


def upstream(runtime: Runtime, lease: LeaseKeeper | None, *, extracting: bool = True) -> SqlUpstream | None:
    """What datasets are taken from; None: no dataset has a database."""
    found = origins(runtime.settings, runtime.datasets)
    return SqlUpstream(runtime, found, lease, extracting) if found else None


def fed(daemon: Daemon, runtime: Runtime, *, extracting: bool) -> Daemon:
    """The daemon with its upstream."""
    daemon.upstream = upstream(runtime, daemon.lease, extracting=extracting)
    return daemon


def with_types(runtime: Runtime) -> Runtime:
    """The runtime with the types that extracted datasets have at their source.

    Raises:
        EtlError: the bucket did not answer.
    """
    knowing = upstream(runtime, None, extracting=False)
    return replace(runtime, datasets=tuple(map(knowing.pull, runtime.datasets))) if knowing else runtime
