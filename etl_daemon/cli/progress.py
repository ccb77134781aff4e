"""Bars of long work: what is done, how fast, and the time left; on standard error, and on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from etl_daemon.cli.printing import console, is_screen

BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Far:
    """How far it is: ``done`` of ``total``, which need not be known; ``told``: what was counted.

    ``paced``: what the rate is of, where that is not what is done.
    """

    done: float
    total: float | None
    told: str
    paced: float | None = None


Show = Callable[[Far], None]


def drawn(*, as_json: bool) -> bool:
    """Whether bars are drawn: on a terminal that moves its cursor, and never beside a document."""
    return not as_json and sys.stderr.isatty() and is_screen(console(stderr=True))


@contextmanager
def bar(unit: str = BYTES, *, as_json: bool) -> Iterator[Show]:
    """What shows how far it is, from any thread; the rate is in ``unit``. Log lines come above the bar."""
    if not drawn(as_json=as_json):
        yield lambda _: None
        return
    from rich import progress as rich
    from rich.filesize import decimal

    texts = (rich.TextColumn("{task.fields[told]}"), *((rich.DownloadColumn(),) if unit == BYTES else ()))
    columns = (rich.BarColumn(), *texts, rich.TextColumn("{task.fields[rate]}"), rich.TimeRemainingColumn())
    with rich.Progress(*columns, console=console(stderr=True)) as drawing:
        task = drawing.add_task("", total=None, told="", rate="")

        def show(far: Far) -> None:
            paced = far.done if far.paced is None else far.paced
            pace = int(paced / max(drawing.tasks[0].elapsed or 0.0, 0.001))
            rate = f"{decimal(pace) if unit == BYTES else f'{pace:,} {unit}'}/s"
            drawing.update(task, total=far.total, completed=far.done, told=far.told, rate=rate)

        yield show


@contextmanager
def counting(unit: str, total: int, *, as_json: bool) -> Iterator[Callable[[int], None]]:
    """What hears how many more of ``total`` are done; of nothing there is no bar."""
    if not total:
        yield lambda _: None
        return
    done = 0
    with bar(unit, as_json=as_json) as show:

        def heard(more: int) -> None:
            nonlocal done
            done += more
            show(Far(done, total, f"{done:,}/{total:,} {unit}"))

        heard(0)
        yield heard
