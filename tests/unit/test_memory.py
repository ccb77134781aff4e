"""Memory that is freed and wanted again does not come from the kernel twice."""

from __future__ import annotations

import platform
import subprocess
import sys

ROUNDS = """
import resource
from etl_daemon.cli.memory import expect_short_run
expect_short_run(2**30)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    blocks = [bytearray(4 * 2**20) for _ in range(10)]
    blocks.clear()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize() // 2**20)
"""


def test_freed_memory_is_kept() -> None:
    faulted = int(subprocess.run([sys.executable, "-c", ROUNDS], check=True, capture_output=True, text=True).stdout)
    assert faulted < (100 if platform.libc_ver()[0] == "glibc" else 500), "MiB; each round uses 40"
