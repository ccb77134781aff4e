"""``etl-daemon models run`` as a process beside the daemon: what it does to a database file, no thread of ours may."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from threading import Event as Signal
from typing import Any

from etl_daemon.core.events.side import ModelsRan

COMMAND = (sys.executable, "-m", "etl_daemon", "models", "run", "--json", "--no-alerts")
"""Alerts are the daemon's to send."""

LOOK_SECONDS = 0.2

END_SECONDS = 8.0
"""How long it may take to end, and to end the dbt that it has under way; the daemon waits no longer than 10."""


def run_models(stop: Signal, kinds: Iterable[str], command: Sequence[str] = COMMAND) -> list[ModelsRan]:
    """What became of the models, by kind; nothing where it was told to stop. Its log goes where ours goes.

    Where it did not come to any, all ``kinds`` failed: each is well again once it was made.
    """
    try:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
            said = _said(child, stop)
    except OSError as error:
        return _failed(kinds, f"models run cannot be started: {error}.")
    if stop.is_set():
        return []
    try:
        lines = json.loads(said)["models"]
    except (ValueError, LookupError, RecursionError):
        return _failed(kinds, f"models run ended with {child.returncode}.")
    return [_summed(kind, list(those)) for kind, those in groupby(lines, lambda line: str(line["kind"]))]


def _failed(kinds: Iterable[str], detail: str) -> list[ModelsRan]:
    hint = "etl-daemon models run says why, and so does the log"
    return [ModelsRan("", kind, 0, ("run",), 0.0, detail, hint) for kind in kinds]


def _said(child: subprocess.Popen[str], stop: Signal) -> str:
    while True:
        try:
            return child.communicate(timeout=LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            if stop.is_set():
                return _ended(child)


def _ended(child: subprocess.Popen[str]) -> str:
    child.terminate()  # once: a second one would not let it end its dbt in peace
    try:
        return child.communicate(timeout=END_SECONDS)[0]
    except subprocess.TimeoutExpired:
        child.kill()
        return child.communicate()[0]


def _summed(kind: str, lines: list[dict[str, Any]]) -> ModelsRan:
    failed = [line for line in lines if line["error"]]
    said = (failed[0]["error"]["detail"], failed[0]["error"]["hint"]) if failed else ("", "")
    seconds = round(sum(line["seconds"] for line in lines), 3)
    return ModelsRan("", kind, len(lines), tuple(line["model"] for line in failed), seconds, *said)
