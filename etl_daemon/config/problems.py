"""Wording of what is wrong with the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from etl_daemon.config.redact import shown
from etl_daemon.errors import ConfigError

_SAID = {"tuple_type": "should be a list", "dict_type": "should be a table"}
"""Words for what pydantic calls by the names of Python."""


def config_error(problems: Iterable[str], where: str) -> ConfigError:
    """All problems in one error, a line each."""
    lines = list(problems)
    count = "1 setting is wrong" if len(lines) == 1 else f"{len(lines)} settings are wrong"
    return ConfigError("\n  ".join([f"{count}:", *lines]) + "\n", hint=f"correct {where}, then start again.")


def unknown(name: str, known: Iterable[str], origin: str = "") -> str:
    """The line for a name that nothing reads."""
    close = get_close_matches(name, list(known), n=1)
    return f"{name}{origin}: there is no such setting{f'; did you mean {close[0]}?' if close else '.'}"


def wrong_values(
    error: ValidationError, fields: Mapping[str, FieldInfo], origins: Mapping[str, str] | None = None
) -> list[str]:
    """A line for each value that was turned down: setting, value, where it was set, what is allowed."""
    lines = []
    for item in error.errors(include_url=False):
        name = str(item["loc"][0])
        name = name if name in fields else name.upper()
        said = _SAID.get(item["type"], item["msg"].removeprefix("Input ").removeprefix("Value error, "))
        origin = (origins or {}).get(name, "")
        help_line = fields[name].description or ""
        lines.append(f"{name}={shown(name, item['input'])!r}{origin}: {said}. {help_line}".rstrip())
    return lines
