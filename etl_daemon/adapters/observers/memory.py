"""Freed memory: kept while there is work that will want it again, given back when there is not."""

from __future__ import annotations

import ctypes
import gc
import sys

from etl_daemon.core.events import Event, LoopTurned, StageEnded

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names and numbers of malloc.h
LARGEST_KEPT_BLOCK = 32 * 2**20
"""The largest block that glibc lets be kept."""

_C = ctypes.CDLL(None)


def keep_freed() -> None:
    """Have malloc keep what is freed.

    Slices come and go by the hundred megabytes, and memory that went back comes from the kernel page by page, each to
    be cleared first. What is kept was in use before, so the process does not grow by it. Where malloc has no such
    settings, it goes on as ever.
    """
    if hasattr(_C, "mallopt"):
        _C.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        _C.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK)


def give_back() -> None:
    """Give what is free back to the kernel: to DuckDB, which has memory of its own, or to other processes."""
    if hasattr(_C, "malloc_trim"):
        _C.malloc_trim(0)
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()


def expect_short_run() -> None:
    """What has been imported is never looked through for garbage again, above all not at the end."""
    gc.freeze()


class Memory:
    """An observer that gives back what reading took, once a batch is staged, and all that was kept before a rest."""

    def notice(self, event: Event) -> None:
        """As the port says."""
        if isinstance(event, LoopTurned) or (isinstance(event, StageEnded) and event.stage == "stage"):
            give_back()

    def close(self) -> None:
        """What is kept goes with the process."""
