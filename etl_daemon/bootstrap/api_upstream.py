"""Settings become an upstream: the HTTP APIs that datasets are taken from, and the bucket that responses go into."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

from etl_daemon.bootstrap import bucket
from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import Retried
from etl_daemon.core.web import notes
from etl_daemon.core.web.endpoint import Endpoint
from etl_daemon.core.web.endpoints import endpoints
from etl_daemon.core.web.notes import Notes
from etl_daemon.errors import TransientError, TryLaterError
from etl_daemon.extraction import Put
from etl_daemon.extraction.journal import Form, Journal
from etl_daemon.extraction.pulse import Pulse
from etl_daemon.extraction.responses import ApiExtractor
from etl_daemon.leasing import LeaseKeeper
from etl_daemon.pipeline import Grace
from etl_daemon.ports import Store

FORM = Form(notes.to_text, notes.from_text, Notes())


@dataclass
class ApiUpstream:
    """Extracts what is due; unless it is ``extracting``, it only sees to it that nothing half done is loaded."""

    runtime: Runtime
    endpoints: Mapping[str, Endpoint]
    lease: LeaseKeeper | None = None
    extracting: bool = True
    _not_before: dict[str, float] = field(default_factory=dict)
    _put_off: set[str] = field(default_factory=set)
    """Datasets whose API asks to be left alone for now."""

    @property
    def names(self) -> Collection[str]:
        """The datasets that it knows."""
        return self.endpoints.keys()

    def pull(self, dataset: Dataset) -> Dataset:
        """As the port says."""
        if dataset.name in self.endpoints:
            if self.extracting and self._due(dataset):
                self.extract(dataset)
            elif dataset.mode.replaces and (not self.extracting or dataset.name in self._put_off):
                self._check_whole(dataset)
        return dataset

    def extract(self, dataset: Dataset, *, anew: bool = False) -> tuple[Put, ...]:
        """Extract it, due or not.

        Raises:
            EtlError: as ``ApiExtractor.extract``.
        """
        from etl_daemon.adapters.http.client import HttpWeb
        from etl_daemon.adapters.retry import Retries

        endpoint, settings, name = self.endpoints[dataset.name], self.runtime.settings, dataset.name
        tell, stop = self.runtime.corridor.tell, self.runtime.stop
        pulse = Pulse(name, tell, Grace(stop, settings.etl_stop_seconds).over)
        policy = configure.retry_policy(settings)
        heard = lambda attempt, error: tell(Retried(name, "api", attempt, str(error)))  # noqa: E731
        retries = Retries(policy, stop, heard, within_seconds=policy.timeout_seconds)
        place = bucket.receiving(self.runtime, self._store, name, self.lease, pulse)
        asking = endpoint.auth.secret if endpoint.auth else ""
        secured = partial(self.runtime.vault.with_secret, asking)
        web = HttpWeb(endpoint, retries, secured, pulse)
        self._not_before[name] = time.monotonic() + endpoint.every_seconds
        self._put_off.discard(name)
        try:
            return ApiExtractor(dataset, endpoint, self._journal(dataset), place, web).extract(anew=anew)
        except TryLaterError as error:
            self._not_before[name] = time.monotonic() + error.seconds
            self._put_off.add(name)
            raise
        except Exception:
            del self._not_before[name]  # the loop says when there is another attempt
            raise
        finally:
            web.close()

    def at_home(self, dataset: Dataset) -> Dataset:
        """As extracting needs it: they lie where their dataset looks for them."""
        return dataset

    def cursor(self, dataset: Dataset) -> None:
        """There is none: an API is asked for all that it has."""

    def _due(self, dataset: Dataset) -> bool:
        """By what this process has done, which costs nothing to ask, then by the notes, which every process sees."""
        if time.monotonic() < self._not_before.get(dataset.name, 0.0):
            return False
        every = self.endpoints[dataset.name].every_seconds
        return self._journal(dataset).read().due(every, self.runtime.clock.now())

    def _check_whole(self, dataset: Dataset) -> None:
        """A table that is replaced must not be replaced by half of what there is."""
        intent = self._journal(dataset).read().intent
        if intent and not all(map(self._store.find, intent.keys)):
            hint = f"etl-daemon extract api --dataset {dataset.name}, or the running daemon, completes it"
            raise TransientError(f"{dataset.name}: an extraction was cut short.", hint=hint)

    @cached_property
    def _store(self) -> Store:
        return bucket.store(self.runtime)

    def _journal(self, dataset: Dataset) -> Journal[Notes]:
        if dataset.name not in self._journals:
            self._journals[dataset.name] = Journal(bucket.mark(self.runtime, dataset.name), dataset.name, FORM)
        return self._journals[dataset.name]

    @cached_property
    def _journals(self) -> dict[str, Journal[Notes]]:
        return {}


def api_upstream(runtime: Runtime, lease: LeaseKeeper | None, *, extracting: bool = True) -> ApiUpstream | None:
    """What datasets are taken from; None: no dataset has an API."""
    found = endpoints(runtime.settings, runtime.datasets)
    return ApiUpstream(runtime, found, lease, extracting) if found else None
