"""One message per error: what failed, where, and what to type next; a traceback only with LOG_LEVEL=DEBUG."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from types import TracebackType

from etl_daemon.cli.printing import emit, say
from etl_daemon.errors import EtlError


def explain(error: EtlError) -> int:
    """Tell of the error; the exit code to end with. With ``--json`` standard output still gets its one document."""
    detail = error.detail.strip()
    if "--json" in sys.argv:
        described = {"kind": type(error).__name__, "detail": detail, "hint": error.hint, "exit_code": error.exit_code}
        emit({"error": described})
    if _debugging():
        traceback.print_exception(error)
    say(f"Error: {detail}", "bold red")
    if error.hint:
        say(f"Hint: {error.hint}", "bold")
    return error.exit_code


def explain_unexpected(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """What Python calls for an error that nobody expected: a fault of this program, or of the machine."""
    detail = f"{kind.__name__}: {error}"
    if "--json" in sys.argv:
        emit({"error": {"kind": kind.__name__, "detail": str(error), "hint": "", "exit_code": 1}})
    if _debugging():
        traceback.print_exception(kind, error, at)
    say(f"Error: {detail}", "bold red")
    if not _debugging():
        say("Hint: LOG_LEVEL=DEBUG shows where it happened; please report it", "bold")


def _debugging() -> bool:
    named = os.environ.get("LOG_LEVEL", "").upper() == "DEBUG"
    return named or logging.getLogger("etl_daemon").level == logging.DEBUG
