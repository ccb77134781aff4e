"""The lines of this process: where they go, in which form, from which level on."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from etl_daemon.adapters.observers.log.forms import AHEAD, formatter
from etl_daemon.adapters.observers.log.lines import NAME
from etl_daemon.adapters.observers.log.outlets import LogFile, Prioritized, on_journal
from etl_daemon.errors import SetupError


def configure_logging(level: str = "INFO", form: str | None = None, file: Path | None = None) -> None:
    """Set up the lines of this process, those of libraries from WARNING on and of Python's warnings included.

    ``form`` is json, logfmt or console; None: console on a terminal, else json.

    Raises:
        SetupError: the file cannot be written.
    """
    outlet = _standard_error(form)
    if file is not None:
        outlet = _in_file(file, form or "json", outlet)
    root = logging.getLogger()
    for other in root.handlers[:]:
        root.removeHandler(other)
        other.close()
    root.addHandler(outlet)
    # at DEBUG libraries write requests out, signatures and all
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    logging.getLogger(NAME).setLevel(level)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*AHEAD, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def log_settings(settings: Mapping[str, str]) -> None:
    """One line with all settings; ``settings`` is what ``Settings.redacted`` gives."""
    structlog.stdlib.get_logger(NAME).info("settings", **settings)


def log_failure(**fields: Any) -> bool:
    """Log what ends this process, where it logs to a file or the journal reads standard error.

    Returns:
        Whether the journal has it: there is nobody else to tell then.
    """
    log, journal = structlog.stdlib.get_logger(NAME), on_journal(sys.stderr)
    if any(isinstance(outlet, LogFile) for outlet in logging.getLogger().handlers):
        log.critical("failed", **fields)
    if journal:
        configure_logging()
        log.critical("failed", **fields)
    return journal


class _StandardError(logging.StreamHandler[TextIO]):
    """Follows ``sys.stderr``: while a bar is drawn there, lines have to come above it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _standard_error(form: str | None) -> logging.Handler:
    outlet = _StandardError()
    journal, terminal = on_journal(sys.stderr), sys.stderr.isatty()
    lines = formatter(
        form or ("console" if terminal else "json"),
        colours=terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in {"dumb", "unknown"},
        bounded=journal,
    )
    outlet.setFormatter(Prioritized(lines) if journal else lines)
    return outlet


def _in_file(file: Path, form: str, instead: logging.Handler) -> logging.Handler:
    try:
        outlet = LogFile(file, instead)
    except OSError as error:
        hint = "correct LOG_FILE, or let this user write there"
        raise SetupError(f"Cannot write the log {file}: {error}.", hint=hint) from error
    outlet.setFormatter(formatter(form))
    return outlet
