"""Who puts objects, at its own pace whatever the daemon does, and remembers what it put."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from http.client import HTTPConnection
from threading import Event, Thread
from urllib.parse import urlsplit

from tests.load.feed import BUCKET, RESTATED_EVERY, Feed


@dataclass(frozen=True, slots=True)
class Put:
    """An object version, and when it could be listed (seconds since the epoch)."""

    number: int
    version: int
    key: str
    etag: str
    at: float


@dataclass
class Writer:
    """Puts for as long as it is told to; what it has put grows in order. ``late_seconds``: by how much at most."""

    feed: Feed
    url: str
    seconds: float
    puts: list[Put] = field(default_factory=list)
    late_seconds: float = 0.0
    stop: Event = field(default_factory=Event)
    error: Exception | None = None
    _keys: list[str] = field(default_factory=list)

    @property
    def objects(self) -> int:
        """How many it is to put, other versions aside."""
        return round(self.seconds * self.feed.rate)

    def start(self) -> Thread:
        thread = Thread(target=self._guarded, name="writer", daemon=True)
        thread.start()
        return thread

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001 - told with the verdict
            self.error = error

    def _run(self) -> None:
        began, connection = time.monotonic(), HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        for place in range(self.objects):
            due = began + place / self.feed.rate
            if self.stop.wait(max(due - time.monotonic(), 0)):
                return
            self.late_seconds = max(self.late_seconds, time.monotonic() - due)
            for number, version, key in self._next(place):
                self.puts.append(_put(connection, number, version, key, self.feed.body(number, version)))

    def _next(self, place: int) -> Iterator[tuple[int, int, str]]:
        """The next object, and maybe an earlier one once more."""
        number = self.feed.history + place
        self._keys.append(self.feed.key(number, datetime.now(UTC)))
        yield number, 0, self._keys[-1]
        again = number - self.feed.restated_before
        if place % RESTATED_EVERY == RESTATED_EVERY - 1 and again >= 0:
            yield again, 1, self._key_of(again)

    def _key_of(self, number: int) -> str:
        if number < self.feed.history:
            return self.feed.key(number, self.feed.came(number))
        return self._keys[number - self.feed.history]


def _put(connection: HTTPConnection, number: int, version: int, key: str, body: bytes) -> Put:
    connection.request("PUT", f"/{BUCKET}/{key}", body)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"PUT {key}: {answer.status}")
    return Put(number, version, key, md5(body).hexdigest(), time.time())
