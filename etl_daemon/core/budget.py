"""How the memory that a process may take is divided among those who hold bytes."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20

PROCESS_BYTES = 176 * MIB
"""What the process takes before it has read anything: the interpreter, its libraries, and their threads."""

SLICE_BYTES = 256 * MIB
"""What a slice takes while it is decoded by two workers, and then while the rules make rows of it."""

AHEAD_BYTES = 64 * MIB
"""What the next slice takes that is decoded meanwhile."""

PARSER_BYTES = 32 * MIB
"""What each further worker takes: the text that it parses, and what comes of it."""

CHUNK_BYTES = 4 * MIB
"""So much text is parsed at a time. A query takes milliseconds, whatever it is for, so more is better."""

LARGE_CHUNKS_BYTES = 32 * MIB
"""What it takes to parse twice as much at a time."""

SPOOLED_FROM_BYTES = 32 * MIB

LEAST_MB = 512
"""With less the work cannot be done (MiB)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The shares, in bytes.

    ``fetched``: objects that wait to be decoded. ``spooled_from``: objects of this size on lie on disk meanwhile.
    ``typed``: rows of an object whose types are still being found. ``staged``: cleaned rows of a batch; what exceeds
    it lies on disk. ``engine``: DuckDB, while it commits what is staged; nothing is decoded then. ``parsers`` is how
    many workers may parse at once, and ``chunk`` how much text each; ``decode_ahead``: whether they go on with the next
    slice while the rules are at work on one.
    """

    fetched: int
    spooled_from: int
    typed: int
    staged: int
    engine: int
    parsers: int
    chunk: int
    decode_ahead: bool


def divided(limit_mb: int, cores: int) -> Budget:
    """The shares of a limit in MiB, from ``LEAST_MB`` on, where so many cores may be used.

    Slices are of the same size under any limit, because results must not depend on it. What the process and a slice
    leave is divided; when a batch is committed, DuckDB has what slices had before.
    """
    left = max(limit_mb, LEAST_MB) * MIB - PROCESS_BYTES - SLICE_BYTES
    ahead = cores > 1 and left >= 3 * AHEAD_BYTES
    large = left >= 8 * LARGE_CHUNKS_BYTES
    more_parsers = min(max(cores - 2, 0), left // 4 // PARSER_BYTES)
    rest = left - more_parsers * PARSER_BYTES - ahead * AHEAD_BYTES - large * LARGE_CHUNKS_BYTES
    return Budget(
        fetched=rest // 6,
        spooled_from=min(rest // 6, SPOOLED_FROM_BYTES),
        typed=rest // 3,
        staged=rest * 5 // 12,
        engine=SLICE_BYTES + rest // 6,
        parsers=2 + more_parsers,
        chunk=2 * CHUNK_BYTES if large else CHUNK_BYTES,
        decode_ahead=ahead,
    )
