"""What some unit tests share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from structlog.contextvars import clear_contextvars


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Whatever a test sets up for the lines of this process ends with it."""
    root, own = logging.getLogger(), logging.getLogger("etl_daemon")
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    logging.captureWarnings(capture=False)
    clear_contextvars()
