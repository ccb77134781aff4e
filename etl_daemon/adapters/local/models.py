"""``etl-daemon models run`` as a process beside the daemon: what it does to a database file, no thread of ours may."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import groupby
from threading import Event as Signal
from typing import Any

from etl_daemon.core.side_events import ModelsRan

COMMAND = (sys.executable, "-m", "etl_daemon", "models", "run", "--json", "--no-alerts")
"""Alerts are the daemon's to send."""

WHOLE = "models"
"""Stands for all kinds where it did not come to any."""

LOOK_SECONDS = 0.2


def run_models(stop: Signal, command: Sequence[str] = COMMAND) -> list[ModelsRan]:
    """What became of the models, by kind; nothing where it was told to stop. Its log goes where ours goes."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
        said = _said(child, stop)
    if stop.is_set():
        return []
    try:
        lines = json.loads(said)["models"]
    except (ValueError, LookupError):
        hint = "etl-daemon models run says why, and so does the log"
        return [ModelsRan("", WHOLE, 0, ("run",), 0.0, f"models run ended with {child.returncode}.", hint)]
    return [_summed(kind, list(those)) for kind, those in groupby(lines, lambda line: str(line["kind"]))]


def _said(child: subprocess.Popen[str], stop: Signal) -> str:
    while True:
        try:
            return child.communicate(timeout=LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            if stop.is_set():
                child.terminate()


def _summed(kind: str, lines: list[dict[str, Any]]) -> ModelsRan:
    failed = [line for line in lines if line["error"]]
    said = (failed[0]["error"]["detail"], failed[0]["error"]["hint"]) if failed else ("", "")
    seconds = round(sum(line["seconds"] for line in lines), 3)
    return ModelsRan("", kind, len(lines), tuple(line["model"] for line in failed), seconds, *said)
