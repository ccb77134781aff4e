"""Documents followed line by line, in a folder, over a bucket that is a folder and a DuckDB file."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from tests.support.command import Ended, Shell


class Reader:
    """Somebody who types what a document says; every command has to end well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "market.duckdb"
        self.settings: dict[str, object] = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "ETL_SOURCE": "local",
            "ETL_LOCAL_DIR": "bucket",
            "ETL_DUCKDB_PATH": self.database.name,
            "LOG_LEVEL": "ERROR",
        }

    def types(self, text: str, **more: object) -> str:
        """Lines for a shell; calls of ``etl-daemon`` that stand by themselves go the quicker way of ``Shell.run``."""
        shell = Shell(self.folder, self.settings | more)
        told = []
        for ours, lines in groupby(text.splitlines(), lambda line: line.startswith("etl-daemon ")):
            if ours:
                told += [_well(shell.run(*shlex.split(line, comments=True)[1:])) for line in lines]
            else:
                told.append(_well(shell.execute(["bash", "-euc", "\n".join(lines)])))
        return "".join(told)

    def runs(self, program: str) -> str:
        """A program in Python."""
        return _well(Shell(self.folder, self.settings).execute([sys.executable, "-c", program]))

    def asks(self, sql: str) -> list[Sequence[Any]]:
        """A query of the DuckDB file, or a statement that changes it."""
        with duckdb.connect(str(self.database)) as market:
            return market.execute(sql).fetchall()


def _well(ended: Ended) -> str:
    assert ended.code == 0, ended.out + ended.err
    return ended.out
