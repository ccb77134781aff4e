"""The object stores that contract suites share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.s3_servers import ceph_gateway, moto_server


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def ceph_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ceph_gateway(tmp_path_factory.mktemp("ceph")) as url:
        yield url
