"""Every error names a heading of the runbook that is there."""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

import etl_daemon
from etl_daemon.cli import outcome
from etl_daemon.cli.failures import explain
from etl_daemon.cli.runbook import UNEXPECTED, heading, place
from etl_daemon.daemon import DatasetReport
from etl_daemon.errors import BusyError, EtlError, SetupError

RUNBOOK = Path(__file__).resolve().parents[2] / "docs/runbook.md"
DEFINED = re.compile(r"^class \w+\(.*Error\):", re.MULTILINE)


def kinds(of: type[EtlError]) -> Iterator[type[EtlError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def defined() -> set[str]:
    """The names of all errors of the package, wherever they are."""
    for module in pkgutil.walk_packages(etl_daemon.__path__, "etl_daemon."):
        file = Path(etl_daemon.__file__).parent.parent.joinpath(*module.name.split("."))
        text = (file / "__init__.py" if module.ispkg else file.with_suffix(".py")).read_text("utf-8")
        if DEFINED.search(text):
            importlib.import_module(module.name)
    return {kind.__name__ for kind in kinds(EtlError) if kind.__module__.startswith("etl_daemon.")}


def test_every_error_has_its_heading_and_every_heading_an_error() -> None:
    errors = RUNBOOK.read_text("utf-8").partition("## Errors that a command ends with\n")[2]
    parts = dict(re.findall(r"^### (\w+)\n(.*?)(?=^###|\Z)", errors, re.MULTILINE | re.DOTALL))
    assert len(parts) > 10
    assert set(parts) == defined() | {UNEXPECTED}
    assert [name for name, text in parts.items() if "*Symptom.*" not in text or "*To do.*" not in text] == []


def test_an_error_that_is_none_of_ours_has_a_heading_too() -> None:
    assert (heading(KeyError("odd")), place(KeyError("odd"))) == (UNEXPECTED, "docs/runbook.md#unexpectederror")


def test_a_line_of_a_table_names_them_too() -> None:
    report = outcome.document(DatasetReport("prices", error=SetupError("No table.", hint="make it")), outcome.Tally())
    out = io.StringIO()
    outcome.show([report], Console(file=out, width=200))
    assert "prices: failed: No table. Hint: make it Runbook: docs/runbook.md#setuperror" in out.getvalue()


@pytest.mark.parametrize("words", [["etl-daemon", "once"], ["etl-daemon", "once", "--json"]])
def test_a_message_names_fix_and_heading(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", words)
    monkeypatch.setattr("logging.root.handlers", [])
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert explain(BusyError("The file is open.", hint="close it")) == 75
    out, err = capsys.readouterr()
    assert err.splitlines() == ["Error: The file is open.", "Hint: close it", "Runbook: docs/runbook.md#busyerror"]
    assert out.count('"runbook": "docs/runbook.md#busyerror"') == ("--json" in words)
