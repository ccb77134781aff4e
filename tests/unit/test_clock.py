"""Clocks that go wrong are told from those that do not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from etl_daemon.core.findings import State
from etl_daemon.core.monitor.clock import apart, newest
from tests.support.rows import NOW

OK, WARN, FAIL = State
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize(
    ("seconds", "state"), [(0, OK), (120, OK), (121, WARN), (899, WARN), (900, FAIL), (86_400, FAIL)]
)
def test_a_clock_may_be_two_minutes_off(seconds: int, way: int, state: State) -> None:
    finding = apart("s3", way * seconds * SECOND)
    assert (finding.name, finding.state, bool(finding.hint)) == ("clock s3", state, state is not OK)
    assert f"{seconds} seconds" in finding.detail
    if seconds:
        assert ("is 121 seconds behind" in finding.detail.replace(str(seconds), "121")) is (way > 0)


@pytest.mark.parametrize(("ahead", "state"), [(-86_400, OK), (120, OK), (121, WARN)])
def test_nothing_is_newer_than_now(ahead: int, state: State) -> None:
    assert newest(NOW + ahead * SECOND, NOW).state is state
