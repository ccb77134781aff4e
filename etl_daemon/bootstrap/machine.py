"""What of this machine a process may use."""

from __future__ import annotations

import os
from pathlib import Path

from etl_daemon.config import Settings
from etl_daemon.core.budget import Budget, divided
from etl_daemon.errors import SetupError


def cores(settings: Settings) -> int:
    """How many cores to use."""
    return min(settings.cpu_limit_cores or _available(), _available())


def parsers(settings: Settings) -> int:
    """How many threads parse beside the one that applies the rules; 0: that one parses too.

    Where all cores may be used, there are as many of them as cores: which thread waits for which comes out by itself.
    """
    count = cores(settings)
    return min(count if count == _available() > 1 else count - 1, budget(settings).parsers)


def budget(settings: Settings) -> Budget:
    """How memory is divided."""
    return divided(settings.memory_limit_mb, cores(settings))


def limit_cores(settings: Settings) -> None:
    """Have Arrow and the object store's client keep to the cores; their threads are not made yet."""
    import pyarrow as pa  # not for commands that read nothing

    count = cores(settings)
    pa.set_cpu_count(count)
    pa.set_io_thread_count(count)
    os.environ["TOKIO_WORKER_THREADS"] = str(count)  # obstore's; it knows no other way


def _available() -> int:
    return len(os.sched_getaffinity(0))


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
