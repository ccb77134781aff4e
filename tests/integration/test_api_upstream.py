"""When the daemon asks an API, and what it does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl_daemon.bootstrap.api_upstream import ApiUpstream, api_upstream
from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.bootstrap.upstreams import fed
from etl_daemon.config import settings_from
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import Retried
from etl_daemon.errors import TransientError, TryLaterError
from tests.support.api_server import Answer, Api, answer, api_server


class Clock:
    """Stands still, unless it is set."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 2, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class Noted:
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def notice(self, event: object) -> None:
        self.events.append(event)


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as served:
        yield served


class House:
    """A process with one dataset from an API."""

    def __init__(self, runtime: Runtime, clock: Clock, noted: Noted) -> None:
        self.runtime, self.clock, self.noted = runtime, clock, noted

    @property
    def dataset(self) -> Dataset:
        return next(each for each in self.runtime.datasets if each.name == "x")

    def upstream(self, *, extracting: bool = True) -> ApiUpstream:
        made = api_upstream(self.runtime, None, extracting=extracting)
        assert made
        return made

    def objects(self) -> int:
        return len(list(self.runtime.corridor.intake.source.list("", "data/x/")))


@contextmanager
def house(folder: Path, url: str, more: str = "", mode: str = "APPEND") -> Iterator[House]:
    (folder / "bucket").mkdir(exist_ok=True)
    file = folder / "datasets.toml"
    head = f"[datasets.x]\ntable = 'RAW.X'\nraw = 'records'\nmode = '{mode}'\n"
    file.write_text(f"{head}[datasets.x.api]\nurl = '{url}'\nevery_seconds = 60\nrate_per_second = 1000\n{more}\n")
    settings = settings_from(
        {
            "ETL_SOURCE": "local",
            "ETL_LOCAL_DIR": str(folder / "bucket"),
            "ETL_DUCKDB_PATH": str(folder / "x.duckdb"),
            "ETL_STATE_DIR": str(folder / "state"),
            "ETL_DATASETS_FILE": str(file),
            "ETL_MAX_RETRIES": 1,
            "ETL_RETRY_DELAY": 0.01,
            "ETL_TIMEOUT": 5,
        }
    )
    clock, noted = Clock(), Noted()
    with build(settings, [noted], clock) as runtime:
        yield House(runtime, clock, noted)


def test_it_is_asked_when_it_is_time_whoever_asked_before(api, tmp_path):
    url = api.at("/x", lambda _: answer([len(api.asked)]))
    with house(tmp_path, url) as one:
        first = one.upstream()
        first.pull(one.dataset)
        first.pull(one.dataset)
        assert len(api.asked) == 1
        other = one.upstream()  # as another process
        other.pull(one.dataset)
        assert len(api.asked) == 1
        one.clock.at += timedelta(seconds=60)
        one.upstream().pull(one.dataset)
        assert (len(api.asked), one.objects()) == (2, 2)


def test_a_server_that_asks_to_be_left_alone_is_left_alone(api, tmp_path):
    url = api.at("/x", [Answer(b"", 429, {"Retry-After": "3000"}), answer([1])])
    with house(tmp_path, url) as one:
        upstream = one.upstream()
        with pytest.raises(TryLaterError):
            upstream.pull(one.dataset)
        assert upstream.pull(one.dataset) is one.dataset
        assert len(api.asked) == 1


def test_after_a_failure_the_next_pull_asks_again(api, tmp_path):
    url = api.at("/x", [Answer(b"", 500), Answer(b"", 500), answer([1])])
    with house(tmp_path, url) as one:
        upstream = one.upstream()
        with pytest.raises(TransientError):
            upstream.pull(one.dataset)
        assert [each.dependency for each in one.noted.events if isinstance(each, Retried)] == ["api"]
        upstream.pull(one.dataset)
        assert one.objects() == 1


def test_a_table_is_not_replaced_by_half_a_run(api, tmp_path):
    url = api.at("/x", lambda asked: answer([int(asked.params["page"])] if asked.params["page"] < "3" else []))
    with house(tmp_path, url, "paging = { kind = 'page' }", "TRUNCATE_INSERT") as one:
        one.upstream().extract(one.dataset)
        mark = tmp_path / "bucket/_etl_daemon/extract/x.json"
        notes = json.loads(mark.read_text())
        mark.write_text(json.dumps({**notes, "intent": notes["last"]}))
        onlooker = one.upstream(extracting=False)
        assert onlooker.pull(one.dataset) is one.dataset  # all of it is there
        next((tmp_path / "bucket/data").rglob("*p002.json")).unlink()
        with pytest.raises(TransientError, match="cut short") as caught:
            onlooker.pull(one.dataset)
        assert "extract api --dataset x" in caught.value.hint
        (report,) = [
            each for each in fed(one.runtime.daemon(), one.runtime, extracting=True).cycle() if each.dataset == "x"
        ]
        assert report.error is None
        assert report.receipts[0].counts.loaded == 2


def test_half_a_run_is_not_loaded_while_the_server_asks_to_be_left_alone(api, tmp_path):
    url = api.at("/x", [answer([1]), answer([]), Answer(b"", 429, {"Retry-After": "3000"})])
    with house(tmp_path, url, "paging = { kind = 'page' }", "TRUNCATE_INSERT") as one:
        one.upstream().extract(one.dataset)
        mark = tmp_path / "bucket/_etl_daemon/extract/x.json"
        notes = json.loads(mark.read_text())
        run = [*notes["last"]["keys"], notes["last"]["keys"][0].replace("p001", "p009")]
        mark.write_text(json.dumps({**notes, "intent": {**notes["last"], "keys": run}}))
        upstream = one.upstream()
        with pytest.raises(TryLaterError):
            upstream.pull(one.dataset)
        with pytest.raises(TransientError, match="cut short"):
            upstream.pull(one.dataset)


def test_a_failing_api_costs_its_dataset_only(api, tmp_path):
    with house(tmp_path, api.at("/x", Answer(b"", 404))) as one:
        reports = fed(one.runtime.daemon(), one.runtime, extracting=True).cycle()
        assert {each.dataset for each in reports if each.error} == {"x"}
        assert len(reports) == len(one.runtime.datasets) > 1


def test_without_apis_there_is_no_upstream(tmp_path):
    settings = settings_from({"ETL_SOURCE": "local", "ETL_LOCAL_DIR": str(tmp_path), "ETL_DUCKDB_PATH": "x.duckdb"})
    with build(settings) as runtime:
        assert api_upstream(runtime, None) is None
        assert fed(runtime.daemon(), runtime, extracting=True).upstream is None
