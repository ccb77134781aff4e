"""A lease document in memory: for tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from etl_daemon.core.lease import Lease, Stored


@dataclass(slots=True)
class MemoryDocument:
    """What the leasers of several holders share; ``generations`` lists what was written, in order."""

    stored: Stored | None = None
    generations: list[int] = field(default_factory=list)

    def put(self, lease: Lease) -> None:
        """Write, whatever is there."""
        self.stored = Stored(lease, lease.nonce)
        self.generations.append(lease.generation)


@dataclass(slots=True)
class MemoryLeaser:
    """One holder's way to the document.

    ``faults``: each call raises the next error before it does anything; ``late_faults``: each write raises the next one
    after it was done. ``None`` among them lets one call pass. ``after_read`` is called at the end of each read: for
    what others do meanwhile.
    """

    document: MemoryDocument = field(default_factory=MemoryDocument)
    faults: deque[Exception | None] = field(default_factory=deque)
    late_faults: deque[Exception | None] = field(default_factory=deque)
    after_read: Callable[[], None] | None = None
    closed: bool = False

    def read(self) -> Stored | None:
        """As the port says."""
        _raise_next(self.faults)
        found = self.document.stored
        if self.after_read:
            self.after_read()
        return found

    def write(self, lease: Lease, over: Stored | None) -> bool:
        """As the port says."""
        _raise_next(self.faults)
        there = self.document.stored
        unchanged = (there.tag if there else None) == (over.tag if over else None)
        if unchanged:
            self.document.put(lease)
        _raise_next(self.late_faults)
        return unchanged

    def probe(self) -> None:
        """As the port says."""
        _raise_next(self.faults)

    def close(self) -> None:
        """Nothing to let go of; ``closed`` tells that it was called."""
        self.closed = True


def _raise_next(faults: deque[Exception | None]) -> None:
    fault = faults.popleft() if faults else None
    if fault is not None:
        raise fault
