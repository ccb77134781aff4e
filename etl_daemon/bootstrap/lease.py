"""The lease of a daemon's name: who keeps it here, and where its document lies."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import Event
from etl_daemon.core.lease import Claim
from etl_daemon.leasing import LeaseKeeper, Tenure
from etl_daemon.ports import Clock, Leaser


def lease_keeper(settings: Settings, holder: str, clock: Clock, tell: Callable[[Event], None]) -> LeaseKeeper | None:
    """What takes and keeps the lease; None: there is to be none.

    Raises:
        ConfigError: the settings of AWS are wrong.
    """
    from etl_daemon.adapters.local.lease import HostLock

    url, name = configure.lease_url(settings), settings.etl_daemon_name
    if url == "none":
        return None
    lock = HostLock(settings.etl_state_dir / "lease" / f"{name}-{crc32(url.encode()):08x}.lock")
    claim = Claim(name, holder, socket.gethostname(), os.getpid(), "", settings.etl_lease_seconds)
    return LeaseKeeper(Tenure(_leaser(settings, url), lock, claim, clock, tell))


def _leaser(settings: Settings, url: str) -> Leaser:
    if not url.startswith("s3://"):
        from etl_daemon.adapters.local.lease import FileLeaser

        return FileLeaser(Path(url))
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.lease import S3Leaser

    bucket, _, key = url.removeprefix("s3://").partition("/")
    # a renewal is two calls, and there must be time for another one
    return S3Leaser(bucket, key, settings.etl_lease_seconds / 6, Endpoint(region=settings.s3_region))
