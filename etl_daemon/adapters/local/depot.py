"""Files that wait for their commit, in a folder that all who work can reach."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl_daemon.adapters.spool import map_file
from etl_daemon.errors import SetupError, TransientError


class LocalDepot:
    """Files below ``root``, which is made when the first one comes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, file: Path) -> None:
        """As the port says."""
        place = self._root / name
        with self._explained():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)

    def fetch(self, name: str) -> memoryview:
        """As the port says."""
        with self._explained():
            return map_file(self._root / name)

    def move(self, name: str, to: str) -> None:
        """As the port says."""
        place = self._root / to
        with self._explained():
            place.parent.mkdir(parents=True, exist_ok=True)
            (self._root / name).replace(place)

    def holds(self, folder: str) -> bool:
        """As the port says."""
        with self._explained():
            return any(path.is_file() for path in (self._root / folder).rglob("*"))

    def clear(self, folder: str) -> None:
        """As the port says."""
        place = self._root / folder
        with self._explained():
            if place.is_dir():
                shutil.rmtree(place)

    def close(self) -> None:
        """Nothing is held open."""

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            hint = f"let this user, and all executors, write below {self._root}"
            raise SetupError(f"No access to {error.filename}.", hint=hint) from error
        except OSError as error:
            raise TransientError(f"The files below {self._root}: {error}.", hint="look at the disk") from error
