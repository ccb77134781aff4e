"""One message per error: what failed, where, and what to type next; a traceback only with LOG_LEVEL=DEBUG.

Under systemd the message is a line of the log, so that the journal knows its priority.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from dataclasses import dataclass
from types import TracebackType

from etl_daemon.cli.printing import emit, say
from etl_daemon.cli.runbook import place
from etl_daemon.errors import EtlError


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException
    kind: str
    detail: str
    hint: str
    exit_code: int


def explain(error: EtlError) -> int:
    """Tell of the error; the exit code to end with. With ``--json`` standard output still gets its one document."""
    _tell(_Failure(error, type(error).__name__, error.detail.strip(), error.hint, error.exit_code))
    return error.exit_code


def explain_unexpected(kind: type[BaseException], error: BaseException, _at: TracebackType | None) -> None:
    """What Python calls for an error that nobody expected: a fault of this program, or of the machine."""
    hint = "" if _debugging() else "LOG_LEVEL=DEBUG shows where it happened; please report it"
    _tell(_Failure(error, kind.__name__, str(error), hint, 1))


def explain_thread(ended: threading.ExceptHookArgs) -> None:
    """What Python calls for such an error in a thread; the process goes on."""
    if ended.exc_type is SystemExit:
        return
    name = ended.thread.name if ended.thread else "unknown"
    trace = ended.exc_value if _debugging() else None
    told = (name, ended.exc_type.__name__, ended.exc_value)
    logging.getLogger("etl_daemon").critical("thread %s ended: %s: %s", *told, exc_info=trace)


def _tell(failure: _Failure) -> None:
    from etl_daemon.config import shown

    detail, trace = shown("detail", failure.detail), failure.error if _debugging() else None
    runbook = place(failure.error)
    said = {"kind": failure.kind, "detail": detail, "hint": failure.hint, "runbook": runbook}
    described = {**said, "exit_code": failure.exit_code}
    if "--json" in sys.argv:
        emit({"error": described})
    if _logged({**described, "exc_info": trace}):
        return
    if trace:
        sys.stderr.write(shown("detail", "".join(traceback.format_exception(trace))))
    say(f"Error: {f'{failure.kind}: ' * (not isinstance(failure.error, EtlError))}{detail}", "bold red")
    if failure.hint:
        say(f"Hint: {failure.hint}", "bold")
    say(f"Runbook: {runbook}")


def _logged(fields: dict[str, object]) -> bool:
    """Whether the journal has it."""
    if not (os.environ.get("JOURNAL_STREAM") or logging.getLogger().handlers):
        return False  # nor need what writes lines be imported, which takes longer than most commands
    from etl_daemon.adapters.observers.log import log_failure

    return log_failure(**fields)


def _debugging() -> bool:
    named = os.environ.get("LOG_LEVEL", "").upper() == "DEBUG"
    return named or logging.getLogger("etl_daemon").level == logging.DEBUG
