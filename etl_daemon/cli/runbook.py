"""Where the runbook says what to do about an error: it has a heading for each class of them."""

from __future__ import annotations

from typing import Any

from etl_daemon.errors import EtlError

UNEXPECTED = "UnexpectedError"
"""The heading for errors that are none of ours."""


def heading(error: BaseException) -> str:
    """The heading, which is the name of the error's class."""
    return type(error).__name__ if isinstance(error, EtlError) else UNEXPECTED


def place(error: BaseException) -> str:
    """The document, and the heading in it."""
    return f"docs/runbook.md#{heading(error).lower()}"


def described(error: EtlError) -> dict[str, Any]:
    """An error as documents have it."""
    return {"kind": type(error).__name__, "detail": error.detail, "hint": error.hint, "runbook": place(error)}


def told(error: dict[str, Any]) -> str:
    """A described error as a line has it."""
    return f"{error['detail']} Hint: {error['hint'] or 'try again'} Runbook: {error['runbook']}"
