"""How far extraction has come, kept beside the objects, so that whoever comes next, on whatever host, goes on there."""

from __future__ import annotations

from dataclasses import dataclass

from etl_daemon.core.documents import Written
from etl_daemon.core.extraction import Mark, from_text, to_text
from etl_daemon.errors import TransientError
from etl_daemon.extraction.needs import Document


@dataclass(slots=True)
class Journal:
    """The mark of one dataset. What it was when it was read last is what a new one is written over."""

    document: Document
    name: str
    _read: Written | None = None

    def read(self) -> Mark:
        """The mark as it is now."""
        self._read = self.document.read()
        return from_text(self._read.text, f"The extraction mark of {self.name}") if self._read else Mark()

    def write(self, mark: Mark) -> None:
        """Put a new mark in the place of the one that was read.

        Raises:
            TransientError: another process has written one meanwhile, or the store did not answer.
        """
        text = to_text(mark)
        if not self.document.write(text, self._read):
            there = self.document.read()
            if there is None or there.text != text:  # else only the answer to an earlier attempt was lost
                hint = "let one process at a time extract it: with one ETL_DAEMON_NAME the lease sees to that"
                raise TransientError(f"Another process extracts {self.name}.", hint=hint)
        self._read = self.document.read()
