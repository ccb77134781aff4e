"""The notification socket of systemd, as sd_notify(3) describes it; without NOTIFY_SOCKET nothing is sent."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notifier:
    """Sends datagrams to ``address``, empty where nobody listens; an abstract address begins with a NUL.

    ``watchdog_seconds`` is how long systemd bears silence, 0: for ever.
    """

    address: str = ""
    watchdog_seconds: float = 0.0

    def send(self, *lines: str) -> None:
        """Send assignments, such as ``READY=1``; if the socket is gone, nobody is left to be told."""
        if not self.address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect(self.address)
            channel.send("\n".join(lines).encode())

    def ready(self) -> None:
        """The daemon works, for the first time or after a reload."""
        self.send("READY=1")

    def reloading(self) -> None:
        """Settings are being read again; ``ready`` ends it."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The daemon ends."""
        self.send("STOPPING=1", "STATUS=Ending after the batch in hand.")

    def status(self, text: str) -> None:
        """What ``systemctl status`` shows."""
        self.send(f"STATUS={' '.join(text.split())}")

    def advanced(self, more_seconds: float = 0.0) -> None:
        """Work went on; from now on silence may last ``more_seconds`` longer than the unit says."""
        if self.watchdog_seconds:
            limit = round((self.watchdog_seconds + more_seconds) * 1e6)
            self.send(f"WATCHDOG_USEC={limit}", "WATCHDOG=1")


def notifier(environment: Mapping[str, str] = os.environ) -> Notifier:
    """The one that systemd gave this process, if it did."""
    path = environment.get("NOTIFY_SOCKET", "")
    meant_for = environment.get("WATCHDOG_PID", "")
    limit = environment.get("WATCHDOG_USEC", "") if meant_for in {"", str(os.getpid())} else ""
    return Notifier("\0" + path[1:] if path.startswith("@") else path, int(limit or 0) / 1e6)
