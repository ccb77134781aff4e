"""One dataset's extraction from an API: ask, page after page, and put the responses as they came, if they are new."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.web.endpoint import MIB, NONE, Endpoint, Response, Validators, shown_url
from etl_daemon.core.web.notes import Notes, Taken, digest, keys_of
from etl_daemon.core.web.paging import Page, UnusableError, begun, following, parsed
from etl_daemon.errors import SetupError
from etl_daemon.extraction.bucket import Bucket, Put
from etl_daemon.extraction.journal import Journal
from etl_daemon.extraction.needs import Web
from etl_daemon.extraction.spool import workplace

ATTEMPTS = 3
"""How often a run begins where pages change under it, or are no JSON."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response that lies in a file."""

    file: Path
    digest: str
    response: Response


@dataclass(frozen=True, slots=True)
class ApiExtractor:
    """Extracts one dataset."""

    dataset: Dataset
    endpoint: Endpoint
    journal: Journal[Notes]
    bucket: Bucket
    web: Web

    def extract(self, *, anew: bool = False) -> tuple[Put, ...]:
        """Put the responses of a run; nothing, where they are those of the last one, unless it is to be ``anew``.

        All pages are there before the first is put. Where an earlier run was cut short among its puts, its objects are
        completed if the API still says the same; if not, a new run follows them.

        Raises:
            EtlError: the API or the bucket did not answer as they should, another process is at it, or the process is
                to end; nothing of the run is in the bucket then, or its notes say what may be.
        """
        notes = self.journal.read()
        with workplace(self.bucket.spool) as folder:
            fetched = self._run(NONE if anew else self._known(notes), folder)
            taken = self._taken(notes, fetched, anew=anew) if fetched else None
            return self._put(notes, taken, fetched) if taken else ()

    def _known(self, notes: Notes) -> Validators:
        """By what the server can tell that nothing is new: only where one response is all there is."""
        last = notes.last
        alone = self.endpoint.paging is None and self.endpoint.method == "GET" and notes.intent is None
        return last.validators if last and alone and last.request == self.endpoint.fingerprint else NONE

    def _run(self, known: Validators, folder: Path) -> list[Fetched]:
        """All pages in order; none where the server says that nothing is new."""
        for _ in range(ATTEMPTS - 1):
            with suppress(UnusableError):
                return self._walk(known, folder)
        return self._walk(known, folder)

    def _walk(self, known: Validators, folder: Path) -> list[Fetched]:
        walk, fetched, size = begun(self.endpoint), list[Fetched](), 0
        while True:
            file = folder / f"{len(fetched) + 1}.json"
            response = self.web.fetch(walk.request, known, file)
            if response is None:
                return []
            body = file.read_bytes()
            fetched.append(Fetched(file, digest(body), response))
            size += response.size
            if size > self.endpoint.limits.run_bytes:
                most, where = f"{self.endpoint.limits.run_bytes / MIB:g} MiB", shown_url(response.url)
                hint = "raise max_run_mb of the api, or ask for less"
                raise SetupError(f"The pages of {where} have more than {most}.", hint=hint)
            page = Page(response.url, parsed(body, response.url), response.link, fetched[-1].digest)
            further = following(walk, page, self.endpoint)
            if further is None:
                return fetched
            walk = further

    def _taken(self, notes: Notes, fetched: Sequence[Fetched], *, anew: bool) -> Taken | None:
        """What is to be put; None: all of it is in the bucket."""
        digests, request = tuple(each.digest for each in fetched), self.endpoint.fingerprint
        validators = fetched[0].response.validators if self.endpoint.paging is None else NONE
        if notes.intent and notes.intent.same(digests, request):
            return replace(notes.intent, validators=validators)
        if notes.last and not notes.intent and notes.last.same(digests, request) and not anew:
            return None
        return Taken(keys_of(self.endpoint.folder, self.bucket.now(), len(fetched)), digests, request, validators)

    def _put(self, notes: Notes, taken: Taken, fetched: Sequence[Fetched]) -> tuple[Put, ...]:
        """First what is about to be put, then the objects, then that they are there."""
        if taken != notes.intent:
            notes = replace(notes, intent=taken)
            self.journal.write(notes)
        pages = zip(taken.keys, fetched, strict=True)
        put = [self.bucket.put(self.dataset.name, key, page.file) for key, page in pages]
        self.bucket.fence()
        self.journal.write(notes.settled(self.bucket.now()))
        return tuple(filter(None, put))
