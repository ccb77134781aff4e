"""How much room the disks of this machine have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from etl_daemon.core.disk import Space


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
