"""Whether there is room left on the disks that a daemon writes to."""

from __future__ import annotations

from dataclasses import dataclass

from etl_daemon.core.findings import Finding, State

COMFORT = 4
"""Below so many times the least free space there is a warning."""


@dataclass(frozen=True, slots=True)
class Space:
    """A file system: where it is mounted, what is kept there, and how much is free of how much."""

    mount: str
    purposes: tuple[str, ...]
    free_bytes: int
    total_bytes: int


def room(space: Space, least_bytes: int) -> Finding:
    """Whether more than the least is free."""
    enough = space.free_bytes >= COMFORT * least_bytes
    state = State.OK if enough else State.WARN if space.free_bytes >= least_bytes else State.FAIL
    share = space.free_bytes / space.total_bytes if space.total_bytes else 0.0
    detail = f"{space.free_bytes / 2**30:.1f} GiB ({share:.0%}) are free for {' and '.join(space.purposes)}."
    hint = "" if enough else f"make room there: du -xh {space.mount} | sort -h | tail"
    return Finding(f"disk {space.mount}", state, detail, hint)
