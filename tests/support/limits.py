"""`python -m tests.support.limits WORD...` is `etl-daemon WORD...`, and says at its end what the process has taken.

The last line of standard error is one JSON document. ``peak_mib``: the largest resident set that there ever was, mapped
files and libraries included. ``pools``: threads that Python has started, by name. The others: what libraries have.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import sys
import threading
from collections import Counter
from pathlib import Path

from etl_daemon.cli import main

started: Counter[str] = Counter()


def note(*_: object) -> None:
    """Hear of a thread, once."""
    started[threading.current_thread().name.rpartition("_")[0]] += 1
    sys.settrace(None)


def tell() -> None:
    """Write the document."""
    import pyarrow as pa

    status = Path("/proc/self/status").read_text(encoding="utf-8")
    document = {
        "peak_mib": int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024,
        "arrow": [pa.cpu_count(), pa.io_thread_count()],
        "blas": os.environ["OPENBLAS_NUM_THREADS"],
        "tokio": sum(
            task.joinpath("comm").read_text() == "tokio-rt-worker\n" for task in Path("/proc/self/task").iterdir()
        ),
        "pools": started,
    }
    print(json.dumps(document), file=sys.stderr)


if __name__ == "__main__":
    threading.settrace(note)
    atexit.register(tell)
    main()
