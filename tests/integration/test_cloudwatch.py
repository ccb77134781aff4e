"""Counts per table in CloudWatch (moto's): what arrives, in how many calls, and what outages and ends do."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from etl_daemon.adapters.cloudwatch.metrics import CloudWatchMetrics, UnfitCountsError
from etl_daemon.adapters.cloudwatch.observer import CloudWatchObserver, Metrics, Pace
from etl_daemon.bootstrap.runtime import build
from etl_daemon.cli.start import at_work
from etl_daemon.config import settings_from
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.events import (
    BatchBegan,
    BatchCommitted,
    DatasetFailed,
    DatasetSettled,
    Event,
)
from etl_daemon.core.events.side import CountsResumed, CountsUnsent
from etl_daemon.core.model import BatchPlan, Counts, ObjectReceipt, ObjectRef, Outcome, Receipt
from etl_daemon.core.status.table_counts import ERRORS, SOURCE, Point
from etl_daemon.errors import SetupError, TransientError
from tests.support.aws import answering, aws
from tests.support.command import Shell
from tests.support.s3_servers import moto_server

AT = datetime.now(UTC).replace(microsecond=0)
TABLES = {"price_data": "D.S.PRICES"}
AT_ONCE = Pace(gather=0.02, first_pause=0.02, longest_pause=0.05)
PATIENCE_SECONDS = 20.0
PRICES = "symbol,timestamp,open,high,low,close,volume\nAAPL,2026-01-02,10,12,9,11,100\nx1,2026-01-02,10,12,9,11,1\n"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(autouse=True)
def at_moto(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", moto)


@pytest.fixture
def namespace() -> str:
    return f"Etl/{uuid4().hex}"


class HandClock:
    def now(self) -> datetime:
        return AT


@dataclass
class Recorded:
    """Takes counts down; fails as long as ``error`` is set."""

    calls: list[int] = field(default_factory=list)
    counts: list[Point] = field(default_factory=list)
    attempts: int = 0
    error: Exception | None = None

    def put(self, counts: list[Point]) -> None:
        self.attempts += 1
        if self.error:
            raise self.error
        self.calls.append(len(counts))
        self.counts += counts

    def size(self, _point: Point) -> int:
        return 500

    def close(self) -> None:
        """Nothing is kept open."""


def observer(metrics: Metrics, told: list[Event], pace: Pace = AT_ONCE) -> CloudWatchObserver:
    return CloudWatchObserver(metrics, TABLES, HandClock(), told.append, pace)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        threading.Event().wait(0.005)


def sums(moto: str, namespace: str, name: str, **dimensions: str) -> dict[str, float]:
    """Sum and number of what arrived with exactly these dimensions."""
    (found,) = aws("cloudwatch", moto).get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": each, "Value": value} for each, value in dimensions.items()],
        StartTime=AT - timedelta(hours=1),
        EndTime=datetime.now(UTC) + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    return {"sum": found["Sum"], "number": found["SampleCount"]}


def committed(loaded: int) -> BatchCommitted:
    line = ObjectReceipt(ObjectRef(AT, "a.csv", "v"), Outcome.LOADED, "", Counts(read=loaded, loaded=loaded))
    return BatchCommitted("price_data", Receipt("b", "price_data", (line,)), 0.5)


# ---------------------------------------------------------------- what arrives


def test_counts_arrive_with_their_dimensions_and_units(moto: str, namespace: str) -> None:
    told: list[Event] = []
    watching = observer(CloudWatchMetrics(namespace, {"Environment": "prod"}), told)
    for loaded in (7, 5):
        watching.notice(committed(loaded))
    watching.notice(DatasetSettled("price_data"))
    watching.close()
    own = {"Dataset": "price_data", "Table": "D.S.PRICES", "Environment": "prod"}
    assert sums(moto, namespace, "SourceRecordCount", **own) == {"sum": 12, "number": 2}
    assert sums(moto, namespace, "BatchDuration", **own) == {"sum": 1, "number": 2}
    assert sums(moto, namespace, "Errors", **own) == {"sum": 0, "number": 1}
    assert told == []


def test_a_batch_tells_its_own_table(moto: str, namespace: str) -> None:
    watching = observer(CloudWatchMetrics(namespace, {}), [])
    watching.notice(BatchBegan("price_data", BatchPlan(Dataset("price_data", Kind.TABLE, "", "D.S.PRICES_DELTA"), ())))
    watching.notice(committed(3))
    watching.close()
    assert sums(moto, namespace, "SourceRecordCount", Dataset="price_data", Table="D.S.PRICES_DELTA")["sum"] == 3


def test_a_call_of_a_thousand_counts_goes_through(moto: str, namespace: str) -> None:
    """It is compressed by the SDK, and well below what a call may have."""
    metrics = CloudWatchMetrics(namespace, {"Environment": "x" * 200})
    counts = [Point(SOURCE, 1, "price_data", "D.S.PRICES", AT)] * 1000
    assert sum(map(metrics.size, counts)) < 900_000
    metrics.put(counts)
    found = sums(moto, namespace, "SourceRecordCount", Dataset="price_data", Table="D.S.PRICES", Environment="x" * 200)
    assert found == {"sum": 1000, "number": 1000}


def test_many_counts_share_few_calls() -> None:
    recorded, told = Recorded(), list[Event]()
    watching = observer(recorded, told, Pace(gather=60))
    for _ in range(500):
        watching.notice(committed(1))
    watching.close()
    assert recorded.calls == [1000, 1000, 500]
    assert sum(point.value for point in recorded.counts if point.measure is SOURCE) == 500


# ---------------------------------------------------------------- outages


def test_an_outage_is_told_once_and_costs_no_count() -> None:
    recorded, told = Recorded(error=TransientError("CloudWatch: 503.", hint="later")), list[Event]()
    watching = observer(recorded, told)
    watching.notice(committed(1))
    until(lambda: recorded.attempts >= 4)
    watching.notice(committed(2))
    assert told == [CountsUnsent("", "CloudWatch: 503.", "later")]
    recorded.error = None
    until(lambda: len(recorded.counts) == 10)
    until(lambda: len(told) == 2)
    recorded.error = TransientError("again")
    watching.notice(committed(4))
    until(lambda: len(told) == 3)
    recorded.error = None
    until(lambda: len(recorded.counts) == 15)
    watching.close()
    assert [type(event) for event in told] == [CountsUnsent, CountsResumed, CountsUnsent, CountsResumed]
    assert [point.value for point in recorded.counts if point.measure is SOURCE] == [1, 2, 4]


def test_waiting_counts_are_bounded_and_the_lost_ones_are_told() -> None:
    recorded, told = Recorded(error=TransientError("503")), list[Event]()
    watching = observer(recorded, told, replace(AT_ONCE, most_waiting=12))
    for _ in range(5):
        watching.notice(committed(1))
    until(lambda: bool(told))
    recorded.error = None
    until(lambda: len(told) == 2)
    watching.close()
    assert (told[1], len(recorded.counts)) == (CountsResumed("", 13), 12)


def test_counts_that_are_never_taken_do_not_hold_the_others_up() -> None:
    recorded, told = Recorded(error=UnfitCountsError("no", hint="correct it")), list[Event]()
    watching = observer(recorded, told)
    watching.notice(committed(1))
    until(lambda: bool(told))
    recorded.error = None
    watching.notice(committed(2))
    watching.close()
    assert told == [CountsUnsent("", "no", "correct it")]
    assert [point.value for point in recorded.counts if point.measure is SOURCE] == [2]


def test_a_defect_ends_neither_the_thread_nor_the_work() -> None:
    recorded, told = Recorded(error=ZeroDivisionError("x")), list[Event]()
    watching = observer(recorded, told)
    watching.notice(committed(1))
    until(lambda: bool(told))
    recorded.error = None
    until(lambda: len(recorded.counts) == 5)
    watching.close()
    assert isinstance(told[0], CountsUnsent)
    assert "report it" in told[0].hint


@pytest.mark.parametrize(
    ("status", "name", "kind", "hint"),
    [
        (403, "AccessDenied", SetupError, "cloudwatch:PutMetricData where cloudwatch:namespace is"),
        (503, "ServiceUnavailable", TransientError, ""),
        (400, "InvalidParameterValue", UnfitCountsError, "CLOUDWATCH_DIMENSIONS"),
    ],
)
def test_what_cloudwatch_says_is_told_for_what_it_is(
    status: int, name: str, kind: type[Exception], hint: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(status, name) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", url)
        with pytest.raises(kind) as caught:
            CloudWatchMetrics(namespace, {}).put([Point(ERRORS, 1, "d", "t", AT)])
    assert type(caught.value) is kind
    assert hint in str(caught.value)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A CloudWatch that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", f"http://127.0.0.1:{listener.getsockname()[1]}")
        yield


@pytest.mark.usefixtures("silent")
def test_neither_events_nor_the_end_wait_for_a_cloudwatch_that_is_silent(namespace: str) -> None:
    told: list[Event] = []
    watching = observer(CloudWatchMetrics(namespace, {}, timeout=3), told, replace(AT_ONCE, end=0.5))
    began = time.monotonic()
    for _ in range(1000):
        watching.notice(committed(1))
    assert time.monotonic() - began < 1
    watching.close()
    assert time.monotonic() - began < 2
    assert told == [CountsUnsent("", "The process ended before 5,000 counts were sent.", "")]


# ---------------------------------------------------------------- in a process


def local(folder: Path, **more: Any) -> dict[str, object]:
    prices = folder / "bucket/processed/price_data"
    prices.mkdir(parents=True)
    (prices / "a.csv").write_text(PRICES)
    return {
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": str(folder / "bucket"),
        "ETL_DUCKDB_PATH": str(folder / "market.duckdb"),
        "ETL_STATE_DIR": str(folder / "state"),
        **more,
    }


def test_once_sends_its_counts_before_it_ends(moto: str, namespace: str, tmp_path: Path) -> None:
    given = local(tmp_path, CLOUDWATCH_NAMESPACE=namespace, CLOUDWATCH_DIMENSIONS="Environment=test")
    shell = Shell(tmp_path, {**given, "AWS_ENDPOINT_URL_CLOUDWATCH": moto})
    ended = shell.run("once", "--obj", '{"MARKET_DATA.PRICE_DATA": "APPEND;_DELTA"}')
    assert ended.code == 0, ended.err
    of = {
        "Dataset": "price_data",
        "Table": "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA_DELTA",
        "Environment": "test",
    }
    found = {
        name: sums(moto, namespace, name, **of)["sum"]
        for name in ("SourceRecordCount", "DestinationRecordCount", "RowDifference", "FilteredRecordCount", "Errors")
    }
    assert found == {
        "SourceRecordCount": 2,
        "DestinationRecordCount": 1,
        "RowDifference": 1,
        "FilteredRecordCount": 0,
        "Errors": 0,
    }


def test_a_cloudwatch_that_is_down_costs_a_line_of_the_log_only(namespace: str, tmp_path: Path) -> None:
    shell = Shell(
        tmp_path,
        local(tmp_path, CLOUDWATCH_NAMESPACE=namespace, AWS_ENDPOINT_URL_CLOUDWATCH="http://127.0.0.1:1"),
    )
    began = time.monotonic()
    ended = shell.run("once", "--json")
    assert (ended.code, ended.document["failed"]) == (0, False)
    assert time.monotonic() - began < 20
    lines = [each for each in ended.log if each["event"] == "counts_unsent"]
    assert [each["level"] for each in lines] == ["warning", "warning"]
    assert "CloudWatch" in lines[0]["detail"]
    assert "ended before" in lines[1]["detail"]


def test_a_runtime_without_a_namespace_sends_nothing_and_imports_nothing(tmp_path: Path) -> None:
    program = """
import sys
from etl_daemon.cli.start import logging_runtime
from etl_daemon.vault import load_settings
with logging_runtime(load_settings()) as runtime:
    runtime.daemon().cycle()
print(sorted(name for name in sys.modules if "cloudwatch" in name or name in {"boto3", "etl_daemon.counting"}))
"""
    ended = Shell(tmp_path, local(tmp_path)).execute([sys.executable, "-c", program])
    assert (ended.code, ended.out.strip()) == (0, "[]"), ended.err


def test_a_failing_cycle_counts(moto: str, namespace: str, tmp_path: Path) -> None:
    settings = settings_from(local(tmp_path, CLOUDWATCH_NAMESPACE=namespace))
    with at_work(build(settings)) as runtime:
        runtime.corridor.tell(DatasetFailed("", TransientError("down")))
    for name in ("price_data", "technical_indicators", "anomalies"):
        table = next(each.table for each in runtime.datasets if each.name == name)
        assert sums(moto, namespace, "Errors", Dataset=name, Table=table) == {"sum": 1, "number": 1}
