"""``etl-daemon explain``: what a reason code means."""

from __future__ import annotations

from dataclasses import asdict

import typer

from etl_daemon.cli.printing import console, emit
from etl_daemon.core.explanations import OBJECTS, ROWS


def explain(code: str, *, as_json: bool) -> None:
    """Print what is wrong with a row or an object of that reason.

    Raises:
        typer.BadParameter: there is no such code.
    """
    found = {kind: table[code] for kind, table in (("row", ROWS), ("object", OBJECTS)) if code in table}
    if not found:
        known = ", ".join(sorted({*ROWS, *OBJECTS}))
        raise typer.BadParameter(f"There is no reason {code!r}; there are {known}.", param_hint="REASON")
    if as_json:
        emit({"reason": code, **{kind: asdict(each) for kind, each in found.items()}})
        return
    for kind, each in found.items():
        console().print(f"{code} ({kind}): {each.what}\n  To do: {each.do}.", soft_wrap=True)
