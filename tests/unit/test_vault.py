"""The secrets of connections: where they are looked for, that they are kept, and read again when refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from etl_daemon.adapters.memory.secrets import MemorySecretStore
from etl_daemon.config.connections import Connection
from etl_daemon.core.events import Event
from etl_daemon.core.events.side import SecretsRenewed
from etl_daemon.errors import SecretMissingError
from etl_daemon.vault import Vault

STORED = {"username": "loader", "password": "first"}


class RefusedError(Exception):
    """A login that was turned down."""


class Desk:
    """A vault over stores in memory, one for each scheme."""

    def __init__(self, **connections: Connection) -> None:
        self.stores = {scheme: MemorySecretStore() for scheme in ("ssm", "secretsmanager", "credential", "env")}
        self.events: list[Event] = []
        self.vault = Vault({name.upper(): each for name, each in connections.items()}, self._store, self.events.append)

    def _store(self, scheme: str) -> MemorySecretStore:
        return self.stores[scheme]


def test_a_connection_is_what_its_table_says_and_its_store_holds() -> None:
    desk = Desk(affiliate=Connection("ssm:/prod/affiliate", {"host": "db", "username": "of the table"}))
    desk.stores["ssm"].put("/prod/affiliate", STORED)
    for name in ("affiliate", "AFFILIATE"):
        assert desk.vault.secret(name) == {"host": "db", **STORED}


def test_a_full_name_needs_no_table() -> None:
    desk = Desk()
    desk.stores["ssm"].put("/prod/x", STORED)
    desk.stores["secretsmanager"].put("prod/x", {"a": "1"})
    assert desk.vault.secret("/prod/x") == desk.vault.secret("ssm:/prod/x") == STORED
    assert desk.vault.secret("secretsmanager:prod/x") == {"a": "1"}


def test_without_a_store_systemd_counts_before_the_environment() -> None:
    desk = Desk(ops=Connection("", {"host": "db"}))
    assert desk.vault.secret("ops") == {"host": "db"}
    desk.stores["env"].put("OPS", {"password": "of the environment"})
    assert desk.vault.secret("ops") == {"host": "db", "password": "of the environment"}
    desk.stores["credential"].put("ops", {"password": "of systemd"})
    assert desk.vault.secret("ops", fresh=True) == {"host": "db", "password": "of systemd"}


def test_a_connection_that_is_nowhere_is_said() -> None:
    with pytest.raises(SecretMissingError):
        Desk().vault.secret("affiliate")
    with pytest.raises(SecretMissingError):
        Desk(affiliate=Connection("ssm:/prod/affiliate", {"host": "db"})).vault.secret("affiliate")


def test_a_secret_is_read_once_and_again_when_it_has_to_be_fresh() -> None:
    desk = Desk(affiliate=Connection("ssm:/x"))
    store = desk.stores["ssm"]
    store.put("/x", STORED)
    for _ in range(3):
        desk.vault.secret("affiliate")
    assert store.reads == ["/x"]
    store.put("/x", {"password": "second"})
    assert desk.vault.secret("affiliate", fresh=True) == desk.vault.secret("affiliate") == {"password": "second"}
    assert store.reads == ["/x", "/x"]
    desk.vault.close()
    desk.vault.secret("affiliate")
    assert len(store.reads) == 3


def logging_in(desk: Desk, wanted: str) -> tuple[list[str], str]:
    """The passwords that were tried, and what came of it."""
    tried: list[str] = []

    def attempt(secrets: Mapping[str, str]) -> str:
        tried.append(secrets["password"])
        if secrets["password"] != wanted:
            raise RefusedError
        return "in"

    try:
        return tried, desk.vault.with_secret("affiliate", attempt, lambda error: isinstance(error, RefusedError))
    except RefusedError:
        return tried, "refused"


def test_a_refused_login_is_tried_once_more_with_what_the_store_has_by_now() -> None:
    desk = Desk(affiliate=Connection("ssm:/x"))
    desk.stores["ssm"].put("/x", STORED)
    assert logging_in(desk, "first") == (["first"], "in")
    desk.stores["ssm"].put("/x", {"password": "second"})
    assert logging_in(desk, "second") == (["first", "second"], "in")
    assert logging_in(desk, "second") == (["second"], "in")
    assert desk.events == [SecretsRenewed("", "affiliate")]


def test_it_is_not_tried_again_with_the_same_nor_after_other_errors() -> None:
    desk = Desk(affiliate=Connection("ssm:/x"))
    desk.stores["ssm"].put("/x", STORED)
    assert logging_in(desk, "another") == (["first"], "refused")
    assert desk.events == []

    def broken(_secrets: Mapping[str, str]) -> None:
        raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        desk.vault.with_secret("affiliate", broken, lambda error: isinstance(error, RefusedError))
    assert len(desk.stores["ssm"].reads) == 2
