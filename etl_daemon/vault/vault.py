"""The secrets of connections: read when first asked for, kept, and read again where a login says that they are old."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from etl_daemon.config import Settings, read_datasets_file
from etl_daemon.config.connections import Connection
from etl_daemon.core.events import Event
from etl_daemon.core.events.side import SecretsRenewed
from etl_daemon.core.secret import Place, Revealed, Secrets, place, revealed
from etl_daemon.errors import SecretMissingError
from etl_daemon.ports import SecretStore
from etl_daemon.vault.stores import Stores, stores

T = TypeVar("T")
GROUPS = ("AFFILIATE", "PROGRAM360", "OPS")
"""Connections whose SSM path a run may pass as a setting."""


@dataclass(slots=True)
class Vault:
    """For use by any thread."""

    connections: Mapping[str, Connection]
    stores: Stores
    tell: Callable[[Event], None] = lambda _: None
    _opened: dict[str, SecretStore] = field(default_factory=dict)
    _kept: dict[Place, Secrets] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def secret(self, name: str, *, fresh: bool = False) -> Revealed:
        """What a connection's table says and its store holds, or what is under a full name; by names in small letters.

        ``fresh`` asks the store again. Where a connection names no store, systemd's credential of its name counts,
        else the environment: ``AFFILIATE_PASSWORD`` for the connection affiliate.

        Raises:
            SetupError: there is no such secret (SecretMissingError), or no access.
            TransientError: the store did not answer.
        """
        where = place(name)
        if where:
            return revealed(self._read(where, fresh=fresh))
        connection = self.connections.get(name.upper(), Connection())
        named = place(connection.secret)
        held = self._read(named, fresh=fresh) if named else self._nearby(name, connection, fresh=fresh)
        return Revealed({**connection.plain, **revealed(held)})

    def with_secret(
        self, name: str, attempt: Callable[[Mapping[str, str]], T], refused: Callable[[Exception], bool]
    ) -> T:
        """What ``attempt`` makes of the secrets; where they are ``refused`` and the store has others by now, of those.

        Raises:
            Exception: what the last attempt raises.
            SetupError, TransientError: as ``secret``.
        """
        used = self.secret(name)
        try:
            return attempt(used)
        except Exception as error:
            if not refused(error):
                raise
            renewed = self.secret(name, fresh=True)
            if renewed == used:
                raise
        self.tell(SecretsRenewed("", name))
        return attempt(renewed)

    def close(self) -> None:
        """Let go of connections, and forget."""
        with self._lock:
            for store in self._opened.values():
                store.close()
            self._opened.clear()
            self._kept.clear()

    def _nearby(self, name: str, connection: Connection, *, fresh: bool) -> Secrets:
        """Nothing, where the connection needs no secret: its table is there without."""
        try:
            return self._read(Place("credential", name.lower()), fresh=fresh)
        except SecretMissingError:
            pass  # the environment's error says what can be done
        try:
            return self._read(Place("env", name.upper()), fresh=fresh)
        except SecretMissingError:
            if connection.plain:
                return {}
            raise

    def _read(self, where: Place, *, fresh: bool) -> Secrets:
        with self._lock:
            if fresh or where not in self._kept:
                self._kept[where] = self._store(where.scheme).get(where.name)
            return self._kept[where]

    def _store(self, scheme: str) -> SecretStore:
        if scheme not in self._opened:
            self._opened[scheme] = self.stores(scheme)
        return self._opened[scheme]


def open_vault(settings: Settings, tell: Callable[[Event], None] = lambda _: None) -> Vault:
    """The vault with the connections that the settings name; nothing is read yet."""
    return Vault(connections(settings), stores(settings.s3_region), tell)


def connections(settings: Settings) -> Mapping[str, Connection]:
    """Those of the datasets file and of the settings, which win, by name in upper case."""
    path = settings.etl_datasets_file
    found = dict(read_datasets_file(path).connections) if path else {}
    named = {name: getattr(settings, f"{name.lower()}_ssm_path") for name in GROUPS}
    named = {name: f"ssm:{given}" for name, given in named.items() if given}
    if settings.snowflake_ssm_path or settings.snowflake_secret_id:
        named["SNOWFLAKE"] = f"ssm:{settings.snowflake_ssm_path}"
        if not settings.snowflake_ssm_path:
            named["SNOWFLAKE"] = f"secretsmanager:{settings.snowflake_secret_id}"
    for name, secret in named.items():
        found[name] = Connection(secret, found.get(name, Connection()).plain)
    return found
