"""What ``ETL_DATASETS_FILE`` says of APIs, as endpoints of datasets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from etl_daemon.config import Settings, read_datasets_file
from etl_daemon.config.api_options import NAMED, PARAMS, PATHS, ApiOptions, AuthOptions, Given, PagingOptions
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.web.endpoint import MIB, Auth, By, Endpoint, Limits, Login, Paging, Pairs, Request


def endpoints(settings: Settings, datasets: Sequence[Dataset]) -> dict[str, Endpoint]:
    """Where datasets come from, by name; those without an API are left out."""
    path = settings.etl_datasets_file
    options = read_datasets_file(path).options if path else {}
    names = {dataset.name for dataset in datasets}
    return {
        name: _endpoint(name, each.api, each.records_path or "")
        for name, each in options.items()
        if each.api and name in names
    }


def _endpoint(name: str, api: ApiOptions, records_path: str) -> Endpoint:
    return Endpoint(
        Request(api.url, _pairs(api.params)),
        api.folder(name),
        api.method,
        tuple(api.headers.items()),
        "" if api.body is None else json.dumps(api.body, ensure_ascii=False),
        _auth(api.auth) if api.auth else None,
        _paging(api.paging) if api.paging else None,
        records_path,
        api.every_seconds,
        Limits(api.max_mb * MIB, api.max_run_mb * MIB, api.timeout, api.rate_per_second),
    )


def _auth(auth: AuthOptions) -> Auth:
    return Auth(Login(auth.kind), auth.secret, auth.name or NAMED.get(auth.kind, ""))


def _paging(paging: PagingOptions) -> Paging:
    start = paging.start if paging.start is not None else int(paging.kind == "page")
    return Paging(
        By(paging.kind),
        paging.param or PARAMS.get(paging.kind, ""),
        start,
        paging.path or PATHS.get(paging.kind, ""),
        paging.total_path or "",
        paging.max_pages,
    )


def _pairs(params: Mapping[str, Given]) -> Pairs:
    """Parameters as text; one with several values comes several times."""
    return tuple(
        (name, _text(value))
        for name, given in params.items()
        for value in (given if isinstance(given, tuple) else (given,))
    )


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
