"""What operators type becomes a selection of rows; who they are, and with what they work."""

from __future__ import annotations

import getpass
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime

import typer

from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.cli.options.operate import Filters
from etl_daemon.core.moments import instant
from etl_daemon.core.review import STATES, Selection
from etl_daemon.core.rules import explanations
from etl_daemon.errors import SetupError
from etl_daemon.vault import load_settings


def who() -> str:
    """The login name of who types; under sudo, of who called it."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        return f"uid {os.getuid()}"


@contextmanager
def reviewing(*, needs_source: bool = False) -> Iterator[Runtime]:
    """A runtime to look into the destination with.

    Raises:
        SetupError: there is no file to look into, and looking would make one.
    """
    settings = load_settings(needs_source=needs_source)
    if settings.etl_destination == "duckdb" and not settings.etl_duckdb_path.exists():
        raise SetupError(f"{settings.etl_duckdb_path} does not exist yet.", hint="to make it: etl-daemon init")
    with build(settings) as runtime:
        yield runtime


def moment(text: str, option: str) -> datetime:
    """The instant that an option gives.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return instant(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def span(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Both ends, as far as they are given.

    Raises:
        typer.BadParameter: one is no instant, or they are the wrong way round.
    """
    first, last = (moment(text, option) if text else None for text, option in ((since, "--since"), (until, "--until")))
    if first and last and first >= last:
        raise typer.BadParameter(f"{until} is not after {since}.", param_hint="--until")
    return first, last


def selection(filters: Filters, known: Collection[str], state: str = "open") -> Selection:
    """Which rows the filters mean. ``known`` are the names of the configured datasets.

    Raises:
        typer.BadParameter: a filter can never hold.
    """
    codes = {**explanations.ROWS, **explanations.OBJECTS}
    _one_of(state, STATES, "--state")
    if filters.reason:
        _one_of(filters.reason, codes, "--reason")
    if filters.dataset and not filters.dataset.startswith("api:"):  # the Python interface names datasets of its own
        _one_of(filters.dataset, known, "--dataset")
    since, until = span(filters.since, filters.until)
    ids = tuple(each.lower() for each in filters.ids or ())
    return Selection(filters.dataset, filters.reason, filters.key, since, until, ids, state)


def described(selected: Selection) -> str:
    """The filters in words, for the audit log."""
    given = {field.name: getattr(selected, field.name) for field in fields(selected) if field.name != "state"}
    return ", ".join(f"{name} {_text(value)}" for name, value in given.items() if value) or "all open rows"


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _one_of(name: str, names: Collection[str], option: str) -> None:
    if name not in names:
        raise typer.BadParameter(f"There is no {name!r}; there are {', '.join(names)}.", param_hint=option)
