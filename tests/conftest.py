"""What all tests share: made-up credentials, and no way out of this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.support.snowflake import Emulator

AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "TESTAK",
    "AWS_SECRET_ACCESS_KEY": "TESTSK",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
_REAL_CONNECT = socket.socket.connect
_LOOPBACK = ("127.", "::1", "localhost")


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.register_profile("here", deadline=None)  # a busy machine is no failure; pytest has a timeout
    hypothesis.settings.register_profile("few", deadline=None, derandomize=True, max_examples=25, database=None)
    hypothesis.settings.load_profile(os.environ.get("ETL_HYPOTHESIS_PROFILE", "here"))
    config.addinivalue_line("markers", "xdist_group(name): tests that one worker runs, with --dist loadgroup")


@pytest.fixture(scope="session", autouse=True)
def made_up_credentials() -> Iterator[None]:
    """Nothing of the developer's own AWS settings reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in AWS_ENVIRONMENT.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """The commands that tests start keep what Python compiled, whatever the developer wants for the shell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """A connection to any other machine is an error of the test."""

    def connect(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if not str(host).startswith(_LOOPBACK):
            raise AssertionError(f"A test tried to reach {address}.")
        _REAL_CONNECT(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")  # the connector opens sockets of its own
        yield


@pytest.fixture(scope="session")
def snowflake() -> Iterator[Emulator]:
    """A stand-in for Snowflake, one for all tests of a worker: keep to databases of your own."""
    from tests.support.snowflake import Emulator  # brings the connector, which few tests need

    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def snowflake_database(snowflake: Emulator) -> Iterator[str]:
    """The name of an empty database that no other test uses."""
    name = f"T_{uuid4().hex[:12]}".upper()
    snowflake.run(f"CREATE DATABASE {name}")
    yield name
    snowflake.clear_faults()
