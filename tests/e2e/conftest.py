"""What tests of whole programs share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium import webdriver


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Debian's chromium, fresh for each file of tests."""
    from tests.support.browser import chromium

    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver
