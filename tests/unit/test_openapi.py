"""The description of what is answered over HTTP is valid, whole, and true of each answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from etl_daemon.core.events import BatchCommitted, LeaseAwaited, LeaseTaken
from etl_daemon.core.pages.batch import BatchSeen
from etl_daemon.core.status.asked import Extent, Found
from etl_daemon.server import Sight, pages
from etl_daemon.server.openapi import DESCRIBED, description
from tests.support.pages import READY, Given, ask
from tests.unit.test_batch_page import LINE
from tests.unit.test_health import IDENTITY, NOW, PATIENCE, PLANNED, RECEIPT, after, failed

DOCUMENT = json.loads(json.dumps(description("1.2.3")))
SIGHT = Sight(IDENTITY, PATIENCE, lambda: READY, lambda: b"", "text/plain")
ASKED = [
    *((path, path) for path in DESCRIBED if not path.endswith(">")),
    *(("/datasets/<name>", f"/datasets/{name}") for name in ("p", "none", "a/b")),
    *(("/batches/<id>", f"/batches/{batch}") for batch in ("b1", "none", "a/b")),
]


def test_it_is_valid_openapi():
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_path_is_described_and_no_other():
    assert list(DESCRIBED) == list(pages(SIGHT))


def test_it_is_served():
    status, _, body = ask("/openapi.json")
    assert (status, json.loads(body)) == (200, DOCUMENT)


def check(path, status, headers, body):
    """Whether the answer is one of those that the path is described with."""
    operation = DOCUMENT["paths"][path.replace("<", "{").replace(">", "}")]["get"]
    answer = operation["responses"][str(status)]
    kind = headers["Content-Type"]
    schema = answer["content"].get(kind) or answer["content"][kind.partition(";")[0]]
    for name, header in answer.get("headers", {}).items():
        OAS31Validator(header["schema"]).validate(headers[name])
    if kind == "application/json":
        whole = {**schema["schema"], "components": DOCUMENT["components"]}
        OAS31Validator(whole, format_checker=OAS31Validator.FORMAT_CHECKER).validate(json.loads(body))


@pytest.mark.parametrize(("path", "asked"), ASKED)
def test_what_is_answered_is_described(path, asked):
    history = Given(batches={"b1": BatchSeen(LINE, Found(), Extent())})
    check(path, *ask(asked, history=history))
    check(path, *ask(asked, history=history, query="&".join(f"f{n}=1" for n in range(51))))
    check(path, *ask(asked, history=history, host="elsewhere", names={"127.0.0.1"}))


TOLD = {
    "begun": [],
    "committed": [LeaseTaken("", 3, "free"), PLANNED, BatchCommitted("p", RECEIPT, 2.5)],
    "waiting": [LeaseAwaited("", "b", "b has the lease")],
    "failing": [PLANNED, failed(""), failed("p")],
}


@pytest.mark.parametrize("events", TOLD.values(), ids=TOLD)
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/api/status"])
def test_documents_are_described_whatever_has_happened(path, events):
    for change in ({}, {"silent_seconds": 1e6}, {"draining": True}):
        moment = replace(READY, progress=after(*events), now=NOW, **change)
        check(path, *ask(path, moment=moment))
