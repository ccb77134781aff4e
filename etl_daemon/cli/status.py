"""``etl-daemon status``: how far each dataset is, from the daemon that runs here, else from the destination."""

from __future__ import annotations

from datetime import datetime
from threading import Event as Signal
from typing import TYPE_CHECKING, Any

import typer

from etl_daemon.adapters.local.clock import SystemClock
from etl_daemon.adapters.local.daemon import running
from etl_daemon.bootstrap.destination import survey
from etl_daemon.bootstrap.monitor import last_hour
from etl_daemon.cli.orders import stopping
from etl_daemon.cli.printing import console, emit, is_screen, table
from etl_daemon.cli.running import status_lines
from etl_daemon.config import Settings
from etl_daemon.vault import load_settings

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

    from etl_daemon.adapters.destination.survey import DatasetState

HEADS = [
    "dataset",
    "watermark",
    "#objects",
    "refused",
    "#rows",
    "#quarantined",
    "reasons",
    "last commit",
    "#gen",
    "holder",
]


WATCH_SECONDS = 2.0


def status(*, as_json: bool, watch: bool) -> None:
    """Print the state of every dataset; nothing is made or changed.

    With ``watch``, on a terminal, the daemon's state is kept up to date until Ctrl-C.

    Raises:
        typer.BadParameter: ``watch`` with JSON, which is one document.
        EtlError: settings are wrong, or the destination cannot be opened.
    """
    if watch and as_json:
        raise typer.BadParameter("It is one document: leave out --watch, or ask /api/status.", param_hint="--json")
    settings = load_settings(needs_source=False)
    if watch and is_screen(console()):
        _watch(settings)
        return
    if document := running(settings):
        if as_json:
            emit({"from": "daemon", **document})
        else:
            console().print(_status(document, settings), soft_wrap=True)
        return
    there = survey(settings)
    documents = {name: _document(state) for name, state in there.datasets.items()}
    ready = not there.missing
    if as_json:
        emit(
            {
                "from": "destination",
                "destination": there.place,
                "exists": there.exists,
                "ready": ready,
                "datasets": documents,
            }
        )
        return
    if not there.exists:
        console().print(f"{there.place} does not exist yet. To make it: etl-daemon init", soft_wrap=True)
        return
    console().print(table(there.place, HEADS, [[name, *_cells(each)] for name, each in documents.items()]))
    if not ready:
        console().print(f"Missing: {', '.join(there.missing)}. To make them: etl-daemon init", soft_wrap=True)


def _watch(settings: Settings) -> None:
    """Show what the daemon says of itself, again and again, until Ctrl-C."""
    from rich.live import Live

    stopped = Signal()
    with stopping(stopped), Live(console=console(), auto_refresh=False, screen=True) as live:
        while not stopped.is_set():
            document = running(settings)
            live.update(_status(document, settings) if document else _gone(), refresh=True)
            stopped.wait(WATCH_SECONDS)


def _status(document: dict[str, Any], settings: Settings) -> Group:
    from rich.console import Group

    now = SystemClock().now()
    return Group(*status_lines(document, last_hour(settings, now), now))


def _gone() -> Text:
    from rich.text import Text

    return Text("No daemon answers here. To start it: etl-daemon run", style="bold red")


def _document(state: DatasetState) -> dict[str, Any]:
    return {
        "watermark": _text(state.cursor.watermark),
        "objects_loaded": state.loaded,
        "objects_refused": dict(state.refused),
        "rows": state.rows,
        "rows_quarantined": state.quarantined_rows,
        "reasons": dict(state.quarantined),
        "last_commit": _text(state.last_commit),
        "generation": state.cursor.generation,
        "holder": state.cursor.holder,
        "swept_at": _text(state.cursor.swept_at),
    }


def _cells(one: dict[str, Any]) -> list[object]:
    return [one[name] for name in one if name != "swept_at"]


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
