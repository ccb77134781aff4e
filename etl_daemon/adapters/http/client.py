"""An API asked over HTTP: who asks is told to its own host only, and nothing it sends is taken without measure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import httpx

from etl_daemon.adapters.http.body import save
from etl_daemon.adapters.http.failures import LoginRefusedError, check, explained
from etl_daemon.adapters.http.login import Proof, proof
from etl_daemon.adapters.http.pace import Pace
from etl_daemon.adapters.retry import Retries
from etl_daemon.core.web.endpoint import Endpoint, Request, Response, Validators, origin, shown_url
from etl_daemon.errors import AbandonedError, SetupError, TransientError

MAX_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
KEEPING = {307, 308}
"""Redirects that have the same request made again; behind the others a post would become a get."""

Attempt = Callable[[Mapping[str, str]], Response | None]
Secured = Callable[[Attempt, Callable[[Exception], bool]], Response | None]
"""Makes the attempt with the secret, and once more with another one where the store has that after a refusal."""


def _without(attempt: Attempt, _refused: Callable[[Exception], bool]) -> Response | None:
    return attempt({})


@dataclass(slots=True)
class HttpWeb:
    """``beat`` is called while bytes come, and may raise to end it."""

    endpoint: Endpoint
    retries: Retries
    secured: Secured = _without
    beat: Callable[[], None] = lambda: None
    _client: httpx.Client = field(init=False)
    _pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        agent = {"User-Agent": f"etl_daemon/{version('etl_daemon')}", "Accept": "application/json"}
        self._client = httpx.Client(
            headers={**agent, "Accept-Encoding": "gzip"}, timeout=self.endpoint.limits.seconds, follow_redirects=False
        )
        self._pace = Pace(self.endpoint.limits.per_second, self.retries.stop.wait)

    def fetch(self, request: Request, validators: Validators, into: Path) -> Response | None:
        """As the port says."""

        def attempt(secret: Mapping[str, str]) -> Response | None:
            return self._persistent(request, validators, into, proof(self.endpoint.auth, secret))

        secured = self.secured if self.endpoint.auth else _without
        return secured(attempt, lambda error: isinstance(error, LoginRefusedError))

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _persistent(self, request: Request, validators: Validators, into: Path, who: Proof) -> Response | None:
        try:
            return self.retries.call(lambda: self._attempt(request, validators, into, who))
        except TransientError as error:
            if self.retries.stop.is_set():
                raise AbandonedError(f"The process is to end: {error.detail}") from error
            raise

    def _attempt(self, request: Request, validators: Validators, into: Path, who: Proof) -> Response | None:
        """One request, and those that it is redirected to."""
        deadline, asked = time.monotonic() + self.endpoint.limits.seconds, request
        for _ in range(MAX_REDIRECTS + 1):
            self._pace.keep()
            self.beat()
            with self._answer(asked, validators, who) as answer:
                if answer.status_code == httpx.codes.NOT_MODIFIED and validators.conditions:
                    return None
                if answer.status_code not in REDIRECTS:
                    return self._taken(answer, deadline, into)
                asked = Request(self._redirected(answer))
        detail = f"{shown_url(request.url)} redirects more than {MAX_REDIRECTS} times."
        raise SetupError(detail, hint="correct url of the api")

    @contextmanager
    def _answer(self, request: Request, validators: Validators, who: Proof) -> Iterator[httpx.Response]:
        """An answer whose body has not been read yet; it is let go of afterwards."""
        with explained(request.url):
            asked = self._request(request, who)
            asked.headers.update(validators.conditions)
            with closing(self._client.send(asked, stream=True)) as answer:
                yield answer

    def _request(self, request: Request, who: Proof) -> httpx.Request:
        """Headers and who asks go to the host of the settings only."""
        ours = origin(request.url) == origin(self.endpoint.first.url)
        params = (*request.params, *(who.params if ours else ()))
        body = self.endpoint.body or None
        target = httpx.URL(request.url)
        made = self._client.build_request(
            self.endpoint.method, target.copy_merge_params(params) if params else target, content=body
        )
        if body:
            made.headers["Content-Type"] = "application/json"
        if ours:
            made.headers.update(dict((*self.endpoint.headers, *who.headers)))
        return made

    def _redirected(self, answer: httpx.Response) -> str:
        here, location = answer.url, answer.headers.get("Location", "")
        there = here.join(location)
        where = shown_url(str(here))
        if not location or not there.host or there.scheme not in {"http", "https"}:
            raise SetupError(f"{where} redirects to no web page.", hint="correct url of the api")
        if here.scheme == "https" and there.scheme == "http":
            detail = f"{where} redirects to where anybody could read along: {shown_url(str(there))}."
            raise SetupError(detail, hint="correct url of the api, or tell its owner")
        if self.endpoint.method == "POST" and answer.status_code not in KEEPING:
            detail = f"{where} redirects what is posted to {shown_url(str(there))}."
            raise SetupError(detail, hint="correct url of the api")
        return str(there)

    def _taken(self, answer: httpx.Response, deadline: float, into: Path) -> Response:
        check(answer, datetime.now(UTC))
        size = save(answer, self.endpoint.limits, deadline, self.beat, into)
        link = answer.links.get("next", {}).get("url", "")
        headers = answer.headers
        validators = Validators(headers.get("ETag", ""), headers.get("Last-Modified", ""))
        return Response(str(answer.url), size, link, validators)
