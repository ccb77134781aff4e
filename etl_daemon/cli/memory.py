"""How a command that ends soon treats memory: what it has, it keeps."""

from __future__ import annotations

import ctypes
import gc

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names and numbers of malloc.h
LARGEST_KEPT_BLOCK = 32 * 2**20
"""The largest block that glibc lets be kept."""


def expect_short_run(kept_bytes: int) -> None:
    """Let neither Python nor the C library tidy up what the end of the process does away with.

    What has been imported is never looked through for garbage again, above all not at the end. Slices come and go by
    the hundred megabytes, and memory that went back comes from the kernel page by page, each to be cleared first:
    up to ``kept_bytes`` of what is freed stay.
    Where malloc has no such settings, it goes on as ever.
    """
    gc.freeze()
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, kept_bytes)
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK)
