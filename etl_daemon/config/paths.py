"""Whether a path that somebody wrote leads to something; one that nobody can follow leads to nothing.

``Path.is_file`` raises where a name is too long, or a folder on the way may not be entered.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether a file is there, as far as can be seen."""
    with suppress(OSError):
        return path.is_file()
    return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there, as far as can be seen."""
    with suppress(OSError):
        return path.is_dir()
    return False
