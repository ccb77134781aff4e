"""A store that speaks as much of S3 as listing and reading take, and pretends to hold a million objects.

Objects lie under a folder per hour, as many in each. Nothing is kept, so it is lean enough to measure its client by.
"""

from __future__ import annotations

import sys
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from typing import overload
from urllib.parse import parse_qs, quote, unquote, urlsplit
from zlib import crc32

BUCKET = "market-data"
PREFIX = "processed/price_data/{year}/{month}/{day}/{hour}"
PAGE_OBJECTS = 1_000
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Keys(Sequence[str]):
    """The keys of ``hours`` folders, the last of which is that of ``until``, ``per_hour`` in each, in order."""

    until: datetime
    hours: int = 10_000
    per_hour: int = 100

    def __len__(self) -> int:
        return self.hours * self.per_hour

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        hour, place = divmod(at, self.per_hour)
        folder = self.until - (self.hours - 1 - hour) * HOUR
        return f"processed/price_data/{folder:%Y/%m/%d/%H}/{place:05d}.json"

    def page(self, prefix: str, after: str) -> list[str]:
        """The first keys with the prefix, beyond ``after``, and one more than a page holds, if there is one."""
        first = max(bisect_left(self, prefix), bisect_right(self, after))
        return list(takewhile(lambda key: key.startswith(prefix), self[first : first + PAGE_OBJECTS + 1]))


def body(key: str) -> bytes:
    """A row of prices; all bodies are of one length."""
    _, _, year, month, day, hour, name = key.split("/")
    symbol = "".join(chr(65 + int(name[:5]) // base % 26) for base in (17_576, 676, 26, 1))
    instant = f"{year}-{month}-{day}T{hour}:00:00Z"
    return f'{{"symbol":"{symbol}","timestamp":"{instant}","open":1,"high":2,"low":1,"close":2,"volume":5}}\n'.encode()


def tag(key: str) -> str:
    """The ETag of the object."""
    return f"{crc32(key.encode()):032x}"


def described(key: str) -> str:
    """An object as a listing shows it, with all that S3 has to say; it was written as its hour began."""
    _, _, year, month, day, hour, _ = key.split("/")
    return (
        f"<Contents><Key>{quote(key)}</Key><LastModified>{year}-{month}-{day}T{hour}:00:00.000Z</LastModified>"
        f"<ETag>&quot;{tag(key)}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
        f"<ChecksumType>FULL_OBJECT</ChecksumType><Size>{len(body(key))}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


@dataclass
class ListedStore:
    """Where it is, and which prefixes were listed, a line per request."""

    keys: Keys
    url: str = ""
    listed: list[str] = field(default_factory=list)

    def listing(self, prefix: str, after: str) -> str:
        self.listed.append(prefix)
        keys = self.keys.page(prefix, after)
        more = len(keys) > PAGE_OBJECTS
        shown = keys[:PAGE_OBJECTS]
        token = f"<NextContinuationToken>{quote(shown[-1])}</NextContinuationToken>" if more else ""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix>{quote(prefix)}</Prefix><KeyCount>{len(shown)}</KeyCount>"
            f"<MaxKeys>{PAGE_OBJECTS}</MaxKeys><EncodingType>url</EncodingType>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(map(described, shown))}</ListBucketResult>"
        )


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer, which goes out in two pieces, waits 40 ms for the first one
    store: ListedStore

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        key = unquote(parts.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if key:
            self._answer(body(key), tag(key))
            return
        after = asked.get("continuation-token") or asked.get("start-after", "")
        self._answer(self.store.listing(asked.get("prefix", ""), unquote(after)).encode())

    def _answer(self, content: bytes, etag: str = "0") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


@contextmanager
def listed_store(hours: int = 10_000, per_hour: int = 100) -> Iterator[ListedStore]:
    """A store of its own port, in this process."""
    store = ListedStore(Keys(datetime.now(UTC), hours, per_hour))
    with _server(store) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()


def _server(store: ListedStore) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answer", (_Answer,), {"store": store}))
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_port}"
    return server


def main() -> None:
    """Serve from a process of its own until told to stop: hours, and objects in each."""
    store = ListedStore(Keys(datetime.now(UTC), *map(int, sys.argv[1:3])))
    with _server(store) as server:
        print(store.url, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
