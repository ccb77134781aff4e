"""A lean object store, so that what is measured is not the store: files served by the standard library, in a process.

It speaks as much of S3 as we do: PUT with conditions, multipart uploads, GET with ranges, and listings. It checks no
signature and no checksum, and keeps nothing longer than its folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader, RawIOBase
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BLOCK = 2**20


@contextmanager
def file_store(folder: Path) -> Iterator[str]:
    """The address of a store of its own port and process; buckets are folders in ``folder``."""
    command = [sys.executable, "-m", "benchmarks.file_store", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class Store(BaseHTTPRequestHandler):
    """Answers requests; ``root`` holds the buckets."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    root = Path()
    uploads = Path()

    def parse_request(self) -> bool:
        """The first line and the headers, quicker than the library, which reads them as it does those of mail."""
        self.command, self.path, self.request_version = self.raw_requestline.decode("latin-1").split()
        self.headers = Headers()
        while line := self.rfile.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.lower()] = value.strip()
        self.close_connection = self.headers.get("Connection", "").lower() == "close"
        return self.headers.get("Expect", "") != "100-continue" or self.handle_expect_100()

    def do_GET(self) -> None:
        """An object, a part of one, or a listing."""
        bucket, key, query = self._asked()
        if not key:
            self._listing(bucket, query)
            return
        path = self.root / bucket / key
        if not path.is_file():
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first, last = (int(span[1]), min(int(span[2] or size), size - 1)) if span else (0, size - 1)
            more = {"Content-Range": f"bytes {first}-{last}/{size}"} if span else {}
            self._head(206 if span else 200, last - first + 1, **self._described(path), **more)
            sent = first
            while self.command == "GET" and sent <= last:
                sent += os.sendfile(self.connection.fileno(), file.fileno(), sent, last - sent + 1)

    def do_HEAD(self) -> None:
        """The same without the body."""
        self.do_GET()

    def do_PUT(self) -> None:
        """A bucket, an object, or a part of an upload."""
        bucket, key, query = self._asked()
        path = self.root / bucket / key
        if "partNumber" in query:
            path = self.uploads / query["uploadId"][0] / f"{int(query['partNumber'][0]):05}"
        there = path.is_file() and self._described(path)["ETag"]
        unfit = (self.headers.get("If-None-Match") == "*" and there) or self.headers.get("If-Match", there) != there
        path.parent.mkdir(parents=True, exist_ok=True)
        with (Path(os.devnull) if unfit or not key else path).open("wb") as file:
            self._receive(file)
        if not key:
            path.mkdir(exist_ok=True)
        if unfit:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        else:
            self._answer(200, b"", ETag=self._described(path)["ETag"])

    def do_POST(self) -> None:
        """The begin of an upload, or its end."""
        bucket, key, query = self._asked()
        with Path(os.devnull).open("wb") as nowhere:
            self._receive(nowhere)
        if "uploads" in query:
            upload = Path(mkdtemp(dir=self.uploads)).name
            self._answer(200, f"<X><UploadId>{upload}</UploadId></X>".encode())
            return
        path = self.root / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as whole:
            for part in sorted((self.uploads / query["uploadId"][0]).iterdir()):
                with part.open("rb") as body:
                    os.copy_file_range(body.fileno(), whole.fileno(), part.stat().st_size)
        self._answer(200, f"<X><ETag>{self._described(path)['ETag']}</ETag></X>".encode())

    def _asked(self) -> tuple[str, str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path)[1:].partition("/")
        return bucket, key, parse_qs(parts.query, keep_blank_values=True)

    def _receive(self, file: BinaryIO) -> None:
        """The body, of which chunks that are signed, or followed by a checksum, are told apart by their sizes."""
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            self._copy(int(self.headers.get("Content-Length", 0)), file)
            return
        outer = self.headers.get("Transfer-Encoding") == "chunked"
        body = BufferedReader(_Chunked(self.rfile), BLOCK) if outer else self.rfile
        while size := int(body.readline().partition(b";")[0], 16):
            self._copy(size, file, body)
            body.readline()
        while body.readline().strip():  # checksums
            pass

    def _copy(self, size: int, file: BinaryIO, body: BinaryIO | None = None) -> None:
        while size > 0:
            some = (body or self.rfile).read(min(size, BLOCK))
            size -= len(some)
            file.write(some)

    def _described(self, path: Path) -> dict[str, str]:
        if not path.is_file():
            return {"ETag": '""'}
        state = path.stat()
        tag = hashlib.md5(f"{state.st_ino} {state.st_mtime_ns} {state.st_size}".encode()).hexdigest()
        return {"ETag": f'"{tag}"', "Last-Modified": formatdate(state.st_mtime, usegmt=True)}

    def _listing(self, bucket: str, query: dict[str, list[str]]) -> None:
        root, prefix = self.root / bucket, query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        most = int(query.get("max-keys", ["1000"])[0])
        keys = sorted(key for each in root.rglob("*") if each.is_file() and (key := each.relative_to(root).as_posix()))
        keys = [key for key in keys if key.startswith(prefix) and key > after]
        lines = []
        for key in keys[:most]:
            state = (root / key).stat()
            moment = datetime.fromtimestamp(state.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            tag = escape(self._described(root / key)["ETag"])
            lines.append(
                f"<Contents><Key>{quote(key)}</Key><LastModified>{moment}</LastModified><ETag>{tag}</ETag>"
                f"<Size>{state.st_size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
        more = len(keys) > most
        token = f"<NextContinuationToken>{quote(keys[most - 1])}</NextContinuationToken>" if more else ""
        text = (
            f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{token}"
            f"{''.join(lines)}</ListBucketResult>"
        )
        self._answer(200, text.encode())

    def _head(self, status: int, size: int, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {size}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self._head(status, len(body), **headers)
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


class Headers(dict[str, str]):
    """Kept in lower case, asked for as they are written."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class _Chunked(RawIOBase):
    """The content of a body in chunks of HTTP."""

    def __init__(self, body: BinaryIO) -> None:
        self._body, self._left = body, 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:
        if not self._left:
            self._left = int(self._body.readline(), 16)
            if not self._left:
                self._body.readline()
                return 0
        some = self._body.read(min(self._left, len(into)))
        self._left -= len(some)
        if not self._left:
            self._body.readline()
        into[: len(some)] = some
        return len(some)


def main(root: Path) -> None:
    """Serve until told to stop."""
    Store.root, Store.uploads = root, root.with_name(f"{root.name}-uploads")
    for folder in (Store.root, Store.uploads):
        folder.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
