"""Asking again, and not too fast."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay
from tenacity import wait_exponential_jitter as exponential
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set

from etl_daemon.core.policy import RetryPolicy
from etl_daemon.errors import TransientError, TryLaterError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """A policy at work; a server that says how long to wait is obeyed, if the policy's timeout has so long left.

    ``on_retry`` hears of the number of the attempt that failed, and why. Setting ``stop`` ends a wait at once.
    """

    policy: RetryPolicy
    stop: threading.Event
    on_retry: Callable[[int, Exception], None] = lambda _attempt, _error: None

    def call(self, attempt: Callable[[], T]) -> T:
        """What ``attempt`` returns.

        Raises:
            TransientError: the last attempt's.
        """
        policy = self.policy
        patient = stop_after_attempt(max(policy.attempts, 1)) | stop_before_delay(policy.timeout_seconds)
        usual = exponential(multiplier=policy.delay_seconds, max=policy.max_delay_seconds, jitter=policy.delay_seconds)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return max(usual(state), error.seconds if isinstance(error, TryLaterError) else 0.0)

        return Retrying(
            stop=patient | stop_when_event_set(self.stop),
            wait=wait,
            sleep=sleep_using_event(self.stop),
            retry=retry_if_exception_type(TransientError),
            before_sleep=self._announce,
            reraise=True,
        )(attempt)

    def _announce(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Exception):
            self.on_retry(state.attempt_number, error)


@dataclass(slots=True)
class Pace:
    """At most so many requests in a second; 0: as they come."""

    per_second: float
    wait: Callable[[float], object]
    _free_at: float = 0.0

    def keep(self) -> None:
        """Wait until it is time for the next request."""
        now = time.monotonic()
        if self._free_at > now:
            self.wait(self._free_at - now)
        if self.per_second:
            self._free_at = max(self._free_at, now) + 1 / self.per_second
