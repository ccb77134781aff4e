"""``etl-daemon status``: how far each dataset is, from the daemon that runs here, else from the destination."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from etl_daemon.adapters.local.daemon import running
from etl_daemon.bootstrap.destination import survey
from etl_daemon.cli.printing import console, emit, table
from etl_daemon.cli.running import show
from etl_daemon.vault import load_settings

if TYPE_CHECKING:
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


def status(*, as_json: bool) -> None:
    """Print the state of every dataset; nothing is made or changed.

    Raises:
        EtlError: settings are wrong, or the destination cannot be opened.
    """
    settings = load_settings(needs_source=False)
    if document := running(settings):
        if as_json:
            emit({"from": "daemon", **document})
        else:
            show(document)
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
