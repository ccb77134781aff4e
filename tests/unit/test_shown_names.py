"""Names of extra columns come from objects, so they are shown as literals."""

from __future__ import annotations

import io

from rich.console import Console

from etl_daemon.cli import finding, outcome
from etl_daemon.daemon import DatasetReport

ODD = ("", "a\0b", "x")
SHOWN = r"columns that no dataset column takes: '', 'a\x00b', 'x'."


def test_validate_shows_odd_names() -> None:
    out = io.StringIO()
    finding.show([finding.Finding("f.csv", extra=ODD)], Console(file=out, width=200))
    assert f"f.csv: {SHOWN}" in out.getvalue()


def test_a_cycle_shows_odd_names() -> None:
    out = io.StringIO()
    report = outcome.document(DatasetReport("p"), outcome.Tally(extra={"p": set(ODD)}))
    outcome.show([report], Console(file=out, width=200))
    assert f"p: {SHOWN}" in out.getvalue()
