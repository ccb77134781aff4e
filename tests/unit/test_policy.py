"""Policies as they are where nobody says otherwise, in their units."""

from __future__ import annotations

from dataclasses import astuple

from etl_daemon.core.policy import ReadLimits, RetryPolicy, Rules
from etl_daemon.core.web.endpoint import Limits


def test_limits_of_reading():
    assert astuple(ReadLimits()) == (8_589_934_592, 68_719_476_736, 200.0, 100, 16_777_216, 268_435_456)


def test_attempts_and_seconds():
    assert astuple(RetryPolicy()) == (3, 5.0, 60.0, 300.0)


def test_limits_of_responses():
    assert astuple(Limits()) == (67_108_864, 4_294_967_296, 60.0, 0.0)


def test_rules():
    rules = Rules()
    assert [float(each) for each in (rules.min_price, rules.max_price, rules.min_rsi, rules.max_rsi)] == [
        0.01, 1_000_000, 0, 100,
    ]  # fmt: skip
    assert (rules.min_volume, rules.timezone) == (0, "UTC")
    assert (rules.move_percent, rules.outlier_z, rules.outlier_min_rows) == (20.0, 3.5, 20)
