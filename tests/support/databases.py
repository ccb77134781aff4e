"""PostgreSQL and MariaDB servers to take rows from: Debian's programs in folders of their own, stopped by their pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pymysql

from tests.support.s3_servers import require

POSTGRESQL_INSTALL = "apt-get install -y --no-install-recommends postgresql"
MARIADB_INSTALL = "apt-get install -y --no-install-recommends mariadb-server"
PATIENCE_SECONDS = 60.0


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URL of a server's maintenance database; ``TEST_POSTGRESQL_URL`` names another server."""
    if url := os.environ.get("TEST_POSTGRESQL_URL"):
        yield url
        return
    programs = max(Path("/usr/lib/postgresql").glob("*/bin/postgres"), default=None, key=_version)
    require(programs is not None, "PostgreSQL", POSTGRESQL_INSTALL)
    assert programs is not None
    port, data = _free_port(), folder / "data"
    own = _as("postgres", folder)
    initdb = [str(programs.with_name("initdb")), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"]
    subprocess.run([*own, *initdb, "-E", "UTF8", "--locale=C.UTF-8"], check=True, capture_output=True, cwd=folder)
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    settings |= {"timezone": "America/New_York", "max_connections": 50}
    given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with _running([*own, str(programs), "-D", str(data), *given], folder) as alive:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        _until(lambda: psycopg.connect(url, connect_timeout=2).close(), psycopg.OperationalError, alive)
        yield url


@contextmanager
def mariadb(folder: Path) -> Iterator[str]:
    """The URL of a server; ``TEST_MARIADB_URL`` names another one."""
    if url := os.environ.get("TEST_MARIADB_URL"):
        yield url
        return
    server = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    require(server is not None, "MariaDB", MARIADB_INSTALL)
    assert server is not None
    port, data = _free_port(), folder / "data"
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    _as("mysql", folder)
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    subprocess.run([*install, "--skip-test-db", *user], check=True, capture_output=True)
    settings = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/s", f"--pid-file={folder}/pid"]
    fast = ["--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--default-time-zone=-05:00"]
    command = [server, "--no-defaults", f"--datadir={data}", *user, *settings, *fast]
    with _running(command, folder) as alive:
        _until(lambda: _mariadb(port).close(), pymysql.err.OperationalError, alive)
        with closing(_mariadb(port)) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE test")
        yield f"mysql://root@127.0.0.1:{port}/test"


@contextmanager
def empty_postgresql(url: str) -> Iterator[str]:
    """The URL of a database of its own."""
    name = f"t{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield url.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def empty_mariadb(url: str) -> Iterator[str]:
    """The URL of a database of its own."""
    name = f"t{uuid4().hex[:12]}"
    run_mariadb(url, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield url.rpartition("/")[0] + f"/{name}"
    run_mariadb(url, f"DROP DATABASE {name}")


def open_mariadb(url: str, **more: Any) -> pymysql.Connection:
    """A connection to the database of a URL, which commits each statement."""
    from sqlalchemy import make_url

    at = make_url(url)
    place = {
        "host": at.host,
        "port": at.port,
        "user": at.username,
        "password": at.password or "",
        "database": at.database,
        "ssl_disabled": True,  # else each connection reads the certificates of the machine first
    }
    return pymysql.connect(**{"autocommit": True, "charset": "utf8mb4", **place, **more})


def run_mariadb(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements; the rows of the last."""
    with closing(open_mariadb(url)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def run_postgresql(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements; the rows of the last."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows: list[tuple[Any, ...]] = []
        for statement in statements:
            cursor = connection.execute(statement.encode())
            rows = cursor.fetchall() if cursor.description else []
        return rows


def _mariadb(port: int) -> pymysql.Connection:
    return pymysql.connect(host="127.0.0.1", port=port, user="root", connect_timeout=2, ssl_disabled=True)


def _as(user: str, folder: Path) -> list[str]:
    """What comes before a command that root may not run; the folder is the user's then, and can be reached."""
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, user, user)
    for parent in [folder, *folder.parents]:
        if parent.stat().st_uid == 0 and parent.stat().st_mode & 0o777 == 0o700:
            parent.chmod(0o711)
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[Callable[[], bool]]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        yield lambda: process.poll() is None
    except TimeoutError as error:
        raise RuntimeError((folder / "log").read_text(errors="replace")[-2000:]) from error
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def _until(attempt: Callable[[], object], failing: type[Exception], alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            attempt()
        except failing as error:
            if time.monotonic() > deadline or not alive():
                raise TimeoutError("The server did not start.") from error
            time.sleep(0.05)
        else:
            return


def _version(path: Path) -> float:
    return float(path.parts[-3])


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
