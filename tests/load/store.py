"""A store that speaks as much of S3 as the daemon asks, and has a million objects: in memory, their listing ready.

Of the objects of the history it has what a listing shows, and no bodies: nobody has a reason to read them again. Others
are put. It is a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import md5
from http.server import ThreadingHTTPServer

from benchmarks.file_store import Store as Speaker
from tests.load.feed import HISTORY_BYTES, Feed, tag

PAGE_OBJECTS = 1_000


@dataclass
class Shelf:
    """The objects of a dataset in the order of their keys, and how a listing shows each."""

    keys: list[str] = field(default_factory=list)
    shown: list[bytes] = field(default_factory=list)

    def put(self, key: str, shown: bytes) -> None:
        place = bisect_left(self.keys, key)
        if place < len(self.keys) and self.keys[place] == key:
            self.shown[place] = shown
        else:
            self.keys.insert(place, key)
            self.shown.insert(place, shown)

    def page(self, prefix: str, after: str) -> tuple[bytes, str]:
        """The first objects with the prefix, beyond ``after``; and where to go on, if there are more."""
        first = max(bisect_left(self.keys, prefix), bisect_right(self.keys, after))
        beyond = bisect_left(self.keys, prefix + "\U0010ffff")
        end = min(first + PAGE_OBJECTS, beyond)
        return b"".join(self.shown[first:end]), self.keys[end - 1] if end < beyond else ""


@dataclass
class Kept:
    """All that the store has; objects that belong to no dataset are listed nowhere."""

    shelves: dict[str, Shelf] = field(default_factory=dict)
    bodies: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    writing: threading.Lock = field(default_factory=threading.Lock)

    def remember(self, feed: Feed) -> None:
        """The history."""
        for number in range(feed.history):
            at = feed.came(number)
            self.show(feed.key(number, at), tag(number), HISTORY_BYTES, at)

    def show(self, key: str, etag: str, size: int, at: datetime) -> None:
        shown = (
            f"<Contents><Key>{key}</Key><LastModified>{at:%Y-%m-%dT%H:%M:%S}.000Z</LastModified>"
            f"<ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
        self.shelves.setdefault(key.partition("/")[0], Shelf()).put(key, shown.encode())


class Answers(Speaker):
    """One client's requests."""

    kept = Kept()

    def do_GET(self) -> None:  # noqa: N802 - the library calls it so
        bucket, key, query = self._asked()
        if not key:
            self._listing(bucket, query)
            return
        body, etag = self.kept.bodies.get(key, (None, ""))
        if body is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif self.headers.get("If-Match", f'"{etag}"') != f'"{etag}"':
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        else:
            self._answer(200, body, ETag=f'"{etag}"', **{"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})

    def do_PUT(self) -> None:  # noqa: N802 - the library calls it so
        _, key, _ = self._asked()
        pieces: list[bytes] = []
        self._receive(_Pieces(pieces))  # type: ignore[arg-type]
        body = b"".join(pieces)
        with self.kept.writing:
            there = self.kept.bodies.get(key)
            tagged = there and f'"{there[1]}"'
            if (self.headers.get("If-None-Match") == "*" and there) or self.headers.get("If-Match", tagged) != tagged:
                self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            etag = md5(body).hexdigest()
            self.kept.bodies[key] = body, etag
            if not key.startswith("_"):
                self.kept.show(key, etag, len(body), datetime.now(UTC))
        self._answer(200, b"", ETag=f'"{etag}"')

    def _listing(self, bucket: str, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        shelf = self.kept.shelves.get(prefix.partition("/")[0], Shelf())
        with self.kept.writing:
            shown, last = shelf.page(prefix, after)
        token = f"<NextContinuationToken>{last}</NextContinuationToken>" if last else ""
        head = (
            f"<Name>{bucket}</Name><EncodingType>url</EncodingType><IsTruncated>{str(bool(last)).lower()}</IsTruncated>"
        )
        self._answer(
            200,
            b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            + f"{head}{token}".encode()
            + shown
            + b"</ListBucketResult>",
        )


@dataclass
class _Pieces:
    pieces: list[bytes]

    def write(self, piece: bytes) -> None:
        self.pieces.append(piece)


@dataclass
class Running:
    """A store's process, which answers once it has its history."""

    process: subprocess.Popen[str]

    @cached_property
    def url(self) -> str:
        """Where it answers; waits until it does."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()


@contextmanager
def store(feed: Feed) -> Iterator[Running]:
    """One with the feed's history."""
    given = json.dumps([feed.datasets, feed.history, feed.rate, feed.begins.isoformat()])
    command = [sys.executable, "-m", "tests.load.store", given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Running(process)
        finally:
            process.terminate()


def main() -> None:
    """Serve until told to stop."""
    *numbers, begins = json.loads(sys.argv[1])
    Answers.kept.remember(Feed(*numbers, datetime.fromisoformat(begins)))
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
