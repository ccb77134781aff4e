"""How the status of a running daemon is printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from etl_daemon.cli.printing import shown, table
from etl_daemon.core.pages.charts import HOUR, sparkline
from etl_daemon.core.status.history import Period
from etl_daemon.core.visible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

HEADS = [
    *("dataset", "state", "watermark", "#pending", "#lag (s)", "#objects", "#rows", "last hour", "#quarantined"),
    *("last success", "error"),
]


def status_lines(document: dict[str, Any], minutes: Sequence[Period], now: datetime) -> Iterable[RenderableType]:
    """The status as what a console prints; counts are since the daemon's start, ``minutes`` those of the last hour."""
    from rich.text import Text

    rows = [
        [name, *_cells(of, [each for each in minutes if each.dataset == name], now)]
        for name, of in document["datasets"].items()
    ]
    yield table(f"{document['holder']}, since {document['started']}", HEADS, rows)
    for reason in document["reasons"]:
        style = "bold red" if not document["live"] else "yellow"
        yield Text(visible(f"{reason['reason']}: {reason['detail']}"), style)
    failing = {name: of["last_error"] for name, of in document["datasets"].items() if of["failing"]}
    for name, error in {"all datasets": document["last_error"], **failing}.items():
        if error and error["hint"]:
            yield Text(visible(f"Hint for {name}: {error['hint']}"))


def _cells(of: dict[str, Any], minutes: Iterable[Period], now: datetime) -> list[object]:
    from rich.text import Text

    rejected = of["rows"]["quarantined"]
    return [
        _state(of),
        of["watermark"],
        of["pending"]["objects"],
        round(of["lag_seconds"]),
        of["objects"]["loaded"],
        of["rows"]["loaded"],
        Text(sparkline(minutes, HOUR, now), style="blue"),
        Text(shown(rejected), style="yellow" if rejected else ""),
        of["last_success"],
        of["last_error"]["detail"] if of["failing"] else None,
    ]


def _state(of: dict[str, Any]) -> Text:
    from rich.text import Text

    if of["failing"]:
        return Text("failing", style="bold red")
    return Text("loading", style="yellow") if of["pending"]["objects"] else Text("up to date", style="green")
