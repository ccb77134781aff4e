"""The emulator as tests see it: a process to start, connect to, disturb, question and kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

from snowflake.connector import SnowflakeConnection, connect

_ROOT = Path(__file__).resolve().parents[3]
_HTTP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that the emulator ran: ``binds`` as sent, ``errno`` if it failed."""

    number: int
    time: float
    session: int
    query_tag: str
    sql: str
    binds: list[Any]
    errno: int | None


class Emulator:
    """Snowflake on a port of 127.0.0.1, in a process of its own that ends with this one at the latest.

    ``folder`` keeps the databases in files, so that they outlive ``kill`` and ``start``. ``detached_after_seconds`` is
    how soon the transaction of a vanished client is rolled back, ``max_lock_wait_seconds`` bounds every LOCK_TIMEOUT.
    """

    def __init__(
        self, folder: Path | None = None, *, detached_after_seconds: float = 300, max_lock_wait_seconds: float = 10
    ) -> None:
        self.port = 0
        self._options = ["--detached-after", str(detached_after_seconds), "--max-lock-wait", str(max_lock_wait_seconds)]
        self._options += ["--db-path", str(folder)] if folder else []
        self._process: subprocess.Popen[str] | None = None
        self._uploads: TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------ the process

    def start(self) -> None:
        """Start it, on the port it had before, and wait until it answers."""
        command = [sys.executable, "-m", "tests.support.snowflake", "--port", str(self.port), *self._options]
        self._uploads = TemporaryDirectory(prefix="emulator-")
        environment = os.environ | {"TMPDIR": self._uploads.name}
        self._process = subprocess.Popen(
            command, cwd=_ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None
        word, _, port = self._process.stdout.readline().partition(" ")
        if word != "READY":
            self.kill()
            raise RuntimeError("The emulator did not start; its error output says why.")
        self.port = int(port)

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it in good order, if it runs."""
        self._end(kill=False)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(kill=True)

    def wait(self, timeout_seconds: float = 10) -> int:
        """Wait for an end that a fault brought about; the exit code."""
        assert self._process is not None
        return self._process.wait(timeout_seconds)

    def _end(self, *, kill: bool) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        with process:  # closes the pipes and waits
            if kill:
                process.kill()
            else:
                process.terminate()
        if self._uploads:
            self._uploads.cleanup()

    # ------------------------------------------------------------ clients

    def connect_arguments(self, **overrides: Any) -> dict[str, Any]:
        """Arguments for ``snowflake.connector.connect``; ``session_parameters`` are added to those given here."""
        parameters = {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False} | overrides.pop("session_parameters", {})
        return {
            "user": "tester",
            "password": "made-up",
            "account": "emulated",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "session_parameters": parameters,
            "login_timeout": 10,
            "query_timeout": 30,
            "enable_server_session_keep_alive_auto_detection": False,  # unset, the connector warns
        } | overrides

    def settings(self, **overrides: str) -> dict[str, str]:
        """Settings of etl_daemon that make it connect here."""
        return {
            "SNOWFLAKE_ACCOUNT": "emulated",
            "SNOWFLAKE_USERNAME": "tester",
            "SNOWFLAKE_PASSWORD": "made-up",
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": str(self.port),
            "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_WAREHOUSE": "COMPUTE_WH",
            "SNOWFLAKE_ROLE": "SYSADMIN",
        } | overrides

    def connect(self, **overrides: Any) -> SnowflakeConnection:
        """A connection that binds ``?``."""
        return connect(paramstyle="qmark", **self.connect_arguments(**overrides))

    def run(self, *statements: str, **overrides: Any) -> list[tuple[Any, ...]]:
        """Run statements in a session of their own; the rows of the last one."""
        rows: list[Any] = []
        with self.connect(**overrides) as connection:
            for sql in statements:
                rows = connection.cursor().execute(sql).fetchall()
        return rows

    # ------------------------------------------------------------ faults and the log

    def fault(self, match: str, **fields: Any) -> None:
        """Let a fault befall the statements that ``match`` finds; the fields are those of ``faults.Fault``."""
        body = json.dumps({"match": match, **fields}).encode()
        with urlopen(Request(self._url("fault"), data=body, method="POST"), timeout=_HTTP_SECONDS):
            pass

    def clear_faults(self) -> None:
        """Forget faults that nothing has met."""
        with urlopen(Request(self._url("fault"), method="DELETE"), timeout=_HTTP_SECONDS):
            pass

    def require_password(self, password: str | None) -> None:
        """Refuse logins with any other one from now on; None: take every one again."""
        body = json.dumps({"password": password}).encode()
        with urlopen(Request(self._url("password"), data=body, method="POST"), timeout=_HTTP_SECONDS):
            pass

    def statements(self, since: int = 0) -> list[Statement]:
        """What was run, from that number on."""
        with urlopen(self._url(f"queries?since={since}"), timeout=_HTTP_SECONDS) as answer:
            return [Statement(**entry) for entry in json.load(answer)]

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/emulator/{path}"
