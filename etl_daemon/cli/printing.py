"""What commands write: text for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from etl_daemon.core.visible import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 1_000
"""Columns where there is no terminal: lines are for grep then, and not folded."""


def emit(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=2, default=str, ensure_ascii=False))


def console(*, stderr: bool = False) -> Console:
    """Where text goes. Colours only on a terminal, and never with NO_COLOR; what is no plain text is written out."""
    from rich.console import Console

    class Plain(Console):
        def print(self, *objects: Any, **how: Any) -> None:
            super().print(*(visible(each) if isinstance(each, str) else each for each in objects), **how)

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Plain(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def is_screen(out: Console) -> bool:
    """Whether what was written can be written over: a terminal that moves its cursor."""
    return out.file.isatty() and not out.is_dumb_terminal


def say(text: str, style: str = "") -> None:
    """A line for the operator on standard error, never wrapped."""
    console(stderr=True).print(text, style=style or None, soft_wrap=True)


def table(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table; heads that begin with ``#`` are columns of numbers, set right. Cells of rich's own stay as they are."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD)
    for head in heads:
        number = head.startswith("#")
        made.add_column(head.removeprefix("#"), justify="right" if number else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in row))
    return made


def shown(cell: object) -> str:
    """A value as people read it: thousands apart, nothing as a dash, counts by name as a list."""
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, Mapping):
        return ", ".join(f"{name} {shown(value)}" for name, value in cell.items()) or "-"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return visible(str(cell))
