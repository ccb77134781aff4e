"""How the status of a running daemon is printed."""

from __future__ import annotations

from typing import Any

from etl_daemon.cli.printing import console, table

HEADS = ["dataset", "watermark", "#pending", "#lag (s)", "#objects", "#rows", "#quarantined", "last success", "error"]


def show(document: dict[str, Any]) -> None:
    """Print it as text; counts are since its start."""
    rows = [[name, *_cells(of)] for name, of in document["datasets"].items()]
    console().print(table(f"{document['holder']}, since {document['started']}", HEADS, rows))
    for reason in document["reasons"]:
        console().print(f"{reason['reason']}: {reason['detail']}", soft_wrap=True, markup=False)
    failing = {name: of["last_error"] for name, of in document["datasets"].items() if of["failing"]}
    for name, error in {"all datasets": document["last_error"], **failing}.items():
        if error and error["hint"]:
            console().print(f"Hint for {name}: {error['hint']}", soft_wrap=True, markup=False)


def _cells(of: dict[str, Any]) -> list[object]:
    return [
        of["watermark"],
        of["pending"]["objects"],
        round(of["lag_seconds"]),
        of["objects"]["loaded"],
        of["rows"]["loaded"],
        of["rows"]["quarantined"],
        of["last_success"],
        of["last_error"]["detail"] if of["failing"] else None,
    ]
