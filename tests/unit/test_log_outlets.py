"""Where lines go: to the journal with priorities, to a terminal in colours, to a file that others cannot read."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog

from etl_daemon.adapters.observers.log import LogObserver, configure_logging, log_failure
from etl_daemon.adapters.observers.log.outlets import on_journal
from etl_daemon.cli.failures import explain, explain_thread, explain_unexpected
from etl_daemon.core.events import DatasetFailed, Event, ExtraColumns, Retried
from etl_daemon.errors import ConfigError, SetupError

pytestmark = pytest.mark.usefixtures("logging_as_before")

LINE_BYTES = 48 * 1024
"""What the journal takes as one line (LineMax=)."""

Entry = dict[str, Any]


@contextmanager
def standard_error(stream: TextIO) -> Iterator[None]:
    """The stream in place of standard error; a fixture could not, since pytest sets its own before each call."""
    with stream, pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.stderr", stream)
        yield


@dataclass
class Journal:
    """A file that stands for the journal's socket: the variable names it."""

    path: Path

    @contextmanager
    def reading(self) -> Iterator[None]:
        stream = self.path.open("w", encoding="utf-8", buffering=1)
        status = os.fstat(stream.fileno())
        with standard_error(stream), pytest.MonkeyPatch.context() as patched:
            patched.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
            yield

    def lines(self) -> list[str]:
        return self.path.read_text("utf-8").splitlines()

    def entries(self) -> list[tuple[int, Entry]]:
        """Priority and content of each line."""
        found = [re.fullmatch(r"<([0-7])>(.*)", line) for line in self.lines()]
        assert None not in found, self.lines()
        return [(int(each[1]), json.loads(each[2])) for each in found if each]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def failed() -> DatasetFailed:
    try:
        raising(SetupError("no\nbucket"))()
    except SetupError as error:
        return DatasetFailed("price_data", error)
    raise AssertionError


# ---------------------------------------------------------------- the journal


def test_lines_have_the_priority_of_their_level(journal: Journal) -> None:
    with journal.reading():
        configure_logging("DEBUG")
        log = structlog.stdlib.get_logger("etl_daemon")
        for level in ("debug", "info", "warning", "error", "critical"):
            log.log(logging.getLevelNamesMapping()[level.upper()], level)
    assert [(number, entry["event"], entry["level"]) for number, entry in journal.entries()] == [
        (7, "debug", "debug"),
        (6, "info", "info"),
        (4, "warning", "warning"),
        (3, "error", "error"),
        (2, "critical", "critical"),
    ]


def test_lines_of_libraries_and_warnings_have_it_too(journal: Journal) -> None:
    with journal.reading():
        configure_logging()
        logging.getLogger("urllib3.connectionpool").warning(
            "Connection pool is full, discarding: %s", "https://u:pw@host"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old\nways", stacklevel=1)
    (first, library), (second, warning) = journal.entries()
    assert (first, library["logger"]) == (4, "urllib3.connectionpool")
    assert library["event"] == "Connection pool is full, discarding: https://********@host"
    assert (second, warning["logger"], "UserWarning: old\nways" in warning["event"]) == (4, "py.warnings", True)


@pytest.mark.parametrize("form", ["json", "logfmt", "console"])
def test_a_traceback_is_one_line(journal: Journal, form: str) -> None:
    with journal.reading():
        configure_logging("DEBUG", form)
        LogObserver().notice(failed())
    (line,) = journal.lines()
    assert line.startswith("<3>")
    assert "Traceback" in line
    assert "SetupError: no" in line


def test_a_line_is_never_longer_than_the_journal_takes(journal: Journal) -> None:
    with journal.reading():
        configure_logging()
        observer = LogObserver()
        observer.notice(ExtraColumns("p", "b1", tuple(f"column {number}" for number in range(50_000))))
        observer.notice(Retried("", "s3", 1, "\x01" * 100_000 + "the end"))
    (columns, retried) = journal.lines()
    assert max(len(line.encode()) for line in (columns, retried)) < LINE_BYTES
    (_, first), (_, second) = journal.entries()
    assert first["batch_id"] == "b1"
    assert "column 49999" in first["columns"]
    assert second["detail"].endswith("the end")


def test_what_ends_the_process_is_a_line(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["etl-daemon", "run"])
    error = ConfigError("2 settings are wrong:\n  A\n  B\n", hint="correct them")
    with journal.reading():
        assert explain(error) == 78
        explain_unexpected(KeyError, KeyError("odd"), None)
    told = [(number, entry["event"], entry["kind"], entry["detail"]) for number, entry in journal.entries()]
    assert told == [
        (2, "failed", "ConfigError", "2 settings are wrong:\n  A\n  B"),
        (2, "failed", "KeyError", "'odd'"),
    ]
    first = journal.entries()[0][1]
    assert (first["hint"], first["exit_code"]) == ("correct them", 78)
    assert "exception" not in first


def test_what_ends_a_thread_is_a_line(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.excepthook", explain_thread)
    with journal.reading():
        configure_logging()
        for what in (KeyError("odd"), SystemExit()):
            thread = threading.Thread(target=raising(what), name="lease")
            thread.start()
            thread.join()
    ((number, entry),) = journal.entries()
    assert (number, entry["event"]) == (2, "thread lease ended: KeyError: 'odd'")


def raising(what: BaseException) -> Callable[[], None]:
    def target() -> None:
        raise what

    return target


def test_no_file_gets_priorities(journal: Journal, tmp_path: Path) -> None:
    file = tmp_path / "etl.log"
    with journal.reading():
        configure_logging(file=file)
        LogObserver().notice(Retried("", "s3", 1, "503"))
        assert json.loads(file.read_text())["detail"] == "503"
        assert journal.lines() == []
        assert log_failure(kind="BusyError", detail="held"), "the journal has it as well"
    assert json.loads(file.read_text().splitlines()[1])["detail"] == "held"
    assert journal.entries()[0][1]["detail"] == "held"


def test_the_variable_alone_makes_no_journal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "elsewhere").open("w") as elsewhere:
        status = os.fstat(elsewhere.fileno())
        same, other = (f"{status.st_dev}:{status.st_ino + more}" for more in (0, 1))
        assert on_journal(elsewhere, {"JOURNAL_STREAM": same})
        assert not on_journal(elsewhere, {"JOURNAL_STREAM": other})
        assert not on_journal(elsewhere, {})
    assert not on_journal(elsewhere, {"JOURNAL_STREAM": same}), "a closed stream"


# ---------------------------------------------------------------- a terminal


def on_terminal(form: str | None, event: Event) -> str:
    ours, theirs = os.openpty()
    with standard_error(os.fdopen(theirs, "w", buffering=1)):
        configure_logging(form=form)
        LogObserver().notice(event)
        written = os.read(ours, 65_536).decode()
    os.close(ours)
    return written


def test_a_terminal_gets_words_in_colour_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    event = Retried("", "s3", 1, "503")
    assert "\x1b[" in on_terminal(None, event)
    assert json.loads(on_terminal("json", event))["detail"] == "503"
    monkeypatch.setenv("NO_COLOR", "1")
    plain = on_terminal(None, event)
    assert "retried" in plain
    assert "\x1b" not in plain


@pytest.mark.parametrize("form", ["console", "logfmt"])
def test_what_comes_from_elsewhere_does_not_steer_a_terminal(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    written = on_terminal(form, Retried("", "s3", 1, "key\x1b]0;owned\x07 \r\x9b"))
    assert "owned" in written
    assert not re.search(r"[\x1b\x07\x9b]|\r(?!\n)", written)


# ---------------------------------------------------------------- a file


def test_a_log_file_takes_the_lines_and_may_be_moved_away(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "etl.log"
    before = os.umask(0)
    try:
        configure_logging(file=file)
        LogObserver().notice(Retried("", "s3", 1, "first"))
        file.rename(tmp_path / "etl.log.1")
        LogObserver().notice(Retried("", "s3", 2, "second"))
    finally:
        os.umask(before)
    assert capfd.readouterr() == ("", "")
    assert json.loads((tmp_path / "etl.log.1").read_text())["detail"] == "first"
    assert json.loads(file.read_text())["detail"] == "second"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


def test_lines_that_the_file_does_not_take_go_to_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "logs" / "etl.log"
    file.parent.mkdir()
    configure_logging(file=file)
    file.parent.rename(tmp_path / "away")
    for attempt in (1, 2):
        LogObserver().notice(Retried("", "s3", attempt, "503"))
    (why, *lines) = map(json.loads, capfd.readouterr().err.splitlines())
    assert (why["level"], "etl.log" in why["event"]) == ("error", True)
    assert [line["attempt"] for line in lines] == [1, 2]
    (tmp_path / "away").rename(file.parent)
    LogObserver().notice(Retried("", "s3", 3, "503"))
    assert json.loads(file.read_text())["attempt"] == 3
    assert capfd.readouterr().err == ""


def test_a_key_that_is_no_text_is_logged(tmp_path: Path) -> None:
    configure_logging(file=tmp_path / "etl.log")
    LogObserver().notice(Retried("", "s3", 1, "a\udcff.csv"))
    assert json.loads((tmp_path / "etl.log").read_text())["detail"] == "a\udcff.csv"


def test_a_log_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"missing/etl.log.*LOG_FILE"):
        configure_logging(file=tmp_path / "missing" / "etl.log")
