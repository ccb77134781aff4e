"""The folders that this machine keeps things in, and how much room their disks have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from etl_daemon.config import Settings
from etl_daemon.core.monitor.disk import Space


def kept(settings: Settings) -> dict[str, Path]:
    """The folders that are written to, by what for."""
    logs = settings.log_file.parent if settings.log_file else _logs_directory()
    database = settings.etl_duckdb_path.parent if settings.etl_destination == "duckdb" else None
    named = {"state": settings.etl_state_dir, "logs": logs, "the database": database}
    return {purpose: folder for purpose, folder in named.items() if folder}


def unwritable(folder: Path) -> bool:
    """Whether this user can neither write there nor make it."""
    return not os.access(_existing(folder), os.W_OK | os.X_OK)


def _logs_directory() -> Path | None:
    """As systemd names it to units with ``LogsDirectory``; the command of the deployed service does so too."""
    name = os.environ.get("LOGS_DIRECTORY", "").partition(":")[0]
    return Path(name) if name else None


def spaces(folders: Mapping[str, Path]) -> tuple[Space, ...]:
    """Each file system once, for all that is kept on it; a folder that is not there yet counts for the one above."""
    found: dict[Path, list[str]] = {}
    for purpose, folder in folders.items():
        found.setdefault(_mount(_existing(folder)), []).append(purpose)
    return tuple(_space(mount, purposes) for mount, purposes in found.items())


def _mount(folder: Path) -> Path:
    """The top of its file system."""
    device = folder.stat().st_dev
    return [each for each in (folder, *folder.parents) if each.stat().st_dev == device][-1]


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there and can be seen."""
    resolved = folder.resolve()
    return next(each for each in (resolved, *resolved.parents) if _seen(each))


def _seen(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except PermissionError:
        return False


def _space(mount: Path, purposes: list[str]) -> Space:
    sizes = os.statvfs(mount)
    return Space(str(mount), tuple(purposes), sizes.f_bavail * sizes.f_frsize, sizes.f_blocks * sizes.f_frsize)
