"""What extraction asks of the world, besides a store; the ports say what errors mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from etl_daemon.core.documents import Written
from etl_daemon.core.upstream.extraction import Part, Span
from etl_daemon.core.web.endpoint import Request, Response, Validators


class Document(Protocol):
    """A small text that is read, and written only over what was read; never deleted."""

    def read(self) -> Written | None:
        """The text as it is now; None: there is none yet.

        Raises:
            TransientError: the store did not answer.
            SetupError: access is denied.
        """

    def write(self, text: str, over: Written | None) -> bool:
        """Put the text in place of ``over``; False where something else is there by now, or may be.

        Raises:
            TransientError: the store did not answer; the text may be there all the same.
            SetupError: access is denied, or the store cannot write on a condition.
        """

    def close(self) -> None:
        """Let go of connections and files."""


class Snapshot(Protocol):
    """A dataset's rows in its database, as they all were at one moment."""

    @property
    def columns(self) -> Sequence[tuple[str, str]]:
        """Names, and the SQL types in which a table holds their values; empty where values tell."""

    @property
    def shared(self) -> bool:
        """Whether ``beside`` sees the same moment."""

    def greatest(self, after: str | None) -> str | None:
        """The greatest value in the column of increments beyond ``after``, not in the future; None: there is none.

        Raises:
            SetupError: the column holds nulls, which no increment would ever find.
        """

    def back(self, cursor: str) -> str:
        """The value from which on rows are taken again."""

    def bounds(self) -> tuple[int, int] | None:
        """The least and the greatest value of the column of partitions; None: there are no rows."""

    def write(self, span: Span, part: Part, file: Path) -> int:
        """Write the rows to a file, as CSV with a header line; how many they are.

        Raises:
            TransientError: the database did not answer, or the disk is full.
            AbandonedError: the process is to end.
        """

    def beside(self) -> Snapshot:
        """Another one, to read at the same time."""

    def close(self) -> None:
        """Let go of the connection."""


class Web(Protocol):
    """An HTTP API."""

    def fetch(self, request: Request, validators: Validators, into: Path) -> Response | None:
        """Have the body of the answer written to a file; None: it is the one that the validators stand for.

        Raises:
            TransientError: there is no answer, or none that can be used, however often it was asked.
            TryLaterError: it asks to be left alone for longer than retries may take.
            SetupError: the answer is not what the settings expect: a refusal, too large, no JSON, somewhere else.
            AbandonedError: the process is to end.
        """

    def close(self) -> None:
        """Let go of connections."""
