"""What this process makes and holds is nobody else's to read, whoever started it and however."""

from __future__ import annotations

import ctypes
import os
import resource

NOT_FOR_OTHERS = 0o027
"""What the umask takes away at least: the group may read, the others nothing."""

PR_SET_DUMPABLE = 4  # of linux/prctl.h


def keep_private() -> None:
    """Make files that others cannot read, and leave no image of the memory, which holds secrets.

    No core is written, by the kernel or by a program that takes cores, and no other process but root's may trace this
    one or read its environment in ``/proc``. Programs that are started from here have a memory of their own again, and
    still write no core.
    """
    os.umask(os.umask(0o077) | NOT_FOR_OTHERS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
