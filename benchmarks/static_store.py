"""nginx as an object store that costs next to nothing: objects are files, and listings were written beforehand.

It answers GET, and lists one prefix, page after page. Every ETag is the one that nginx gives a file, so it looks at
conditions and ranges as S3 does.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE_OBJECTS = 1_000
PATIENCE_SECONDS = 10.0

CONFIGURATION = """
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $args $page {{ default 0; "~continuation-token=([0-9]+)" $1; }}
    server {{
        listen 127.0.0.1:{port};
        root {folder}/objects;
        location = /{bucket} {{ rewrite ^ /{bucket}/ last; }}
        location = /{bucket}/ {{ root {folder}/pages; default_type application/xml; try_files /$page.xml =404; }}
        error_page 404 @missing;
        location @missing {{ default_type application/xml; return 404 "<Error><Code>NoSuchKey</Code></Error>"; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class StaticStore:
    """Where it answers, and where its objects lie; nobody hears of those before ``list_anew``."""

    url: str
    folder: Path
    bucket: str

    def path(self, key: str) -> Path:
        return self.folder / "objects" / self.bucket / key

    def list_anew(self) -> None:
        """Write the pages of the listing."""
        root, pages = self.path(""), self.folder / "pages"
        files = sorted(file for file in root.rglob("*") if file.is_file())
        shutil.rmtree(pages, ignore_errors=True)
        pages.mkdir()
        whole = [files[at : at + PAGE_OBJECTS] for at in range(0, len(files) or 1, PAGE_OBJECTS)]
        for number, some in enumerate(whole):
            more = number + 1 < len(whole)
            token = f"<NextContinuationToken>{number + 1}</NextContinuationToken>" if more else ""
            (pages / f"{number}.xml").write_text(
                '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>'
                f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(_entry(each, root) for each in some)}"
                "</ListBucketResult>"
            )


def _entry(file: Path, root: Path) -> str:
    state = file.stat()
    changed = int(state.st_mtime)
    return (
        f"<Contents><Key>{file.relative_to(root).as_posix()}</Key>"
        f"<LastModified>{datetime.fromtimestamp(changed, UTC):%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
        f"<ETag>&quot;{changed:x}-{state.st_size:x}&quot;</ETag><Size>{state.st_size}</Size></Contents>"
    )


@contextmanager
def static_store(folder: Path, bucket: str) -> Iterator[StaticStore]:
    """A store of its own port and processes, with one bucket, all in ``folder``.

    Raises:
        SystemExit: nginx is missing.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise SystemExit(
            "nginx is missing, the store that the benchmarks read small objects from.\n  apt-get install nginx-light"
        )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    store = StaticStore(f"http://127.0.0.1:{port}", folder, bucket)
    store.path("").mkdir(parents=True)
    user = "user root;" if os.geteuid() == 0 else ""  # else its worker would be nobody, who sees no temporary folder
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(user=user, folder=folder, port=port, bucket=bucket))
    command = [program, "-c", str(configuration), "-p", str(folder), "-e", str(folder / "error.log")]
    with subprocess.Popen([*command, "-g", "daemon off;"]) as process:
        try:
            _await(port, process)
            yield store
        finally:
            process.terminate()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("nginx does not answer; what it said is above, or in its error.log.")
