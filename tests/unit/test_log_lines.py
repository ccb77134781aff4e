"""Every event is one line, with its fields, at its level, on standard error or in a file, and without secrets."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from etl_daemon.adapters.observers.log import LogObserver, configure_logging, log_settings
from etl_daemon.adapters.observers.log.lines import LINES
from etl_daemon.config import settings_from
from etl_daemon.core import events
from etl_daemon.core.events import (
    BatchCommitted,
    CyclePlanned,
    DatasetFailed,
    Event,
    ExtraColumns,
    ObjectDeferred,
    ObjectRefused,
    RejectShareHigh,
    Retried,
)
from etl_daemon.core.events import side as side_events
from etl_daemon.core.model import Counts, Deferral, ObjectReceipt, ObjectRef, Outcome, Receipt
from etl_daemon.errors import SetupError

AT = datetime(2025, 6, 30, 14, 5, tzinfo=UTC)
REF = ObjectRef(AT, "processed/price_data/é.csv", "v1", "market-data", "etag", 10)
RECEIPT = Receipt(
    "0123456789abcdef0123",
    "price_data",
    (
        ObjectReceipt(REF, Outcome.LOADED, "", Counts(10, 7, 2, 1)),
        ObjectReceipt(REF, Outcome.REFUSED, "undecodable"),
    ),
    (Deferral(REF, "gone"),),
    {"price_range": 2},
    {"high": 1},
    replaced=3,
    watermark=AT,
)


pytestmark = pytest.mark.usefixtures("logging_as_before")


@dataclass
class Log:
    capture: pytest.CaptureFixture[str]

    def lines(self, *events: Event, level: str = "INFO", form: str = "json") -> list[str]:
        configure_logging(level, form)
        observer = LogObserver()
        for event in events:
            observer.notice(event)
        written = self.capture.readouterr()
        assert written.out == "", "standard output belongs to the commands"
        return written.err.splitlines()

    def line(self, event: Event, level: str = "INFO") -> dict[str, Any]:
        (line,) = self.lines(event, level=level)
        entry: dict[str, Any] = json.loads(line)
        assert datetime.fromisoformat(entry.pop("timestamp")).tzinfo is not None
        return entry


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys)


def test_a_commit_tells_what_became_of_every_row(log: Log) -> None:
    assert log.line(BatchCommitted("price_data", RECEIPT, 0.5)) == {
        "level": "info",
        "event": "batch_committed",
        "dataset": "price_data",
        "batch_id": "0123456789abcdef0123",
        "objects": 1,
        "refused": 1,
        "rows_read": 10,
        "rows_loaded": 7,
        "rows_quarantined": 2,
        "rows_superseded": 1,
        "rows_replaced": 3,
        "deferred": 1,
        "reasons": {"price_range": 2},
        "anomalies": {"high": 1},
        "seconds": 0.5,
        "rows_per_second": 20,
        "watermark": "2025-06-30T14:05:00+00:00",
    }


OBJECT = {"bucket": "market-data", "key": "processed/price_data/é.csv", "version": "v1"}


@pytest.mark.parametrize(
    ("event", "level", "name", "fields"),
    [
        (
            ObjectRefused("p", REF, "undecodable", "cut"),
            "warning",
            "object_refused",
            {**OBJECT, "reason": "undecodable"},
        ),
        (ObjectDeferred("p", REF, "timeout"), "warning", "object_deferred", {**OBJECT, "detail": "timeout"}),
        (RejectShareHigh("p", REF, 0.25), "warning", "reject_share_high", {**OBJECT, "share": 0.25}),
        (Retried("", "s3", 2, "503"), "warning", "retried", {"dependency": "s3", "attempt": 2, "detail": "503"}),
        (CyclePlanned("p", 3, 30, 1, AT, True), "info", "cycle_planned", {"pending": 3, "ignored": 1, "swept": True}),
        (
            ExtraColumns("p", "b1", ("Adj Close",)),
            "info",
            "extra_columns",
            {"columns": ["Adj Close"], "batch_id": "b1"},
        ),
        (
            DatasetFailed("p", SetupError("no bucket", hint="make it")),
            "error",
            "dataset_failed",
            {"kind": "SetupError", "detail": "no bucket", "hint": "make it"},
        ),
        (DatasetFailed("p", ValueError("odd")), "error", "dataset_failed", {"kind": "ValueError", "detail": "odd"}),
    ],
)
def test_each_event_has_its_level_and_fields(
    log: Log, event: Event, level: str, name: str, fields: dict[str, Any]
) -> None:
    entry = log.line(event)
    assert (entry["level"], entry["event"], entry.get("dataset", "")) == (level, name, event.dataset)
    assert {key: entry[key] for key in fields} == fields


def test_idle_cycles_are_told_at_debug_only(log: Log) -> None:
    idle = CyclePlanned("p", 0, 0, 5, None, False)
    assert log.lines(idle) == []
    assert log.line(idle, level="DEBUG")["level"] == "debug"


def test_a_level_hides_what_is_below(log: Log) -> None:
    assert log.lines(BatchCommitted("p", RECEIPT, 1.0), level="WARNING") == []


def test_tracebacks_come_at_debug_only_and_without_local_variables(log: Log) -> None:
    def connect(password: str) -> None:
        raise SetupError("no bucket" if password else "")

    def fail() -> DatasetFailed:
        try:
            connect("hunter" + "2")
        except SetupError as error:
            return DatasetFailed("p", error)
        raise AssertionError

    assert "exception" not in log.line(fail())
    assert "Traceback" in log.line(fail(), level="DEBUG")["exception"]
    console = "\n".join(log.lines(fail(), level="DEBUG", form="console"))
    assert "Traceback" in console
    assert "hunter2" not in console


def test_logfmt_is_one_line_of_pairs(log: Log) -> None:
    event = ObjectRefused("p", REF, "undecodable", 'a "quoted" word\nand a line')
    (line,) = log.lines(event, form="logfmt")
    assert " level=warning event=object_refused dataset=p " in line
    assert r'detail="a \"quoted\" word\nand a line"' in line


def test_console_lines_have_no_colour_away_from_a_terminal(log: Log) -> None:
    (line,) = log.lines(Retried("", "s3", 1, "503"), form="console")
    assert "retried" in line
    assert "\x1b" not in line


def test_secrets_are_starred(log: Log) -> None:
    (line,) = log.lines(Retried("", "s3", 1, "https://user:hunter2@proxy:3128 refused"))
    assert "hunter2" not in line
    assert "https://********@proxy:3128 refused" in line


def test_settings_are_one_line(log: Log) -> None:
    configure_logging()
    log_settings(settings_from({"S3_BUCKET": "market-data"}).redacted())
    (line,) = log.capture.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["S3_BUCKET"]) == ("settings", "info", "market-data")


def test_libraries_are_heard_from_warning_on_even_at_debug(log: Log) -> None:
    configure_logging("DEBUG")
    logging.getLogger("botocore.auth").debug("Signature: secret")
    logging.getLogger("botocore.auth").warning("clock is %s", "skewed")
    (line,) = log.capture.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "clock is skewed"


def test_every_event_of_the_daemon_has_a_line_of_its_own():
    """Told as it is, an event would bring all its values along, whole plans among them."""
    there = {each for module in (events, side_events) for each in vars(module).values() if isinstance(each, type)}
    assert {each.__name__ for each in there if issubclass(each, Event)} - {each.__name__ for each in LINES} == {"Event"}


@pytest.mark.parametrize("form", ["json", "logfmt", "console"])
def test_names_forge_no_lines_and_steer_no_terminal(log: Log, form: str) -> None:
    forged = 'a\n{"level": "critical", "event": "forged"}\r\x1b[2J\x9b2J\u2028\x00\x7f'
    ref = ObjectRef(AT, forged, "v1", "b", "", 1)
    log.lines(form=form)
    configure_logging("INFO", form)
    LogObserver().notice(ObjectRefused(forged, ref, forged, forged))
    written = log.capture.readouterr().err
    assert written.count("\n") == 1
    assert written.endswith("\n")
    assert [sign for sign in "\r\x1b\x9b\x00\x7f" if sign in written] == []
