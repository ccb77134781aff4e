"""A daemon as the settings make it, in this process: objects and queue of a moto server, rows in a DuckDB file."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import duckdb

from etl_daemon.bootstrap.queue import inbox
from etl_daemon.bootstrap.runtime import build
from etl_daemon.config import Settings
from etl_daemon.core.events import BatchCommitted, DatasetSettled, Event
from etl_daemon.core.events.side import MessagesMoved
from etl_daemon.core.planning.pacing import Pacing
from etl_daemon.loop import Loop
from tests.support.s3_servers import s3_client
from tests.support.sqs import new_queue

PATIENCE_SECONDS = 600.0
FOLDER = "processed/price_data"


@dataclass
class Heard:
    """An observer that counts what tests ask for, and wakes who waits."""

    settled: int = 0
    committed: set[str] = field(default_factory=set)
    moved: Counter[str] = field(default_factory=Counter)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def notice(self, event: Event) -> None:
        with self.changed:
            if isinstance(event, BatchCommitted):
                self.committed |= {line.ref.key for line in event.receipt.objects}
            elif isinstance(event, MessagesMoved):
                self.moved[event.outcome] += event.messages
            elif isinstance(event, DatasetSettled):
                self.settled += 1
            else:
                return
            self.changed.notify_all()

    def until(self, holds: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(holds, PATIENCE_SECONDS)


@dataclass(frozen=True)
class Place:
    """A bucket, a queue with its dead-letter queue, and a folder for the database."""

    url: str
    folder: Path
    bucket: str
    queue: str
    dead: str

    def settings(self, **more: object) -> dict[str, str]:
        given = {
            "S3_BUCKET": self.bucket,
            "ETL_DUCKDB_PATH": self.folder / "market.duckdb",
            "ETL_STATE_DIR": self.folder / "state",
            "ETL_EVENTS_QUEUE_URL": self.queue,
            "ETL_EVENTS_DLQ_URL": self.dead,
            "ETL_POLL_INTERVAL_SECONDS": 3600,
            "ETL_HTTP_PORT": 0,
            "LOG_LEVEL": "DEBUG",
        }
        return {name: str(value) for name, value in {**given, **more}.items()}

    def ask(self, sql: str) -> list[tuple]:
        """What the file holds; whoever has it open for writing is waited for."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with duckdb.connect(str(self.folder / "market.duckdb"), read_only=True) as connection:
                    return connection.execute(sql).fetchall()
            except (duckdb.IOException, duckdb.ConnectionException, duckdb.CatalogException):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)


def place(url: str, folder: Path) -> Place:
    bucket = f"b-{uuid4().hex}"
    s3_client(url).create_bucket(Bucket=bucket)
    return Place(url, folder, bucket, new_queue(url), new_queue(url))


@contextmanager
def attending(settings: Settings, heard: Heard) -> Iterator[None]:
    """The loop in a thread, from the first listing on."""
    with build(settings, [heard]) as runtime:

        def work() -> None:
            with inbox(settings, runtime.datasets, runtime.corridor.tell, runtime.stop) as attended:
                Loop(runtime.daemon(lease=runtime.lease()), Pacing(3600), attended).run(runtime.stop)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            heard.until(lambda: heard.settled >= len(runtime.datasets))
            yield
        finally:
            runtime.stop.set()
            thread.join(30)
        assert not thread.is_alive()
