"""A plugin of pytest: in its report stands what each test took of a processor. Time by the clock is others' as well."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

PROPERTY = "cpu_seconds"
_BEGAN = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Begin with what the test's own fixtures take."""
    item.stash[_BEGAN] = time.process_time()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """End with the test."""
    try:
        return (yield)
    finally:
        item.user_properties.append((PROPERTY, time.process_time() - item.stash[_BEGAN]))
