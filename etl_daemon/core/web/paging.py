"""From one page to the next: what a response says of the one after it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

from etl_daemon.core.web.endpoint import By, Endpoint, Paging, Request, origin, shown_url
from etl_daemon.errors import SetupError, TransientError

_PATHS = 'keys joined by dots: "meta.next_cursor"'


class UnusableError(TransientError):
    """What came is no answer, or pages changed while they were read: another run may bring better ones."""


@dataclass(frozen=True, slots=True)
class Page:
    """A response: the ``url`` that gave it, its JSON, the URL of its Link header's ``next``, and its hash."""

    url: str
    document: Any
    link: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """A run on its way through the pages: the request that is next, and what was seen before it."""

    request: Request
    pages: int = 0
    records: int = 0
    total: int | None = None
    asked: frozenset[Request] = frozenset()
    digest: str = ""


def begun(endpoint: Endpoint) -> Walk:
    """The walk before its first request."""
    paging = endpoint.paging
    if paging and paging.by in {By.PAGE, By.OFFSET}:
        return Walk(_with(endpoint.first, paging.param, str(paging.start)))
    return Walk(endpoint.first)


def following(walk: Walk, page: Page, endpoint: Endpoint) -> Walk | None:
    """The walk after this page; None: it was the last one.

    Raises:
        SetupError: the pages have no end, or lead elsewhere, or the response is not what the settings say.
        UnusableError: the pages changed while they were read.
    """
    paging = endpoint.paging
    if paging is None:
        return None
    count = _count(page, endpoint) if paging.by in {By.PAGE, By.OFFSET} else 0
    if count and page.digest == walk.digest:
        hint = f"correct paging: does the API know the parameter {paging.param!r}?"
        raise SetupError(f"{shown_url(page.url)} gave the same page twice.", hint=hint)
    total = _total(walk, page, paging)
    walk = replace(
        walk,
        pages=walk.pages + 1,
        records=walk.records + count,
        total=total,
        asked=walk.asked | {walk.request},
        digest=page.digest,
    )
    request = _next(walk, page, endpoint, count)
    return _checked(replace(walk, request=request), page, endpoint, paging) if request else None


def _next(walk: Walk, page: Page, endpoint: Endpoint, count: int) -> Request | None:
    paging, total = endpoint.paging, walk.total
    if paging is None or (paging.by in {By.PAGE, By.OFFSET} and not count):
        return None
    if paging.by is By.PAGE:
        done = total is not None and walk.pages >= total
        return None if done else _with(endpoint.first, paging.param, str(paging.start + walk.pages))
    if paging.by is By.OFFSET:
        done = total is not None and paging.start + walk.records >= total
        return None if done else _with(endpoint.first, paging.param, str(paging.start + walk.records))
    value = page.link if paging.by is By.LINK else _scalar(page, paging.path)
    if not value:
        return None
    return _with(endpoint.first, paging.param, value) if paging.by is By.CURSOR else Request(urljoin(page.url, value))


def _checked(walk: Walk, page: Page, endpoint: Endpoint, paging: Paging) -> Walk:
    here = shown_url(page.url)
    if walk.pages >= paging.max_pages:
        hint = "raise max_pages of paging, or ask for more records per page"
        raise SetupError(f"{here} has more than {paging.max_pages} pages.", hint=hint)
    if walk.request in walk.asked:
        raise SetupError(f"The pages of {here} go round in a circle.", hint="correct paging, or tell the API's owner")
    if origin(walk.request.url) != origin(endpoint.first.url):
        hint = "if that is right, make it the url: who asks is told to one host only"
        raise SetupError(f"The next page of {here} is elsewhere: {shown_url(walk.request.url)}.", hint=hint)
    return walk


def _total(walk: Walk, page: Page, paging: Paging) -> int | None:
    if not paging.total_path:
        return None
    text = _scalar(page, paging.total_path)
    if not text.isascii() or not text.isdigit():
        hint = f"correct total_path of paging, {_PATHS}"
        raise SetupError(f"{shown_url(page.url)} has no number at {paging.total_path!r}.", hint=hint)
    if walk.total is not None and walk.total != int(text):
        detail = f"{shown_url(page.url)} says {text} in all, and said {walk.total} before."
        raise UnusableError(detail, hint="it changed while it was read; the next attempt begins anew")
    return int(text)


def _count(page: Page, endpoint: Endpoint) -> int:
    """How many records the page has."""
    found = at_path(page.document, endpoint.records_path)
    if found is None and endpoint.records_path:
        return 0
    if not isinstance(found, list | dict) or (isinstance(found, dict) and not endpoint.records_path):
        hint = f"set records_path of the dataset to where the records are, {_PATHS}"
        raise SetupError(f"{shown_url(page.url)} has no list of records to count.", hint=hint)
    return len(found)


def _scalar(page: Page, path: str) -> str:
    """The text or number there; empty where there is none, as on a last page."""
    found = at_path(page.document, path)
    if found is None or found is False:
        return ""
    if isinstance(found, list | dict):
        raise SetupError(f"{shown_url(page.url)} has no single value at {path!r}.", hint=f"correct paging, {_PATHS}")
    return str(found)


def _with(request: Request, name: str, value: str) -> Request:
    return Request(request.url, (*((key, given) for key, given in request.params if key != name), (name, value)))


def at_path(document: Any, path: str) -> Any:
    r"""What lies at the path, keys joined by dots (``\.`` for a dot within a key); None where nothing does."""
    for key in path.replace("\\.", "\0").split(".") if path else ():
        document = document.get(key.replace("\0", ".")) if isinstance(document, dict) else None
    return document


def parsed(body: bytes, url: str) -> Any:
    """The JSON of a response, in UTF-8 as RFC 8259 has it; numbers with a point stay text, so that cursors are exact.

    Raises:
        UnusableError: it is no JSON, as where a proxy or a broken server has answered.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        detail = f"{shown_url(url)} answered what is no JSON: {str(error)[:200]}."
        raise UnusableError(detail, hint="look at what it answers: curl -i URL") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no value of JSON")
