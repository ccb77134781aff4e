"""``etl-daemon run``: the loop, until it is told to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event as Signal
from threading import Thread
from types import FrameType

import structlog

from etl_daemon.cli.start import logging_runtime
from etl_daemon.config import load_settings

STOPPERS = (signal.SIGTERM, signal.SIGINT)


def run() -> None:
    """Cycle until SIGTERM or SIGINT, while the lease is ours; the batch in hand is finished first.

    Raises:
        EtlError: settings are wrong, or the port to answer on is taken.
    """
    settings = load_settings()
    log = structlog.stdlib.get_logger("etl_daemon")
    with logging_runtime(settings) as runtime, stopping(runtime.stop):
        runtime.serve()
        log.info("started", holder=runtime.holder, datasets=[each.name for each in runtime.datasets])
        runtime.daemon(lease=runtime.lease()).run(runtime.stop, timedelta(seconds=settings.etl_poll_interval_seconds))
        log.info("stopped")


@contextmanager
def stopping(stop: Signal) -> Iterator[None]:
    """Set ``stop`` at the first SIGTERM or SIGINT; a second one ends the process as it always does."""

    def at_signal(_number: int, _frame: FrameType | None) -> None:
        for number in STOPPERS:
            signal.signal(number, before[number])
        # not here: this thread may be holding the signal's own lock
        Thread(target=stop.set, daemon=True).start()

    before = {number: signal.signal(number, at_signal) for number in STOPPERS}
    try:
        yield
    finally:
        for number in STOPPERS:
            signal.signal(number, before[number])
