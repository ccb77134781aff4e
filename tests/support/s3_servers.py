"""Object stores to test against: moto's in this process, and Ceph's gateway, which checks signatures."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests.conftest import AWS_ENVIRONMENT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CEPH_PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
CEPH_INSTALL = "apt-get install -y --no-install-recommends ceph-mon ceph-osd radosgw ceph-common"
_PATIENCE_SECONDS = 60.0


@contextmanager
def moto_server() -> Iterator[str]:
    """The address of a moto server of its own port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    assert server._server
    server._server.app = _one_by_one(server._server.app)
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def _one_by_one(app: Any) -> Any:
    """moto looks at a condition first and writes after that: of many threads at once more than one would win."""
    writing = Lock()

    def answer(environ: dict[str, Any], start: Any) -> Any:
        if not {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"} & set(environ) or environ["REQUEST_METHOD"] != "PUT":
            return app(environ, start)
        with writing:
            return app(environ, start)

    return answer


def s3_client(url: str) -> S3Client:
    """A plain client for arranging things."""
    return boto3.client("s3", endpoint_url=url, config=Config(s3={"addressing_style": "path"}, max_pool_connections=32))


def require(available: bool, what: str, install: str) -> None:
    """Skip the test, or fail it where ``ETL_REQUIRE_SERVICES=1`` says that everything has to be there."""
    if available:
        return
    message = f"{what} is not installed: {install}"
    if os.environ.get("ETL_REQUIRE_SERVICES") == "1":
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def ceph_gateway(folder: Path) -> Iterator[str]:
    """The address of a RADOS gateway over a cluster of one monitor and one in-memory OSD, thrown away afterwards."""
    require(all(map(shutil.which, CEPH_PROGRAMS)), "Ceph's RADOS gateway", CEPH_INSTALL)
    cluster = _Cluster(folder, _free_port(), _free_port())
    try:
        cluster.start()
        yield f"http://127.0.0.1:{cluster.gateway_port}"
    finally:
        cluster.stop()


@dataclass
class _Cluster:
    folder: Path
    monitor_port: int
    gateway_port: int

    def __post_init__(self) -> None:
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        for name in ("mon", "osd", "run", "log"):
            (self.folder / name).mkdir(parents=True)
        fsid = str(uuid4())
        (self.folder / "ceph.conf").write_text(self._configuration(fsid))
        self._make_keys()
        self._start_monitor(fsid)
        self._start_osd()
        self._start_gateway()

    def stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.kill()  # nothing here is worth an orderly end
        for daemon in self._daemons:
            daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_keys(self) -> None:
        everything = [word for service in ("mon", "osd", "mgr") for word in ("--cap", service, "allow *")]
        self._run("ceph-authtool", "--create-keyring", "keyring", "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        for name in ("client.admin", "osd.0", "client.rgw"):
            self._run("ceph-authtool", "keyring", "--gen-key", "-n", name, *everything)

    def _start_monitor(self, fsid: str) -> None:
        address = f"[v1:127.0.0.1:{self.monitor_port}]"
        self._run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, "monmap")
        common = ("-c", "ceph.conf", "-i", "a")
        self._run("ceph-mon", *common, "--mkfs", "--monmap", "monmap", "--keyring", "keyring")
        self._spawn("ceph-mon", *common, "-f")

    def _start_osd(self) -> None:
        identity = str(uuid4())
        ceph = ("ceph", "-c", "ceph.conf", "--connect-timeout", "30")
        self._run(*ceph, "osd", "create", identity)
        self._run("ceph-osd", "-c", "ceph.conf", "-i", "0", "--mkfs", "--osd-uuid", identity)
        self._run(*ceph, "osd", "crush", "add", "osd.0", "1", "root=default", "host=here")
        self._spawn("ceph-osd", "-c", "ceph.conf", "-i", "0", "-f")
        self._until("the OSD is up", lambda: "1 up" in self._run(*ceph, "osd", "stat"))

    def _start_gateway(self) -> None:
        rgw = ("-c", "ceph.conf", "-n", "client.rgw")
        access, secret = AWS_ENVIRONMENT["AWS_ACCESS_KEY_ID"], AWS_ENVIRONMENT["AWS_SECRET_ACCESS_KEY"]
        user = ("--uid=tests", "--display-name=tests", f"--access-key={access}", f"--secret-key={secret}")
        self._run("radosgw-admin", *rgw, "user", "create", *user)
        self._spawn("radosgw", *rgw, "-f")
        self._until("the gateway answers", self._answers)

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.gateway_port}/", timeout=1) as answer:
                return answer.status == 200
        except (URLError, OSError):
            return False

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def _spawn(self, *command: str) -> None:
        with (self.folder / "log" / "out.log").open("ab") as log:
            self._daemons.append(subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log))

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            ended = [daemon.args for daemon in self._daemons if daemon.poll() is not None]
            if ended or time.monotonic() > deadline:
                log = (self.folder / "log" / "out.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"Waited in vain until {what}; ended: {ended}; {log}")
            time.sleep(0.1)

    def _configuration(self, fsid: str) -> str:
        return f"""
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{self.monitor_port}
mon initial members = a
public addr = 127.0.0.1
ms bind msgr2 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on pool no redundancy = false
run dir = {self.folder}/run
log file = {self.folder}/log/$name.log
admin socket = {self.folder}/run/$name.asok
pid file = {self.folder}/run/$name.pid
keyring = {self.folder}/keyring
[mon.a]
mon data = {self.folder}/mon
mon data avail crit = 1
[osd.0]
osd data = {self.folder}/osd
osd objectstore = memstore
memstore device bytes = {2 * 2**30}
osd memory target = {896 * 2**20}
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{self.gateway_port} tcp_nodelay=1
rgw zone = default
rgw thread pool size = 32
rgw enable usage log = false
"""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
