"""Events as log lines, one each, on standard error or in a file: standard output belongs to the commands."""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import structlog

from etl_daemon.config import shown
from etl_daemon.core.events import (
    BatchAbandoned,
    BatchCommitted,
    Checked,
    CycleEnded,
    CyclePlanned,
    DatasetFailed,
    DatasetPaused,
    DatasetSettled,
    Event,
    ExtraColumns,
    HistoryUnwritten,
    LeaseAwaited,
    LeaseLost,
    LeaseReleased,
    LeaseRenewed,
    LeaseTaken,
    LoopTurned,
    ObjectDeferred,
    ObjectRefused,
    RejectShareHigh,
    Retried,
    RowsFiltered,
    SettingDiscouraged,
    StageEnded,
    StateRebuilt,
)
from etl_daemon.core.model import ObjectRef, Outcome
from etl_daemon.errors import EtlError, SetupError

NAME = "etl_daemon"
Fields = dict[str, Any]


class LogObserver:
    """Writes a line per event; set up the lines with ``configure_logging`` first."""

    def __init__(self) -> None:
        self._logger = structlog.stdlib.get_logger(NAME)

    def notice(self, event: Event) -> None:
        """Write the event's line."""
        name, level, describe = LINES.get(type(event), (type(event).__name__, logging.INFO, _plain))
        if isinstance(event, CyclePlanned) and not event.pending:
            level = logging.DEBUG  # most cycles of most days
        if isinstance(event, Checked):
            level = GRAVITY[event.state]
        if not self._logger.isEnabledFor(level):
            return
        trace = _trace(event) if self._logger.isEnabledFor(logging.DEBUG) else {}
        self._logger.log(level, name, **{**_dataset(event), **describe(event), **trace})


def _dataset(event: Event) -> Fields:
    return {"dataset": event.dataset} if event.dataset else {}


def _plain(event: Event) -> Fields:
    """The event's own fields; an object as its key, a moment as text."""
    given: Fields = {}
    for each in fields(event):
        value = getattr(event, each.name)
        if isinstance(value, ObjectRef):
            given |= {"bucket": value.bucket, "key": value.key, "version": value.version}
        elif value is not None and each.name != "dataset":
            given[each.name] = value.isoformat() if isinstance(value, datetime) else value
    return given


def _committed(event: BatchCommitted) -> Fields:
    receipt, counts = event.receipt, event.receipt.counts
    outcomes = Counter(line.outcome for line in receipt.objects)
    optional = {
        "superseded": outcomes[Outcome.SUPERSEDED],
        "rows_filtered": counts.filtered,
        "rows_replaced": receipt.replaced,
        "deferred": len(receipt.deferrals),
        "reasons": dict(receipt.reasons),
        "anomalies": dict(receipt.anomalies),
        "watermark": receipt.watermark.isoformat() if receipt.watermark else "",
    }
    return {
        "batch_id": receipt.batch_id,
        "objects": outcomes[Outcome.LOADED],
        "refused": outcomes[Outcome.REFUSED],
        "rows_read": counts.read,
        "rows_loaded": counts.loaded,
        "rows_quarantined": counts.quarantined,
        "rows_superseded": counts.superseded,
        "seconds": round(event.seconds, 3),
        "rows_per_second": round(counts.read / event.seconds) if event.seconds else 0,
        **{name: value for name, value in optional.items() if value},
    }


def _failed(event: DatasetFailed) -> Fields:
    error = event.error
    hint = {"hint": error.hint} if isinstance(error, EtlError) and error.hint else {}
    return {"kind": type(error).__name__, "detail": error.detail if isinstance(error, EtlError) else str(error), **hint}


def _trace(event: Event) -> Fields:
    return {"exc_info": event.error} if isinstance(event, DatasetFailed) else {}


GRAVITY = {"ok": logging.DEBUG, "warn": logging.WARNING, "fail": logging.ERROR}
"""How grave a check's line is, by what it found."""

LINES: Mapping[type[Event], tuple[str, int, Callable[[Any], Fields]]] = {
    CyclePlanned: ("cycle_planned", logging.INFO, _plain),
    StageEnded: ("stage_ended", logging.DEBUG, _plain),
    DatasetSettled: ("dataset_settled", logging.DEBUG, _plain),
    CycleEnded: ("cycle_ended", logging.DEBUG, _plain),
    LoopTurned: ("loop_turned", logging.DEBUG, _plain),
    BatchCommitted: ("batch_committed", logging.INFO, _committed),
    ExtraColumns: ("extra_columns", logging.INFO, _plain),
    RowsFiltered: ("rows_filtered", logging.WARNING, _plain),
    ObjectRefused: ("object_refused", logging.WARNING, _plain),
    ObjectDeferred: ("object_deferred", logging.WARNING, _plain),
    RejectShareHigh: ("reject_share_high", logging.WARNING, _plain),
    Retried: ("retried", logging.WARNING, _plain),
    SettingDiscouraged: ("setting_discouraged", logging.WARNING, _plain),
    StateRebuilt: ("state_rebuilt", logging.WARNING, _plain),
    HistoryUnwritten: ("history_unwritten", logging.WARNING, _plain),
    Checked: ("checked", logging.INFO, _plain),
    DatasetFailed: ("dataset_failed", logging.ERROR, _failed),
    DatasetPaused: ("dataset_paused", logging.WARNING, _plain),
    BatchAbandoned: ("batch_abandoned", logging.WARNING, _plain),
    LeaseAwaited: ("lease_awaited", logging.INFO, _plain),
    LeaseTaken: ("lease_taken", logging.INFO, _plain),
    LeaseRenewed: ("lease_renewed", logging.INFO, _plain),
    LeaseReleased: ("lease_released", logging.INFO, _plain),
    LeaseLost: ("lease_lost", logging.WARNING, _plain),
}
"""How an event is called in the log, how grave it is, and what it says; other events are told as they are."""


def configure_logging(level: str = "INFO", form: str = "json", file: Path | None = None) -> None:
    """Set up the lines of this process; ``form`` is json, logfmt or console. Lines of libraries begin at WARNING.

    Raises:
        SetupError: the file cannot be written.
    """
    handler = _handler(file)
    colours = form == "console" and file is None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    ahead: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _starred,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=ahead,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(form, colours=colours)],
        )
    )
    root = logging.getLogger()
    for other in root.handlers[:]:
        root.removeHandler(other)
        other.close()
    root.addHandler(handler)
    # at DEBUG libraries write requests out, signatures and all
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    logging.getLogger(NAME).setLevel(level)
    structlog.configure(
        processors=[*ahead, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def log_settings(settings: Mapping[str, str]) -> None:
    """One line with all settings; ``settings`` is what ``Settings.redacted`` gives."""
    structlog.stdlib.get_logger(NAME).info("settings", **settings)


def _handler(file: Path | None) -> logging.Handler:
    if file is None:
        return logging.StreamHandler(sys.stderr)
    try:
        return WatchedFileHandler(file, encoding="utf-8")  # logrotate may move the file away
    except OSError as error:
        raise SetupError(
            f"Cannot write the log {file}: {error}.", hint="correct LOG_FILE, or make its folder"
        ) from error


def _rendering(form: str, *, colours: bool) -> list[structlog.typing.Processor]:
    if form == "console":  # a plain traceback: the pretty one shows local variables, secrets among them
        return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)]
    written: structlog.typing.Processor
    if form == "logfmt":
        written = structlog.processors.LogfmtRenderer(bool_as_flag=False)
    else:
        written = structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    return [structlog.processors.format_exc_info, _starred, written]


def _starred(_logger: Any, _method: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """When, how grave and what first; stars for what a name or a URL gives away as secret."""
    first = {name: entry[name] for name in ("timestamp", "level", "event") if name in entry}
    starred = {name: shown(name, value) if isinstance(value, str) else value for name, value in entry.items()}
    return {**first, **starred}
