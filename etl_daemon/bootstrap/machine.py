"""What of this machine a process may use."""

from __future__ import annotations

import os
from pathlib import Path

from etl_daemon.config import Settings
from etl_daemon.errors import SetupError


def cores(settings: Settings) -> int:
    """How many cores to use."""
    return settings.cpu_limit_cores or len(os.sched_getaffinity(0))


def state_dir(settings: Settings) -> Path:
    """The folder for what a process keeps, which is there from now on.

    Raises:
        SetupError: it cannot be made.
    """
    try:
        settings.etl_state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        detail = f"Cannot make {settings.etl_state_dir}: {error}."
        raise SetupError(detail, hint="set ETL_STATE_DIR to a folder that can be written") from error
    return settings.etl_state_dir
