"""Files that a command leaves: there when they are whole, and for nobody else to read, since rows may be in them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl_daemon.errors import SetupError


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A file beside ``out`` of a name that nobody can foresee, which takes its place at the end; on any error it goes.

    Raises:
        SetupError: it cannot be written.
    """
    part: Path | None = None
    try:
        handle, name = tempfile.mkstemp(".part", f".{out.name}.", out.parent)
        os.close(handle)
        part = Path(name)
        yield part
        part.replace(out)
    except OSError as error:
        raise SetupError(f"Cannot write {out}: {error.strerror or error}.", hint="name another file") from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
