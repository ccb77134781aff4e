"""What a process that loads leaves behind for the monitor and the status page."""

from __future__ import annotations

from collections.abc import Callable

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.history import HistoryObserver
from etl_daemon.adapters.sqlite.tables import HISTORY
from etl_daemon.config import Settings
from etl_daemon.core.events import Event
from etl_daemon.ports import Clock


def history(settings: Settings, word: str, clock: Clock, tell: Callable[[Event], None]) -> HistoryObserver:
    """Keeps what happens from now on until it is closed; ``word`` is what started this process."""
    file = StateFile(settings.etl_state_dir, HISTORY, tell)
    return HistoryObserver(file, settings.etl_daemon_name, word, clock, tell)
