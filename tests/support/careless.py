"""`python -m tests.support.careless WORD...` is `etl-daemon WORD...` by somebody who lets everybody read and write.

The last line of standard error is one JSON document: what may become of an image of the process's memory.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import resource
import sys

from etl_daemon.cli import main

PR_GET_DUMPABLE = 3


def tell() -> None:
    """Write the document."""
    dumpable = ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)
    print(json.dumps({"core": resource.getrlimit(resource.RLIMIT_CORE), "dumpable": dumpable}), file=sys.stderr)


if __name__ == "__main__":
    os.umask(0)
    atexit.register(tell)
    main()
