"""The command line: words become calls, results become text or JSON, errors one message and an exit code."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Sequence

KEPT_OBJECTS = 10_000
"""Objects made and kept between two looks for garbage. Imports make many and leave none behind."""


def main(words: Sequence[str] | None = None) -> None:
    """Run the word that the arguments name, those of the process unless others are given; raises SystemExit."""
    gc.set_threshold(KEPT_OBJECTS)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy would start threads for linear algebra: there is none
    from typer.main import get_command

    from etl_daemon.adapters.local.privacy import keep_private
    from etl_daemon.cli.app import app
    from etl_daemon.cli.completion import PROGRAM, answer_shells
    from etl_daemon.cli.failures import explain, explain_thread, explain_unexpected
    from etl_daemon.errors import EtlError

    keep_private()
    sys.excepthook = explain_unexpected
    threading.excepthook = explain_thread
    answer_shells()
    try:
        get_command(app)(words, PROGRAM)  # calling the app itself would put typer's excepthook in place of ours
    except EtlError as error:
        sys.exit(explain(error))
