"""Whether a port of this machine can be listened on."""

from __future__ import annotations

import socket


def taken(host: str, port: int) -> str:
    """Why not; empty: it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        return (error.strerror or str(error)).partition(" (")[0]  # Python adds the address
    return ""
