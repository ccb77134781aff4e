"""An API as configured, and what is asked of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from urllib.parse import urlsplit

Pairs = tuple[tuple[str, str], ...]
MIB = 2**20


class By(StrEnum):
    """How an API says where its next page is."""

    PAGE = "page"
    OFFSET = "offset"
    CURSOR = "cursor"
    LINK = "link"
    NEXT = "next"


class Login(StrEnum):
    """How a request says who asks."""

    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Auth:
    """Who asks: ``secret`` names what a secret store holds; ``name`` is that of the header, or of the parameter."""

    kind: Login
    secret: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Paging:
    """How pages follow one another.

    ``param`` takes the page, the offset or the cursor; ``start`` is the first one. ``path`` leads to the next cursor or
    URL in a response, ``total_path`` to the number of all pages, or of all records where pages go by offset.
    """

    by: By
    param: str = ""
    start: int = 0
    path: str = ""
    total_path: str = ""
    max_pages: int = 1_000


@dataclass(frozen=True, slots=True)
class Request:
    """A URL, and parameters that are added to its query."""

    url: str
    params: Pairs = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too much: ``bytes`` of a response, unpacked; ``run_bytes`` of all of a run; ``seconds`` of a response."""

    bytes: int = 64 * MIB
    run_bytes: int = 4_096 * MIB
    seconds: float = 60.0
    per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a dataset's responses are got with. ``folder`` is where they are kept; it ends with a slash.

    ``body`` is JSON that is posted; empty: nothing is. ``records_path`` leads to the records that pages are counted by.
    """

    first: Request
    folder: str
    method: str = "GET"
    headers: Pairs = ()
    body: str = ""
    auth: Auth | None = None
    paging: Paging | None = None
    records_path: str = ""
    every_seconds: float = 300.0
    limits: Limits = field(default_factory=Limits)

    @property
    def fingerprint(self) -> str:
        """What tells this request from others, so that what is known of their responses does not count for it."""
        parts = [self.method, self.first.url, self.first.params, self.headers, self.body, str(self.paging)]
        return sha256(json.dumps(parts).encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Validators:
    """By what a server tells whether a response has changed: its ETag and its Last-Modified, as it sent them."""

    etag: str = ""
    modified: str = ""

    @property
    def conditions(self) -> Mapping[str, str]:
        """Headers that ask for the response only if it is another one by now."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in given.items() if value}


NONE = Validators()


@dataclass(frozen=True, slots=True)
class Response:
    """What came with a body, which is in a file by now.

    ``url`` gave it, after redirects; ``size`` is in bytes, unpacked; ``link`` is ``next`` of the Link header.
    """

    url: str
    size: int
    link: str = ""
    validators: Validators = NONE


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: who would learn what a request holds."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(scheme)


def shown_url(url: str) -> str:
    """The URL as it may be shown: without query and user, where secrets may stand."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
