"""Counts put into Amazon CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from etl_daemon.adapters.aws import client, code, translated
from etl_daemon.core.status.table_counts import Point
from etl_daemon.errors import SetupError

TIMEOUT_SECONDS = 5.0


class UnfitCountsError(SetupError):
    """CloudWatch never takes these counts, however often they are sent."""


class CloudWatchMetrics:
    """A namespace; every count has the dimensions Dataset and Table, and ``dimensions`` beside them."""

    def __init__(
        self, namespace: str, dimensions: Mapping[str, str], region: str | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self.namespace = namespace
        self._more = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        self._region = region
        self._timeout_seconds = timeout

    def put(self, counts: Sequence[Point]) -> None:
        """Send them in one call.

        Raises:
            TransientError: CloudWatch did not answer.
            SetupError: no access (UnfitCountsError: they are none that it takes).
            ConfigError: there is no region.
        """
        grant = f"cloudwatch:PutMetricData where cloudwatch:namespace is {self.namespace}"
        with translated(f"CloudWatch {self.namespace}", grant):
            try:
                self._client.put_metric_data(
                    Namespace=self.namespace, MetricData=[self._datum(each) for each in counts]
                )
            except ClientError as error:
                if not code(error).startswith(("InvalidParameter", "MissingParameter", "ValidationError")):
                    raise
                hint = "correct CLOUDWATCH_NAMESPACE and CLOUDWATCH_DIMENSIONS"
                raise UnfitCountsError(f"CloudWatch does not take {len(counts)} counts: {error}.", hint=hint) from error

    def size(self, point: Point) -> int:
        """How many bytes it takes in a call, at most."""
        return 300 + len(str(self._datum(point)))

    def close(self) -> None:
        """Let go of connections."""
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> Any:
        return client("cloudwatch", self._region, self._timeout_seconds, attempts=2)

    def _datum(self, point: Point) -> dict[str, Any]:
        own = [{"Name": "Dataset", "Value": point.dataset}, {"Name": "Table", "Value": point.table}]
        return {
            "MetricName": point.measure.name,
            "Dimensions": [*own, *self._more],
            "Timestamp": point.at,
            "Value": point.value,
            "Unit": point.measure.unit,
        }
