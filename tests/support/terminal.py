"""A pseudo-terminal of our own, and a command on it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from contextlib import suppress

from tests.support.command import COMMAND, Shell


class Terminal:
    """A process that believes it is on a terminal of 200 columns; what it has written so far."""

    def __init__(self, shell: Shell, *words: str, **settings: object) -> None:
        self._ours, theirs = pty.openpty()
        environment = shell.environment(**{"TERM": "xterm-256color", "COLUMNS": 200, "LINES": 50, **settings})
        command = [str(COMMAND), *words]
        ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self.process = subprocess.Popen(command, env=environment, cwd=shell.folder, **ends)
        os.close(theirs)
        self.text = ""

    def until(self, *words: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not all(word in self.text for word in words):
            assert time.monotonic() < deadline, self.text[-2000:]
            self.text += os.read(self._ours, 65_536).decode(errors="replace")

    def interrupt(self) -> int:
        """Ctrl-C; how it ends."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> int:
        """Read on until it ends by itself; how it does."""
        with suppress(OSError):  # the other end is closed
            while some := os.read(self._ours, 65_536):
                self.text += some.decode(errors="replace")
        os.close(self._ours)
        return self.process.wait(30)
