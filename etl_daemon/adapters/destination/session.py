"""What a technology provides: sessions that run statements in order, and its dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from etl_daemon.core.sql.dialect import Dialect

Marks = np.ndarray[Any, np.dtype[np.bool_]]
LetGo = Callable[[], None]


class Session(Protocol):
    """One conversation with a database. Values are bound where a statement has ``?``; instants are UTC, naive."""

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that a query gives."""

    def pages(self, size: int, statement: str, *values: object) -> Iterator[list[tuple[Any, ...]]]:
        """The same rows, so many at a time; until the last nothing else may be asked of the session."""

    def run(self, statement: str, *values: object) -> int:
        """How many rows a statement changed."""

    def transaction(self) -> AbstractContextManager[None]:
        """BEGIN, then COMMIT, or ROLLBACK on any error.

        Raises:
            OutcomeUnknownError: the answer to COMMIT was lost.
        """

    def stage(self, name: str, table: pa.Table, stays: Marks | None = None, let_go: LetGo | None = None) -> str:
        """Offer rows to later statements of the session as a table; its full name. Never inside a transaction.

        ``stays`` (bool, one per row) marks those that are offered; None: all of them. ``let_go`` says that the table
        is larger than memory, and is to be called now and then while it is read.
        """

    def tag(self, dataset: str, batch_id: str) -> None:
        """Say for which batch the next statements are."""


class Engine(Protocol):
    """A database that sessions are opened on."""

    @property
    def dialect(self) -> Dialect:
        """Its SQL."""

    @property
    def database(self) -> str:
        """Where the control tables are."""

    @property
    def place(self) -> str:
        """Where it is, for people."""

    @property
    def statements(self) -> int:
        """How many statements were sent so far."""

    def exists(self) -> bool:
        """Whether there is a database at all; where it cannot be made by us, it counts as there."""

    def session(self, *, read_only: bool = False) -> AbstractContextManager[Session]:
        """A session for one piece of work; with ``read_only`` nothing is changed.

        Raises:
            BusyError: another process held the database all the while.
            TransientError: it did not answer.
            SetupError: something is missing, or access denied.
        """

    def close(self) -> None:
        """Let go of connections."""
