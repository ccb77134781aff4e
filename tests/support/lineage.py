"""A lineage server on this machine, and a check of events against the standard client's own model."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openlineage.client import event_v2, facet_v2

Document = dict[str, Any]
PATIENCE_SECONDS = 60


@dataclass
class LineageServer:
    """``statuses`` answer the next requests, one each, then 201 does; ``silent`` has it keep all answers back."""

    port: int = 0
    events: list[Document] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    silent: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, self.events
            time.sleep(0.02)


@contextmanager
def lineage_server(port: int = 0) -> Iterator[LineageServer]:
    """A server; on a port of its own unless one is given."""
    state = LineageServer()
    ended = threading.Event()

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.paths.append(self.path)
            state.keys.append(self.headers.get("Authorization"))
            if state.silent:
                ended.wait(PATIENCE_SECONDS)
            status = state.statuses.pop(0) if state.statuses else 201
            if status == 201:
                state.events.append(json.loads(body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", port), Answering) as server:
        server.daemon_threads = True
        state.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield state
        finally:
            ended.set()
            server.shutdown()


FACETS = {
    name: kind
    for module in (facet_v2, *(each for each in vars(facet_v2).values() if type(each) is type(facet_v2)))
    for name, kind in vars(module).items()
    if isinstance(kind, type) and name.endswith("Facet")
}
BASIC = {"RunFacet", "JobFacet", "DatasetFacet", "InputDatasetFacet", "OutputDatasetFacet"}


def checked(document: Document) -> event_v2.RunEvent:
    """The document as the client's model has it: unknown and missing fields, and values out of form, are errors."""
    run, job = document["run"], document["job"]
    event = event_v2.RunEvent(
        eventType=event_v2.RunState(document["eventType"]),
        eventTime=document["eventTime"],
        producer=document["producer"],
        run=event_v2.Run(run["runId"], facets(run)),
        job=event_v2.Job(job["namespace"], job["name"], facets(job)),
        inputs=[dataset(event_v2.InputDataset, each) for each in document.get("inputs", ())],
        outputs=[dataset(event_v2.OutputDataset, each) for each in document.get("outputs", ())],
    )
    assert document["schemaURL"] == event.schemaURL
    return event


def dataset(kind: Any, document: Document) -> Any:
    rest = {name: facets(document, name) for name in document if name.endswith("Facets")}
    return kind(document["namespace"], document["name"], facets=facets(document), **rest)


def facets(document: Document, under: str = "facets") -> Any:
    return {name: facet(name, each) for name, each in document[under].items()}


def facet(name: str, document: Document) -> Any:
    """One of the standard's by its schema; a basic one holds what it likes, and has a name with our prefix."""
    kind = document["_schemaURL"].rpartition("/")[2]
    values = {field: value for field, value in document.items() if not field.startswith("_")}
    assert document["_producer"].startswith("urn:etl-daemon:")
    if kind in BASIC:
        assert name.startswith("etlDaemon_")
        return FACETS[kind]().with_additional_properties(**values)
    made = FACETS[kind](**values)
    assert made._schemaURL == document["_schemaURL"]
    return made
