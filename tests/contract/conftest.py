"""The object stores and destinations that contract suites share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from etl_daemon.config import settings_from
from tests.support.s3_servers import ceph_gateway, moto_server
from tests.support.targets import TARGETS, Target, duckdb, snowflake


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def ceph_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ceph_gateway(tmp_path_factory.mktemp("ceph")) as url:
        yield url


@pytest.fixture(params=[*TARGETS, "snowflake"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """A destination of each engine, with fresh tables."""
    with TARGETS[request.param](tmp_path) if request.param in TARGETS else emulated(request) as made:
        yield made


@pytest.fixture(params=["duckdb", "snowflake"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """A destination of each SQL engine, with fresh tables."""
    with duckdb(tmp_path) if request.param == "duckdb" else emulated(request) as made:
        yield made


def emulated(request: pytest.FixtureRequest) -> AbstractContextManager[Target]:
    emulator = request.getfixturevalue("snowflake")
    return snowflake(settings_from({**emulator.settings(), "ETL_DESTINATION": "snowflake"}))
