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

    An object larger than ``size`` lies on disk, where one such object may wait while another is read. Small objects are
    decoded many at once: up to ``together`` bytes wait whatever their number is, so that they are there in time.
    """

    objects: int
    size: int
    together: int = 0


class Fetching:
    """The bodies of objects in the order in which they are to be read; a context manager.

    At its end what nobody took is let go.
    """

    def __init__(self, refs: Iterable[ObjectRef], fetch: Callable[[ObjectRef], memoryview], room: Room) -> None:
        self._refs = deque(refs)
        self._fetch = fetch
        self._room = room
        self._waiting: deque[Fetched] = deque()
        self._held = self._on_disk = 0
        self._pool = ThreadPoolExecutor(room.objects, "fetch")

    def take(self, ref: ObjectRef) -> Fetched:
        """The next object, which ``ref`` is, perhaps still under way; while it is read, others come."""
        self._more()
        if self._is_next(ref) or ref in self.under_way:
            while (taken := self._leave())[0] != ref:
                pass
        else:
            taken = ref, self._submit(ref)  # not in the order that was told
        self._more()
        return taken

    @property
    def under_way(self) -> list[ObjectRef]:
        """What was begun before its turn and nobody has taken yet."""
        return [ref for ref, _ in self._waiting]

    def _is_next(self, ref: ObjectRef) -> bool:
        return bool(self._waiting) and self._waiting[0][0] == ref

    def _more(self) -> None:
        while self._refs and self._fits(self._refs[0].size):
            ref = self._refs.popleft()
            self._count(ref, 1)
            self._waiting.append((ref, self._submit(ref)))

    def _leave(self) -> Fetched:
        first = self._waiting.popleft()
        self._count(first[0], -1)
        return first

    def _count(self, ref: ObjectRef, times: int) -> None:
        large = ref.size > self._room.size
        self._on_disk += times * large
        self._held += 0 if large else times * ref.size

    def _fits(self, size: int) -> bool:
        """Whether one more of so many bytes may wait beside those that do."""
        if not self._waiting:
            return True
        if size > self._room.size:
            return not self._on_disk and len(self._waiting) < 4 * self._room.objects
        held = self._held + size
        few = len(self._waiting) < 4 * self._room.objects or (held <= self._room.together and not self._on_disk)
        return few and held <= self._room.size

    def _submit(self, ref: ObjectRef) -> Future[memoryview]:
        return self._pool.submit(copy_context().run, self._fetch, ref)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)
