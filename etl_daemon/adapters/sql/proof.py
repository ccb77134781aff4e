"""Who answers as the database: told by its certificate, unless it is this machine, or the URL says how it is to be."""

from __future__ import annotations

import os
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import sqlalchemy as sa

AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
"""Where Debian and RHEL have the certificates that they trust."""

SAYS_HOW = ("ssl", "service", "unix_socket")
"""What options of a URL begin with by which somebody has decided already."""


def proof(url: sa.URL) -> dict[str, Any]:
    """What psycopg and PyMySQL are to be told, so that nobody else can answer, or read along.

    Left to themselves they take any certificate, or none.
    """
    if any(name.startswith(SAYS_HOW) for name in url.query) or all(map(_is_here, _hosts(url))):
        return {}
    if not url.drivername.startswith("postgresql"):
        return {"ssl": ssl.create_default_context()}
    return {} if "PGSSLMODE" in os.environ else {"sslmode": "verify-full", "sslrootcert": _authorities()}


def _hosts(url: sa.URL) -> list[str]:
    named = url.query.get("host", ())
    return [url.host or "", *(named.split(",") if isinstance(named, str) else named)]


def _is_here(host: str) -> bool:
    """Nothing or a folder is a socket of this machine."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _authorities() -> str:
    named = [os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *AUTHORITIES]
    return next((file for file in named if file and Path(file).is_file()), "system")
