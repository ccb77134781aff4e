"""What is fuzzed of the command line: any words end it with a code of docs/operations.md, and never with a traceback.

Commands that need nothing outside are carried out, over a folder and a DuckDB file; of all others the words are parsed.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import mock

from typer.main import get_command

from etl_daemon.cli import main
from etl_daemon.cli.app import app
from etl_daemon.cli.completion import PROGRAM

CODES = frozenset({0, 1, 2, 75, 78, 130})
MOST_WORDS = 12
CARRIED_OUT = (
    ("validate",),
    ("explain",),
    ("plan",),
    *(("quarantine", word) for word in ("list", "show", "export", "discard", "replay")),
)
VALUES = ("price_data", "prices.ndjson", "prices.csv", "out.csv", "out.parquet", "out.ndjson", "ohlc_relation")
VALUES += ("14d", "2026-01-02", "2026-01-02T03:04:05+05:45", "0", "50", "ticker=symbol", "%Y%m%d", "(?P<symbol>[A-Z]+)")
VALUES += ('{"MARKET_DATA.PRICE_DATA":"APPEND;_X"}', "--", "-")
FIT = '{"symbol":"%s","timestamp":"2026-01-02T03:04:05Z","open":%d,"high":12,"low":9,"close":11,"volume":5}\n'
LINES = "".join(FIT % pair for pair in (("AAPL", 10), ("MSFT", 99), ("NVDA", -1)))
INPUTS = {
    "prices.ndjson": LINES,
    "prices.csv": "ticker,date,open,high,low,close,volume\nAAPL,2026-01-02,10,12,9,11,5\n",
    "bucket/processed/price_data/later.ndjson": LINES,
}


def words(data: bytes) -> None:
    """Words, one to a line, after a byte that says whose they are; ``#7`` stands for one that its command knows."""
    if not data:
        return
    place = data[0] % (len(CARRIED_OUT) + 1)
    known = _known(place)
    texts = data[1:].decode("utf-8", "surrogateescape").split("\n") if data[1:] else []
    given = [_word(each, known) for each in texts[:MOST_WORDS]]
    with _desk():
        code, said = _carried_out([*CARRIED_OUT[place], *given]) if place < len(CARRIED_OUT) else _parsed(given)
    assert code in CODES, code
    assert "Traceback (most recent" not in said
    assert "please report it" not in said
    assert code in {0, 130} or said.strip(), "who fails says why"


def _word(text: str, known: Sequence[str]) -> str:
    """As it can be in an argument vector, and leads nowhere else than to the folder."""
    text = text.replace("\0", "").replace("/", "")
    return known[int(text[1:]) % len(known)] if text[:1] == "#" and text[1:].isdecimal() else text


def _carried_out(given: Sequence[str]) -> tuple[object, str]:
    with mock.patch.object(sys, "argv", [PROGRAM, *given]):
        return _ended(lambda: main(given))


def _parsed(given: Sequence[str]) -> tuple[object, str]:
    command = get_command(app)
    for each in _commands(command):
        each.callback = lambda **_: None
    return _ended(lambda: command(given, PROGRAM))


def _ended(work: Any) -> tuple[object, str]:
    """The exit code, and what was written; any other exception is one that nobody expected."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said), mock.patch.object(sys, "stdin", io.StringIO()):
        try:
            work()
        except SystemExit as end:
            return end.code or 0, said.getvalue()
    return 0, said.getvalue()


def _commands(command: Any) -> Iterator[Any]:
    """All that can be called, whatever comes before it."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield command
    for each in inner.values():
        yield from _commands(each)


@cache
def _known(place: int) -> tuple[str, ...]:
    """Values, and the options of the command at that place; or the options and names of all."""
    command: Any = get_command(app)
    names: set[str] = set()
    for word in CARRIED_OUT[place] if place < len(CARRIED_OUT) else ():
        command = command.commands[word]
    options = {option for each in _commands(command) for parameter in each.params for option in parameter.opts}
    if place == len(CARRIED_OUT):
        names = {each.name for each in _commands(command)} | set(command.commands)
    return (*VALUES, *sorted(name for name in options if name.startswith("-")), *sorted(names))


@contextmanager
def _desk() -> Iterator[None]:
    """A folder with objects, and a database with what was loaded of them; the same each time."""
    there = Path.cwd()
    folder = Path(shutil.copytree(_made(), _made().with_name("desk")))
    try:
        with mock.patch.dict(os.environ, _settings(folder)):
            os.chdir(folder)
            yield
    finally:
        os.chdir(there)
        shutil.rmtree(folder)


@cache
def _made() -> Path:
    folder = Path(mkdtemp(prefix="etl-fuzz-")) / "made"
    for name, text in INPUTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    there = Path.cwd()
    with mock.patch.dict(os.environ, _settings(folder)):
        os.chdir(folder)
        code, said = _carried_out(["once"])
        os.chdir(there)
    assert code == 0, said
    return folder


def _settings(folder: Path) -> dict[str, str]:
    return {
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": str(folder / "bucket"),
        "ETL_DUCKDB_PATH": str(folder / "etl.duckdb"),
        "ETL_STATE_DIR": str(folder / "state"),
        "ETL_CONFIG_FILE": "",
        "ETL_HTTP_PORT": "0",
        "ETL_TIMEOUT": "5",
        "TERM": "dumb",
        "LOG_LEVEL": "ERROR",
    }
