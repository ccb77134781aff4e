"""Pages asked for without a socket, with a history that is given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from wsgiref.util import setup_testing_defaults

from etl_daemon.core.events import CyclePlanned
from etl_daemon.core.pages.batch import BatchSeen
from etl_daemon.core.pages.dataset import Seen
from etl_daemon.core.pages.panel import Recent
from etl_daemon.core.pages.quarantine import QuarantineSeen
from etl_daemon.core.status.health import Moment
from etl_daemon.server import Sight, pages, site
from tests.support.rows import NOW, PRICES
from tests.unit.test_health import IDENTITY, PATIENCE, after

P = replace(PRICES, name="p")
READY = Moment(after(CyclePlanned("p", 0, 0, 0, None, False)), 0.0, NOW, draining=False)


@dataclass(frozen=True)
class Given:
    """A history that answers with these, whatever is asked."""

    recently: Recent = field(default_factory=Recent)
    of_dataset: Seen = field(default_factory=Seen)
    rejected: QuarantineSeen = field(default_factory=QuarantineSeen)
    batches: dict[str, BatchSeen] = field(default_factory=dict)

    def recent(self, now):
        return self.recently

    def dataset(self, dataset, query, now):
        return self.of_dataset

    def quarantine(self, query, now):
        return self.rejected

    def batch(self, batch_id, query):
        return self.batches.get(batch_id)


def ask(path, method="GET", moment=READY, host="127.0.0.1:9108", names=(), query="", **more):
    """The status, the headers and the body of an answer."""
    more = {"datasets": {"p": P}, **more}
    sight = Sight(IDENTITY, PATIENCE, lambda: moment, lambda: b"metric 1\n", "text/plain; version=0.0.4", **more)
    environment = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": host, "QUERY_STRING": query}
    setup_testing_defaults(environment)
    began = []
    body = b"".join(site(pages(sight), names)(environment, lambda *given: began.append(given)))
    ((status, headers),) = began
    return int(status.split()[0]), dict(headers), body
