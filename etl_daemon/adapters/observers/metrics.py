"""Metrics in the form that Prometheus reads: counts and gauges of the progress at hand, durations as they are heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import prometheus_client
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from etl_daemon.adapters.observers.metric_table import CYCLE, LAST_SUCCESS, MODELS, READ, STAGE, Read, Reading
from etl_daemon.core.events import CycleEnded, Event, StageEnded
from etl_daemon.core.status.progress import STAGES, ModelsProgress, begun
from etl_daemon.errors import SetupError

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4


@dataclass(frozen=True, slots=True)
class _Collector(Collector):
    """What is read at the moment of the scrape; nothing is asked of a dependency."""

    read: Callable[[], Reading]
    table: Sequence[Read] = (*READ, *MODELS)

    def collect(self) -> Iterator[Metric]:
        reading = self.read()
        for spec in self.table:
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


FOR_ALL = 0o644
"""node_exporter is another user."""


def write_models(models: Mapping[str, ModelsProgress], file: Path) -> None:
    """Leave the metrics of models in a file, for node_exporter's textfile collector; whole or not at all.

    When models last went well, the file still knows from the run before.

    Raises:
        SetupError: it cannot be written.
    """
    registry = CollectorRegistry()
    try:
        models = {kind: replace(of, last_success=of.last_success or _left(file, kind)) for kind, of in models.items()}
        registry.register(_Collector(lambda: Reading(replace(begun("", "", (), ()), models=models), 0, ""), MODELS))
        write_to_textfile(str(file), registry)
        file.chmod(FOR_ALL)
    except OSError as error:
        hint = "let this user write there, or correct MODELS_METRICS_FILE"
        raise SetupError(f"Cannot write {file}: {error}.", hint=hint) from error


def _left(file: Path, kind: str) -> datetime | None:
    """When models of the kind went well, as the file has it."""
    if not file.exists():
        return None
    try:
        families = text_string_to_metric_families(file.read_text())
        samples = [sample for family in families if family.name == LAST_SUCCESS for sample in family.samples]
        seconds = next((sample.value for sample in samples if sample.labels == {"kind": kind}), 0.0)
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, IndexError, OverflowError):  # no metrics, so nothing is known; the file is made anew
        return None
