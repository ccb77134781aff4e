"""Memory that is freed and wanted again does not come from the kernel twice; what nobody wants goes back to it."""

from __future__ import annotations

import platform
import subprocess
import sys

ROUNDS = """
import resource
from pathlib import Path
from etl_daemon.adapters.observers.memory import Memory, keep_freed
from etl_daemon.core.events import StageEnded
keep_freed()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    blocks = [bytearray(4 * 2**20) for _ in range(10)]
    blocks.clear()
faulted = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
pages = lambda: int(Path("/proc/self/statm").read_text().split()[1])
kept = pages()
Memory().notice(StageEnded("price_data", "clean", 0.1))
still = pages()
Memory().notice(StageEnded("price_data", "stage", 0.1))
print(*(round(count * resource.getpagesize() / 2**20) for count in (faulted, kept - still, kept - pages())))
"""


def test_freed_memory_is_kept_until_a_batch_is_staged() -> None:
    answer = subprocess.run([sys.executable, "-c", ROUNDS], check=True, capture_output=True, text=True).stdout
    faulted, early, given_back = map(int, answer.split())
    if platform.libc_ver()[0] == "glibc":
        assert faulted < 100, "MiB; each round uses 40"
        assert (early, given_back >= 35) == (0, True), (early, given_back)
