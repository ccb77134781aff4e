"""The table ``[datasets.NAME.api]``: the HTTP API that a dataset's objects are taken from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from etl_daemon.config.checks import LOWER, UPPER
from etl_daemon.config.problems import unknown, wrong_values
from etl_daemon.config.redact import shown

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = {"authorization", "host", "content-length", "accept-encoding", "if-none-match", "if-modified-since"}
"""Headers that have a place of their own, or are this program's."""

NAMED = {"header": "X-API-Key", "query": "api_key"}
"""Where a key goes unless ``name`` says otherwise."""

PARAMS = {"page": "page", "offset": "offset", "cursor": "cursor"}
"""What takes the place of the next page unless ``param`` says otherwise."""

PATHS = {"cursor": "next_cursor", "next": "next"}
"""Where the next page is said unless ``path`` says otherwise."""


def web_url(value: str) -> str:
    """An http or https URL without user and fragment."""
    try:
        parts = urlsplit(value)
        fit = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from error
    if not fit or not value.isascii() or re.search(r"[\s\x00-\x1f]", value):
        raise ValueError("must be an http or https URL, other characters than ASCII as %XX")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("must have neither user nor fragment; say who asks with auth")
    if shown("", value) != value:
        raise ValueError('holds a secret; say who asks with auth = { kind = "query", ... }')
    return value


def token(value: str) -> str:
    """What can be the name of a header."""
    if not _TOKEN.fullmatch(value) or value.lower() in _OURS:
        raise ValueError("must be the name of a header, and none that has a place of its own, as auth")
    return value


WebUrl = Annotated[str, AfterValidator(web_url)]
HeaderName = Annotated[str, AfterValidator(token)]
HeaderValue = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]
Given = str | int | float | bool | tuple[str, ...]


class AuthOptions(BaseModel):
    """Who asks."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    kind: Annotated[Literal["bearer", "basic", "header", "query"], LOWER] = Field(
        description="bearer, basic, header or query."
    )
    secret: str = Field(min_length=1, description="The secret's name.")
    name: str | None = Field(None, min_length=1, description="Name of the header, or of the parameter.")


class PagingOptions(BaseModel):
    """How pages follow one another."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    kind: Annotated[Literal["page", "offset", "cursor", "link", "next"], LOWER] = Field(
        description="page, offset, cursor, link or next."
    )
    param: str | None = Field(None, min_length=1, description="The parameter for page, offset or cursor.")
    start: int | None = Field(None, ge=0, description="The first page, or offset.")
    path: str | None = Field(None, min_length=1, description="Where the next cursor or URL is in a response.")
    total_path: str | None = Field(None, min_length=1, description="Where the number of pages, or of records, is.")
    max_pages: int = Field(1_000, ge=1, le=100_000, description="How many pages there may be (pages).")


class ApiOptions(BaseModel):
    """What the table says."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

    url: WebUrl = Field(description="http or https URL that answers JSON.")
    method: Annotated[Literal["GET", "POST"], UPPER] = Field("GET", description="GET or POST.")
    params: dict[str, Given] = Field(default_factory=dict, description="Parameters of the query.")
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, description="Headers of each request.")
    body: dict[str, Any] | None = Field(None, description="What is posted, as JSON.")
    auth: AuthOptions | None = Field(None, description="Who asks.")
    paging: PagingOptions | None = Field(None, description="How pages follow one another.")
    every_seconds: float = Field(3_600, ge=0, le=31_536_000, description="Time between two extractions (seconds).")
    rate_per_second: float = Field(5, gt=0, le=1_000, description="Requests in a second, at most.")
    max_mb: int = Field(64, ge=1, le=1_024, description="How big a response may be, unpacked (MiB).")
    max_run_mb: int = Field(4_096, ge=1, le=1_048_576, description="How big all pages may be together (MiB).")
    timeout: float = Field(60, gt=0, le=3_600, description="How long a response may take (seconds).")

    @staticmethod
    def folder(name: str) -> str:
        """The prefix of the objects of that dataset, with a slash at its end."""
        return f"data/{name}/"


def read_api_options(table: object, name: str, where: str) -> tuple[ApiOptions | None, list[str]]:
    """The options, or what is wrong with them."""
    if not isinstance(table, Mapping):
        return None, [f"api{where}: should be a table [datasets.{name}.api]."]
    origin = where.replace("]", ".api]")
    problems = [line for path, part, model in _levels(table) for line in _unknown(part, model, _within(origin, path))]
    known = {key: value for key, value in table.items() if key in ApiOptions.model_fields}
    try:
        options = ApiOptions.model_validate(known)
    except ValidationError as error:
        fields = ApiOptions.model_fields
        return None, problems or wrong_values(error, fields, dict.fromkeys(fields, origin))
    problems += _problems(options, origin)
    return (None if problems else options), problems


def _levels(table: Mapping[str, object]) -> Sequence[tuple[str, Mapping[str, object], type[BaseModel]]]:
    """The tables in the table that have options of their own."""
    inner: dict[str, type[BaseModel]] = {"auth": AuthOptions, "paging": PagingOptions}
    parts = [(name, table.get(name), model) for name, model in inner.items()]
    return [("", table, ApiOptions), *((name, part, model) for name, part, model in parts if isinstance(part, Mapping))]


def _within(origin: str, name: str) -> str:
    return origin.replace("]", f".{name}]") if name else origin


def _unknown(part: Mapping[str, object], model: type[BaseModel], origin: str) -> list[str]:
    fields = model.model_fields
    problems = [unknown(key, fields, origin) for key in part if key not in fields]
    return problems + [
        f"{key}{origin}: must be set. {field.description}"
        for key, field in fields.items()
        if field.is_required() and key not in part
    ]


def _problems(options: ApiOptions, origin: str) -> list[str]:
    problems = []
    if options.body is not None and options.method == "GET":
        problems.append(f'body{origin}: goes with method = "POST".')
    for name, value in options.headers.items():
        if shown(name, value) != value or re.search(r"(?i)cookie|key$", name):
            problems.append(f'headers {name}{origin}: is a secret; say auth = {{ kind = "header", ... }}.')
    for name, given in options.params.items():
        if shown(name, str(given)) != str(given):
            problems.append(f'params {name}{origin}: is a secret; say auth = {{ kind = "query", ... }}.')
    auth, paging = options.auth, options.paging
    if auth and auth.name and auth.kind not in NAMED:
        problems.append(f"name{_within(origin, 'auth')}: has a meaning for kind header and query only.")
    if auth and auth.kind == "header" and auth.name and not _TOKEN.fullmatch(auth.name):
        problems.append(f"name={auth.name!r}{_within(origin, 'auth')}: is no name of a header.")
    return problems + (_paging_problems(paging, _within(origin, "paging")) if paging else [])


def _paging_problems(paging: PagingOptions, origin: str) -> list[str]:
    """A line for each option that means nothing in its kind."""
    counted = {"page", "offset"}
    means = {"param": set(PARAMS), "start": counted, "total_path": counted, "path": set(PATHS)}
    return [
        f"{name}{origin}: has a meaning for kind {' and '.join(sorted(kinds))} only."
        for name, kinds in means.items()
        if getattr(paging, name) is not None and paging.kind not in kinds
    ]
