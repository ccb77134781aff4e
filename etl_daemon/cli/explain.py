"""``etl-daemon explain``: what a reason code means."""

from __future__ import annotations

from dataclasses import asdict

import typer

from etl_daemon.cli.printing import console, emit
from etl_daemon.core.rules.explanations import OBJECTS, ROWS, example


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
        rows = {"row": {"example": example(code)}} if example(code) else {}
        emit({"reason": code, **{kind: asdict(each) | rows.get(kind, {}) for kind, each in found.items()}})
        return
    for kind, each in found.items():
        console().print(f"{code} ({kind}): {each.what}", soft_wrap=True)
        if kind == "row" and example(code):
            console().print(f"  Example: {example(code)}", soft_wrap=True)
        console().print(f"  To do: {each.do}.", soft_wrap=True)
