"""A process whose counts per table go to CloudWatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from etl_daemon.adapters.cloudwatch.metrics import CloudWatchMetrics
from etl_daemon.adapters.cloudwatch.observer import CloudWatchObserver
from etl_daemon.config import Settings
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import Event
from etl_daemon.ports import Clock


def counts(
    settings: Settings, datasets: Sequence[Dataset], clock: Clock, tell: Callable[[Event], None]
) -> CloudWatchObserver:
    """What has to hear of every event, and is to be closed at the end; nothing is sent before there is something."""
    pairs = (pair.partition("=") for pair in settings.cloudwatch_dimensions.split(",") if pair)
    metrics = CloudWatchMetrics(
        settings.cloudwatch_namespace or "", {name: value for name, _, value in pairs}, settings.s3_region
    )
    return CloudWatchObserver(metrics, {each.name: each.table for each in datasets}, clock, tell)
