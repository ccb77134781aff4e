"""How findings are printed, line by line as they come, or as one document; and what exit code they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import typer
from rich.text import Text

from etl_daemon.cli.printing import console, emit
from etl_daemon.cli.runbook import place
from etl_daemon.core.findings import Finding, State, failed
from etl_daemon.core.visible import visible
from etl_daemon.errors import EtlError

STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


def deliver(findings: Iterable[Finding], *, as_json: bool, **more: Any) -> None:
    """Print each; ``more`` is for the document. Settings that cannot be had are a finding, too.

    Raises:
        typer.Exit: with 1 where something is wrong, with 78 where the settings are.
    """
    found: list[Finding] = []
    code = 0
    try:
        for finding in findings:
            found.append(finding)
            _show(finding, as_json=as_json)
    except EtlError as error:
        found.append(Finding("settings", State.FAIL, error.detail.strip(), error.hint))
        _show(found[-1], as_json=as_json)
        code, more = error.exit_code, {**more, "runbook": place(error)}
        if not as_json:
            console().print(f"     runbook: {place(error)}", soft_wrap=True)
    code = code or int(failed(found))
    if as_json:
        emit({"ok": code == 0, **more, "checks": [asdict(finding) for finding in found]})
    raise typer.Exit(code)


def _show(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        return
    mark = Text(f"{finding.state:<4}", STYLES[finding.state])
    console().print(mark, Text(visible(f"{finding.name}: {finding.detail}")), soft_wrap=True)
    if finding.hint and finding.state is not State.OK:
        console().print(f"     hint: {visible(finding.hint)}", soft_wrap=True)
