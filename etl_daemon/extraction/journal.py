"""How far extraction has come, kept beside the objects, so that whoever comes next, on whatever host, goes on there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from etl_daemon.core.documents import Written
from etl_daemon.errors import TransientError
from etl_daemon.extraction.needs import Document

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Form(Generic[M]):
    """How marks are written, how they are read, and what there is before the first one."""

    to_text: Callable[[M], str]
    from_text: Callable[[str, str], M]
    none: M


@dataclass(slots=True)
class Journal(Generic[M]):
    """The mark of one dataset. What it was when it was read last is what a new one is written over."""

    document: Document
    name: str
    form: Form[M]
    _read: Written | None = None

    def read(self) -> M:
        """The mark as it is now."""
        self._read = self.document.read()
        if self._read is None:
            return self.form.none
        return self.form.from_text(self._read.text, f"The extraction mark of {self.name}")

    def write(self, mark: M) -> None:
        """Put a new mark in the place of the one that was read.

        Raises:
            TransientError: another process has written one meanwhile, or the store did not answer.
        """
        text = self.form.to_text(mark)
        if not self.document.write(text, self._read):
            there = self.document.read()
            if there is None or there.text != text:  # else only the answer to an earlier attempt was lost
                hint = "let one process at a time extract it: with one ETL_DAEMON_NAME the lease sees to that"
                raise TransientError(f"Another process extracts {self.name}.", hint=hint)
        self._read = self.document.read()
