"""What lines look like, and what is in none of them: secrets."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.contextvars import merge_contextvars
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from etl_daemon.config import shown
from etl_daemon.core.visible import visible

FIRST = ("timestamp", "level", "event", "cycle_id", "batch_id", "dataset")

LINE_BYTES = 48 * 1024 - 64
"""The journal breaks longer lines, and what is broken off has no priority and is no JSON. A priority goes before."""

_STEERING = re.compile("[\x7f-\x9f\u2028\u2029]")

SURELY_SHORT, LONG_VALUE = LINE_BYTES // 6, 3_000
"""Characters. None takes more than six bytes, however it is written."""


def formatter(form: str, *, colours: bool = False, bounded: bool = False) -> logging.Formatter:
    """Lines of ours and of libraries as json, logfmt or console; ``bounded``: none is longer than the journal takes."""
    ended: list[Processor] = [ProcessorFormatter.remove_processors_meta, structlog.processors.format_exc_info, _starred]
    bounds: list[Processor] = [_bounded] if bounded else []
    return ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *AHEAD],
        processors=[*ended, *bounds, *_rendering(form, colours=colours)],
    )


def _rendering(form: str, *, colours: bool) -> list[Processor]:
    if form == "console":  # a plain traceback: the pretty one shows local variables, secrets among them
        plain = structlog.dev.plain_traceback
        return [_visible, structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)]
    if form == "logfmt":
        return [_visible, structlog.processors.LogfmtRenderer(bool_as_flag=False)]
    return [structlog.processors.JSONRenderer(serializer=_json)]


def _json(entry: EventDict, **how: Any) -> str:
    """JSON leaves some signs as they are that steer terminals, or end lines for some readers: they are written out."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(entry, ensure_ascii=False, **how))


def _starred(_logger: Any, _method: str, entry: EventDict) -> EventDict:
    """When, how grave, what and whose first; stars for what a name or a URL gives away as secret."""
    first = {name: entry[name] for name in FIRST if name in entry}
    return {name: _value(name, value) for name, value in {**first, **entry}.items()}


def _value(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _value(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_value(name, each) for each in value]
    return shown(name, value)


def _visible(_logger: Any, _method: str, entry: EventDict) -> EventDict:
    return {name: visible(value) if isinstance(value, str) else value for name, value in entry.items()}


def _bounded(_logger: Any, _method: str, entry: EventDict) -> EventDict:
    """Of a line that is too long, the beginning and the end of its longest values."""
    if len(str(entry)) <= SURELY_SHORT or len(json.dumps(entry)) <= LINE_BYTES:
        return entry
    texts = {name: str(value) for name, value in entry.items()}
    half = LONG_VALUE // 2
    cut = {name: f"{text[:half]} ... {text[-half:]}" for name, text in texts.items() if len(text) > LONG_VALUE}
    return {**entry, **cut}


AHEAD: list[Processor] = [
    merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
"""What a line gets where it is written."""
