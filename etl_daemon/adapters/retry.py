"""Making a call again, as the policy says, until it succeeds or we are told to stop."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity import wait_exponential_jitter as exponential
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set

from etl_daemon.core.policy import RetryPolicy
from etl_daemon.errors import ObjectChangedError, TransientError, TryLaterError

T = TypeVar("T")

OnRetry = Callable[[int, Exception], None]
"""Hears of the number of the attempt that failed, and why, before the wait."""


def ignore_retry(_attempt: int, _error: Exception) -> None:
    """Nobody wants to hear of it."""


@dataclass(frozen=True, slots=True)
class Retries:
    """A policy at work. Setting ``stop`` ends a wait at once and lets the last error through.

    A server that says how long to wait is obeyed; no wait begins that would end after ``within_seconds`` of asking.
    """

    policy: RetryPolicy
    stop: threading.Event = field(default_factory=threading.Event)
    on_retry: OnRetry = ignore_retry
    within_seconds: float = math.inf

    def call(self, attempt: Callable[[], T]) -> T:
        """What ``attempt`` returns.

        Raises:
            TransientError: the last attempt's, once there have been as many as the policy allows.
        """
        began = time.monotonic()
        try:
            return attempt()
        except TransientError as error:
            first = error
        return self._again(attempt, first, time.monotonic() - began)

    def _again(self, attempt: Callable[[], T], first: TransientError, seconds: float) -> T:
        """Apart, since setting tenacity up takes as long as fetching a small object.

        ``first`` is what the first attempt raised after so many ``seconds``.
        """
        failed = [first]
        policy = self.policy
        usual = exponential(multiplier=policy.delay_seconds, max=policy.max_delay_seconds, jitter=policy.delay_seconds)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return max(usual(state), error.seconds if isinstance(error, TryLaterError) else 0.0)

        def following() -> T:
            if failed:
                raise failed.pop()
            return attempt()

        patient = stop_after_attempt(max(policy.attempts, 1)) | stop_before_delay(self.within_seconds - seconds)
        return Retrying(
            stop=patient | stop_when_event_set(self.stop),
            wait=wait,
            sleep=sleep_using_event(self.stop),
            retry=retry_if_exception(_may_pass),
            before_sleep=self._announce,
            reraise=True,
        )(following)

    def _announce(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Exception):
            self.on_retry(state.attempt_number, error)


def _may_pass(error: BaseException) -> bool:
    # A changed object stays changed until the next listing.
    return isinstance(error, TransientError) and not isinstance(error, ObjectChangedError)
