"""Objects put into a folder that stands for a bucket."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from etl_daemon.adapters.local.source import reference
from etl_daemon.adapters.local.walk import UNFINISHED, path_of, within
from etl_daemon.core.model import ObjectRef
from etl_daemon.errors import SetupError, TransientError
from etl_daemon.ports import Sent, unheard

_CHUNK_BYTES = 8 * 2**20
_FOLDERS, _FILES = 0o2775, 0o644
"""What of the root's permissions those have that are made below it: nobody may write who is not its owner or group."""


class LocalStore:
    """Files below ``root``. A copy is made beside its place, under a name that listings leave out, and then moved.

    Whoever may read the root may read what is put there, whatever the umask of this process is.
    """

    def __init__(self, root: Path, bucket: str = "") -> None:
        self._root = root
        self._bucket = bucket

    def find(self, key: str) -> ObjectRef | None:
        """As the port says."""
        with _explained(key):
            path = path_of(os.path.realpath(self._root), key)
            return reference(self._bucket, key, Path(path).stat()) if path else None

    def put(self, key: str, file: Path, *, replace: bool = False, sent: Sent = unheard) -> bool:
        """As the port says."""
        place = self._place(key)
        with _explained(key):
            allowed = _folder_for(place, Path(os.path.realpath(self._root)))
            handle, name = tempfile.mkstemp(UNFINISHED[0], ".", place.parent)
            try:
                os.fchmod(handle, allowed & _FILES | stat.S_IRUSR | stat.S_IWUSR)
                _copy(file, handle, sent)
                return _moved(Path(name), place, replace=replace)
            finally:
                with suppress(FileNotFoundError):
                    Path(name).unlink()

    def close(self) -> None:
        """Nothing is held open."""

    def _place(self, key: str) -> Path:
        root = os.path.realpath(self._root)
        place = os.path.realpath(f"{root}/{key}")
        parts = key.split("/")
        fit = all(parts) and not any(part.startswith(".") for part in parts) and not key.endswith(UNFINISHED)
        if not fit or place == root or not within(root, place):
            hint = "use names that do not begin with a dot, joined by single slashes"
            raise SetupError(f"{key!r} can be no key in a folder.", hint=hint)
        return Path(place)


def _folder_for(place: Path, root: Path) -> int:
    """The permissions of the root, which the folders on the way from there to the place have too, if made here."""
    root.mkdir(parents=True, exist_ok=True)
    allowed = root.stat().st_mode
    missing = [each for each in place.parents if root in each.parents and not each.exists()]
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(allowed & _FOLDERS | stat.S_IRWXU)
    return allowed


def _copy(file: Path, handle: int, sent: Sent) -> None:
    with os.fdopen(handle, "wb") as out, file.open("rb") as body:
        while chunk := body.read(_CHUNK_BYTES):
            sent(out.write(chunk))
        out.flush()
        os.fsync(out.fileno())


def _moved(copy: Path, place: Path, *, replace: bool) -> bool:
    if replace:
        copy.replace(place)
        return True
    try:
        place.hardlink_to(copy)  # which fails where there is one, however late it came
    except FileExistsError:
        return False
    return True


@contextmanager
def _explained(key: str) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise SetupError(f"No access to {error.filename}.", hint=f"let this user write {error.filename}") from error
    except (NotADirectoryError, IsADirectoryError) as error:
        raise SetupError(f"{key} cannot be written: {error}.", hint="choose another key") from error
    except OSError as error:
        raise TransientError(f"{key} cannot be written: {error}.", hint="look at the disk") from error
