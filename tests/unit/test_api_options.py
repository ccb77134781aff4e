"""What ``[datasets.NAME.api]`` says, and what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etl_daemon.config import settings_from
from etl_daemon.config.api_options import ApiOptions, AuthOptions, PagingOptions
from etl_daemon.core.configure import datasets
from etl_daemon.core.datasets import Dataset, Mode, Raw
from etl_daemon.core.web.endpoint import Auth, By, Endpoint, Limits, Login, Paging
from etl_daemon.core.web.endpoints import endpoints
from etl_daemon.errors import ConfigError

MIB = 2**20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "datasets.toml"


def configured(path: Path, api: str, more: str = "raw = 'document'") -> tuple[Dataset, Endpoint]:
    path.write_text(f"[datasets.mine]\ntable = 's.t'\n{more}\n[datasets.mine.api]\n{api}\n")
    settings = settings_from({"S3_BUCKET": "bucket", "ETL_DATASETS_FILE": str(path)})
    found = datasets(settings)
    dataset = next(each for each in found if each.name == "mine")
    return dataset, endpoints(settings, found)["mine"]


def test_a_url_is_enough(path):
    dataset, endpoint = configured(path, "url = 'https://api.example.org/v1/x'")
    assert (dataset.prefix, dataset.mode, dataset.raw) == ("data/mine/", Mode.APPEND, Raw.DOCUMENT)
    assert dataset.window_hours > 24 * 365
    assert (endpoint.method, endpoint.folder, endpoint.every_seconds) == ("GET", "data/mine/", 3_600)
    assert endpoint.limits == Limits(64 * MIB, 4_096 * MIB, 60, 5)
    assert (endpoint.auth, endpoint.paging, endpoint.body) == (None, None, "")


def test_everything_can_be_said(path):
    _, endpoint = configured(
        path,
        """
        url = "http://localhost:8080/q?fixed=1"
        method = "post"
        params = { limit = 100, ids = ["a", "b"], deep = true, share = 0.5 }
        headers = { Accept-Language = "en" }
        body = { filter = "é" }
        auth = { kind = "HEADER", secret = "quotes" }
        paging = { kind = "cursor", param = "after", path = "meta.next", max_pages = 7 }
        every_seconds = 60
        rate_per_second = 0.5
        max_mb = 2
        max_run_mb = 9
        timeout = 5
        """,
        "raw = 'records'\nrecords_path = 'items'",
    )
    assert endpoint.method == "POST"
    assert endpoint.first.params == (("limit", "100"), ("ids", "a"), ("ids", "b"), ("deep", "true"), ("share", "0.5"))
    assert endpoint.headers == (("Accept-Language", "en"),)
    assert endpoint.body == '{"filter": "é"}'
    assert endpoint.auth == Auth(Login.HEADER, "quotes", "X-API-Key")
    assert endpoint.paging == Paging(By.CURSOR, "after", 0, "meta.next", "", 7)
    assert endpoint.records_path == "items"
    assert endpoint.limits == Limits(2 * MIB, 9 * MIB, 5, 0.5)


@pytest.mark.parametrize(
    ("kind", "paging"),
    [
        ("page", Paging(By.PAGE, "page", 1)),
        ("offset", Paging(By.OFFSET, "offset", 0)),
        ("cursor", Paging(By.CURSOR, "cursor", 0, "next_cursor")),
        ("link", Paging(By.LINK)),
        ("next", Paging(By.NEXT, path="next")),
    ],
)
def test_pages_have_usual_names(path, kind, paging):
    assert configured(path, f"url = 'http://x'\npaging = {{ kind = '{kind}' }}")[1].paging == paging


def test_the_newest_run_replaces_the_table_and_its_pages_belong_together(path):
    dataset, _ = configured(path, "url = 'http://x'", "raw = 'records'\nmode = 'FULL'")
    assert dataset.mode is Mode.TRUNCATE_INSERT
    assert dataset.snapshot_group is not None


def test_a_document_is_whole_though_its_records_are_counted(path):
    dataset, endpoint = configured(path, "url = 'http://x'", "raw = 'document'\nrecords_path = 'rows'")
    assert (dataset.records_path, endpoint.records_path) == (None, "rows")


def test_another_request_has_another_fingerprint(path):
    first = configured(path, "url = 'http://x'")[1]
    others = [
        configured(path, f"url = 'http://x'\n{more}")[1]
        for more in ("params = { a = 1 }", "headers = { A = 'b' }", "method = 'POST'", "paging = { kind = 'link' }")
    ]
    assert len({first.fingerprint, *(each.fingerprint for each in others)}) == 5
    assert first.fingerprint == configured(path, "url = 'http://x'\nmax_mb = 3")[1].fingerprint


@pytest.mark.parametrize(
    ("api", "said"),
    [
        ("", "url (FILE [datasets.mine.api]): must be set."),
        ("ulr = 'http://x'", "there is no such setting; did you mean url?"),
        ("url = 'ftp://x'", "url='ftp://x'"),
        ("url = 'https://me:pw@x'", "must have neither user nor fragment"),
        ("url = 'https://x/#a'", "must have neither user nor fragment"),
        ("url = 'https://x/?api_key=abc'", "holds a secret; say who asks with auth"),
        ("url = 'https://[x'", "is no URL"),
        ("url = 'https://x/ä'", "must be an http or https URL"),
        (
            "url = 'http://x'\nparams = { access_token = 'abc' }",
            "params access_token (FILE [datasets.mine.api]): is",
        ),
        ("url = 'http://x'\nheaders = { X-Auth-Token = 'abc' }", "headers X-Auth-Token (FILE [datasets.mine.api]): is"),
        ("url = 'http://x'\nheaders = { Authorization = 'abc' }", "must be the name of a header, and none that has"),
        ("url = 'http://x'\nheaders = { A = \"b\\nc\" }", "headers"),
        ("url = 'http://x'\nbody = { a = 1 }", 'body (FILE [datasets.mine.api]): goes with method = "POST".'),
        ("url = 'http://x'\nauth = { kind = 'basic' }", "secret (FILE [datasets.mine.api.auth]): must be set."),
        ("url = 'http://x'\nauth = { kind = 'basic', secret = 's', name = 'n' }", "for kind header and query only."),
        ("url = 'http://x'\nauth = { kind = 'header', secret = 's', name = 'a b' }", "is no name of a header."),
        (
            "url = 'http://x'\npaging = { kind = 'page', path = 'x' }",
            "path (FILE [datasets.mine.api.paging]): has a",
        ),
        ("url = 'http://x'\npaging = { kind = 'link', start = 2 }", "start (FILE [datasets.mine.api.paging]): has a"),
        ("url = 'http://x'\npaging = { kind = 'pages' }", "paging="),
        ("url = 'http://x'\nrate_per_second = 0", "rate_per_second="),
    ],
)
def test_what_is_wrong_is_said(path, api, said):
    with pytest.raises(ConfigError) as caught:
        configured(path, api)
    assert said in str(caught.value).replace(str(path), "FILE")
    assert "abc" not in str(caught.value)
    assert "me:pw" not in str(caught.value)


@pytest.mark.parametrize("more", ["prefix = 'p'", "snapshot_group = 'x'"])
def test_what_the_extraction_decides_is_no_option(path, more):
    with pytest.raises(ConfigError, match="does not go with api"):
        configured(path, "url = 'http://x'", f"raw = 'document'\n{more}")
    path.write_text("[datasets.mine]\ntable = 's.t'\napi = 3\n")
    with pytest.raises(ConfigError, match=r"api .*should be a table \[datasets.mine.api\]"):
        settings_from({"S3_BUCKET": "bucket", "ETL_DATASETS_FILE": str(path)})


def test_every_option_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    models = (ApiOptions, AuthOptions, PagingOptions)
    assert [name for model in models for name in model.model_fields if f"`{name}`" not in text] == []
    defaults = {name: field.default for name, field in ApiOptions.model_fields.items() if field.default}
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| `?([\w.]+)`? \|$", text, re.MULTILINE))
    numbers = {name: str(value) for name, value in defaults.items() if isinstance(value, int | float)}
    assert numbers.items() <= rows.items()
