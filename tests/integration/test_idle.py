"""What a cycle costs that finds nothing new, with a million objects in the bucket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.core.model import Fence
from etl_daemon.daemon import Daemon
from etl_daemon.vault import settings_from
from tests.support.listed_store import BUCKET, HOUR, PREFIX, ListedStore, listed_store

DATASETS = "datasets.technical_indicators.enabled = false\ndatasets.anomalies.enabled = false\n"
PER_HOUR = 100


@pytest.fixture
def store() -> Iterator[ListedStore]:
    with listed_store(per_hour=PER_HOUR) as made:
        assert len(made.keys) == 1_000_000
        yield made


def runtime(store: ListedStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
    (folder / "datasets.toml").write_text(DATASETS)
    settings = {
        "S3_BUCKET": BUCKET,
        "PRICE_DATA_PREFIX": PREFIX,
        "ETL_DATASETS_FILE": folder / "datasets.toml",
        "ETL_DUCKDB_PATH": folder / "etl.duckdb",
        "ETL_STATE_DIR": folder / "state",
        "ETL_LEASE_URL": "none",
    }
    return build(settings_from({name: str(value) for name, value in settings.items()}))


def swept(runtime: Runtime) -> None:
    """A daemon of that name has compared everything not long ago."""
    destination = runtime.corridor.destination
    destination.prepare(runtime.datasets)
    for dataset in runtime.datasets:
        destination.mark_swept(dataset, Fence(1, "earlier"), datetime.now(UTC))


def hours(since: datetime, until: datetime) -> list[str]:
    """The folder of each hour that is touched, and of the next one, for writers whose clock is ahead."""
    first = since.replace(minute=0, second=0, microsecond=0)
    count = int((until - first) / HOUR) + 2
    return [f"processed/price_data/{first + place * HOUR:%Y/%m/%d/%H}/" for place in range(count)]


def due(daemon: Daemon, since: datetime) -> list[str]:
    """What a cycle that begins then lists: from an hour ago on, or from below the watermark as the lookback says."""
    mark = daemon._known["price_data"].cursor.watermark
    return hours(min(since - HOUR, mark - daemon.corridor.reach.lookback), since)


def test_an_idle_cycle_takes_a_page_per_partition_and_no_statement(store, tmp_path, monkeypatch):
    with runtime(store, tmp_path, monkeypatch) as first:
        swept(first)
        daemon, source = first.daemon(), first.corridor.intake.source
        assert sum(report.settled for _ in range(2) for report in daemon.cycle()) >= PER_HOUR
        for _ in range(2):
            began, statements, requests = datetime.now(UTC), first.statements(), source.list_requests
            store.listed.clear()
            assert [each.pending for each in daemon.cycle()] == [0]
            assert store.listed in (due(daemon, began), due(daemon, datetime.now(UTC))), "a page each, and nothing else"
            assert source.list_requests - requests == len(store.listed) <= 5
            assert first.statements() == statements
    with runtime(store, tmp_path, monkeypatch) as again:
        store.listed.clear()
        assert [each.pending for each in again.daemon().cycle()] == [0]
        assert again.statements() == 2
        assert len(store.listed) <= 5
