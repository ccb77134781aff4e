"""The one account of an emulator: a DuckDB instance that all sessions share, in memory or in files that outlive it."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

from fakesnow import info_schema, macros
from fakesnow.instance import FakeSnow

from tests.support.snowflake.locks import TableLocks
from tests.support.snowflake.session import RoutedConnection, Session


class Account(FakeSnow):
    """Opens sessions. With a ``folder``, every database is a file in it."""

    def __init__(self, folder: Path | None, max_lock_wait_seconds: float) -> None:
        super().__init__(False, False, db_path=folder)  # a login creates nothing
        self.duck_conn.execute(macros.creation_sql("memory"))  # for sessions without a current database
        self.duck_conn.execute("SET threads = 1")  # its tables are too small to be shared out among threads
        self.locks = TableLocks()
        self._max_lock_wait_seconds = max_lock_wait_seconds
        self._noting = threading.Lock()
        self._numbers = itertools.count(1)
        for file in sorted(folder.glob("*.db")) if folder else ():
            self._attach(file)

    def connect(
        self, database: str | None = None, schema: str | None = None, nop_regexes: Any = None, **kwargs: Any
    ) -> Session:
        """A session of a login."""
        return Session(
            next(self._numbers),
            self.locks,
            self._max_lock_wait_seconds,
            RoutedConnection(self.duck_conn.cursor(), self._noting),
            self.results_cache,
            database,
            schema,
            self.create_database_on_connect,
            self.create_schema_on_connect,
            db_path=self.db_path,
            nop_regexes=nop_regexes,
            **kwargs,
        )

    def close(self) -> None:
        """Close all files."""
        self.duck_conn.close()

    def _attach(self, file: Path) -> None:
        self.duck_conn.execute(f"ATTACH DATABASE '{file}' AS {file.stem}")
        self.duck_conn.execute(info_schema.per_db_creation_sql(file.stem))
        self.duck_conn.execute(macros.creation_sql(file.stem))
