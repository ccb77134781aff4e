"""Metrics in the form that Prometheus reads: counts and gauges of the progress at hand, durations as they are heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import prometheus_client
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from etl_daemon.adapters.observers.metric_table import CYCLE, READ, STAGE, Reading
from etl_daemon.core.events import CycleEnded, Event, StageEnded
from etl_daemon.core.progress import STAGES

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4


@dataclass(frozen=True, slots=True)
class _Collector(Collector):
    """What is read at the moment of the scrape; nothing is asked of a dependency."""

    read: Callable[[], Reading]

    def collect(self) -> Iterator[Metric]:
        reading = self.read()
        for spec in READ:
            family = CounterMetricFamily if spec.kind == "counter" else GaugeMetricFamily
            metric = family(spec.name, spec.help, labels=spec.labels)
            for labels, value in spec.samples(reading):
                metric.add_metric(labels, value)
            yield metric


class MetricsObserver:
    """A registry of its own, so that two daemons in one process do not meet."""

    def __init__(self, read: Callable[[], Reading]) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more each, of no use
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(read))
        ProcessCollector(registry=self._registry)
        self._stage, self._cycle = (
            Histogram(each.name, each.help, each.labels, buckets=each.buckets, registry=self._registry)
            for each in (STAGE, CYCLE)
        )
        for name in STAGES:
            self._stage.labels(name)

    def notice(self, event: Event) -> None:
        """Enter durations."""
        if isinstance(event, StageEnded):
            self._stage.labels(event.stage).observe(event.seconds)
        elif isinstance(event, CycleEnded):
            self._cycle.observe(event.seconds)

    def render(self) -> bytes:
        """All metrics as text, exposition format 0.0.4."""
        return generate_latest(self._registry)
