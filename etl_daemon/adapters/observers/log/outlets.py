"""Where lines go: to standard error, with priorities if that is the journal, or to a file."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import TextIO

FILE_MODE = 0o640
"""Permissions of a log file that is made here, less what the umask takes away."""

PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
"""Levels, and their numbers in syslog: crit, err, warning, info, debug."""


def on_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the journal reads the stream: the variable is inherited also by those whose output was led elsewhere."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream without a file, or closed
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class Prioritized(logging.Formatter):
    """Puts before a line the priority, which the journal takes off; it stays one line, so that all of it has that."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        priority = next(number for level, number in PRIORITIES if record.levelno >= level)
        return f"<{priority}>" + self._inner.format(record).replace("\n", r"\n")


class LogFile(WatchedFileHandler):
    """A file that logrotate may move away. What cannot be written there goes to ``instead``; why, is said once."""

    def __init__(self, file: Path, instead: logging.Handler) -> None:
        """Raises OSError where the file cannot be written."""
        self._instead = instead
        self._failed = self._failing = False
        super().__init__(file, encoding="utf-8", errors="backslashreplace")  # keys may hold what is no UTF-8

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; never raises into whoever logs."""
        self._failed = False
        try:
            super().emit(record)
        except OSError:  # the file was moved away, and no other one can be made
            self.handleError(record)
        self._failing = self._failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        """Have the line, at least."""
        self._failed = True
        if not self._failing:
            said = f"cannot write {self.baseFilename}: {sys.exc_info()[1]}; lines go to standard error"
            told = {"name": record.name, "levelno": logging.ERROR, "levelname": "ERROR", "msg": said}
            self._instead.handle(logging.makeLogRecord(told))
        self._instead.handle(record)

    def close(self) -> None:
        """Let go of the file."""
        super().close()
        self._instead.close()

    def _open(self) -> TextIOWrapper:
        file = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        return TextIOWrapper(os.fdopen(file, "ab"), encoding=self.encoding, errors=self.errors)
