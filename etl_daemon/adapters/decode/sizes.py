"""How much is taken in hand at a time."""

from __future__ import annotations

from dataclasses import dataclass

from etl_daemon.core.budget import CHUNK_BYTES
from etl_daemon.core.model import SLICE_ROWS
from etl_daemon.core.planning.sections import SECTION_BYTES


@dataclass(frozen=True, slots=True)
class Sizes:
    """``slice_rows`` and ``chunk_bytes`` (decompressed bytes parsed at a time) are a matter of memory.

    Rows of a slice are deduplicated and searched for outliers together, and no slice goes beyond ``section_bytes`` of
    text: so with other sizes there are other outliers.
    """

    slice_rows: int = SLICE_ROWS
    chunk_bytes: int = CHUNK_BYTES
    section_bytes: int = SECTION_BYTES
