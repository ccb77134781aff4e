"""Commands as processes of their own that begin where their imports are done, which take longer than most commands.

`python -m tests.support.starter SOCKET` imports the program and then forks a process for each request: arguments,
environment, folder and the files for its output. What matters of the beginning itself is tested with processes that do
begin: `Shell.start` and `Shell.importing`.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

PRELOADED = (
    "boto3",
    "obstore",
    "etl_daemon.cli.app",
    "etl_daemon.cli.once",
    "etl_daemon.adapters.decode",
    "etl_daemon.adapters.destination.destination",
    "etl_daemon.adapters.duckdb.session",
    "etl_daemon.adapters.observers.log",
)
"""Not the connector of Snowflake, whose threads would be missing after a fork."""
MESSAGE_BYTES = 2**20
_BEGUN: tuple[str, ...] = ("PYTHON", "MALLOC", "LD_", "OPENBLAS")
"""What the beginning of a process looks at: these need one that does begin."""


class Starter:
    """A process that starts others; one for all tests of a worker."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="starter-")
        self._address = f"{self._folder.name}/socket"
        command = [sys.executable, "-m", "tests.support.starter", self._address]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert self._process.stdout
        assert self._process.stdout.read(1), "it is ready"

    def run(
        self, program: str, words: Sequence[str], folder: Path, environment: Mapping[str, str], patience_seconds: float
    ) -> tuple[int, str, str]:
        """The code with which the module, as a program, ended, as ``subprocess`` has it, and what it wrote.

        Raises:
            subprocess.TimeoutExpired: it took longer, and was killed.
        """
        order = json.dumps([program, list(words), str(folder), dict(environment)]).encode()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, self._asked() as answers:
            socket.send_fds(answers, [order], [out.fileno(), err.fileno()])
            answers.shutdown(socket.SHUT_WR)
            lines = answers.makefile()
            number = int(lines.readline())
            answers.settimeout(patience_seconds)
            try:
                code = int(lines.readline())
            except TimeoutError:
                os.kill(number, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(words), patience_seconds) from None
            return code, _text(out), _text(err)

    def close(self) -> None:
        """End it."""
        self._process.communicate()
        self._folder.cleanup()

    def _asked(self) -> socket.socket:
        asking = socket.socket(socket.AF_UNIX)
        asking.connect(self._address)
        return asking


def can_start(environment: Mapping[str, str]) -> bool:
    """Whether nothing in the environment is for the beginning of a process."""
    return not any(name.startswith(_BEGUN) and os.environ.get(name) != value for name, value in environment.items())


@cache
def starter() -> Starter:
    """The one of this process, ended with it."""
    made = Starter()
    atexit.register(made.close)
    return made


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def serve(address: str) -> None:
    """Start what is asked for, until standard input ends."""
    for name in PRELOADED:
        __import__(name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print(".", end="", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [], 1.0)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if sys.stdin in ready:
                return
            if listener in ready:
                asking, _ = listener.accept()
                if not os.fork():
                    listener.close()
                    _attend(asking)
                asking.close()


def _attend(asking: socket.socket) -> None:
    """Start one command, and say how it ended."""
    order, files, _, _ = socket.recv_fds(asking, MESSAGE_BYTES, 2)
    while some := asking.recv(MESSAGE_BYTES):
        order += some
    program, words, folder, environment = json.loads(order)
    number = os.fork()
    if not number:
        asking.close()
        _become(folder, environment, files)
        _end(_ran(program, words))
    asking.sendall(f"{number}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    with suppress(BrokenPipeError):  # whoever asked may have lost patience
        asking.sendall(f"{code}\n".encode())
    os._exit(0)


def _become(folder: str, environment: dict[str, str], files: list[int]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for at, file in enumerate([nothing, *files]):
        os.dup2(file, at)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as a process has them
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.closerange(3, 256)


def _ran(program: str, words: list[str]) -> Any:
    sys.argv = [program, *words]
    try:
        runpy.run_module(program, run_name="__main__")
    except SystemExit as end:
        return end.code
    except BaseException:  # noqa: BLE001 - as the interpreter does with what nobody catches
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # there is one
        return 1
    return 0


def _end(code: Any) -> None:
    """As the interpreter ends: it waits for threads, calls what wants to be called, and writes what is left."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    serve(sys.argv[1])
