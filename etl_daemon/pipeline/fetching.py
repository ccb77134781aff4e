"""Objects are fetched before their turn, those of the next batch while this one is committed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from etl_daemon.core.model import ObjectRef

Fetched = tuple[ObjectRef, Future[memoryview]]


@dataclass(frozen=True, slots=True)
class Room:
    """How much is fetched before its turn: ``objects`` at a time, and of those that wait up to ``size`` bytes.

    An object larger than ``size`` lies on disk, where one such object may wait while another is read.
    """

    objects: int
    size: int

    def has(self, waiting: Iterable[ObjectRef], ref: ObjectRef) -> bool:
        """Whether one more may wait beside these."""
        sizes = [other.size for other in waiting]
        large = any(size > self.size for size in sizes)
        held = sum(size for size in sizes if size <= self.size)
        fits = not large if ref.size > self.size else held + ref.size <= self.size
        return not sizes or (len(sizes) < 4 * self.objects and fits)


class Fetching:
    """The bodies of objects in the order in which they are to be read; a context manager.

    At its end what nobody took is let go.
    """

    def __init__(self, refs: Iterable[ObjectRef], fetch: Callable[[ObjectRef], memoryview], room: Room) -> None:
        self._refs = deque(refs)
        self._fetch = fetch
        self._room = room
        self._waiting: deque[Fetched] = deque()
        self._pool = ThreadPoolExecutor(room.objects, "fetch")

    def take(self, ref: ObjectRef) -> Fetched:
        """The next object, which ``ref`` is, perhaps still under way; while it is read, others come."""
        self._more()
        if ref in self.under_way:
            while self._waiting[0][0] != ref:
                self._waiting.popleft()
            taken = self._waiting.popleft()
        else:
            taken = ref, self._submit(ref)  # not in the order that was told
        self._more()
        return taken

    @property
    def under_way(self) -> list[ObjectRef]:
        """What was begun before its turn and nobody has taken yet."""
        return [ref for ref, _ in self._waiting]

    def _more(self) -> None:
        while self._refs and self._room.has(self.under_way, self._refs[0]):
            ref = self._refs.popleft()
            self._waiting.append((ref, self._submit(ref)))

    def _submit(self, ref: ObjectRef) -> Future[memoryview]:
        return self._pool.submit(copy_context().run, self._fetch, ref)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)
