"""A daemon that takes datasets from databases: when, in which order, and what a failing database costs."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etl_daemon.bootstrap.runtime import build
from etl_daemon.bootstrap.upstreams import fed
from etl_daemon.core.events import ObjectExtracted
from etl_daemon.errors import SetupError, TransientError
from etl_daemon.vault import settings_from
from tests.support.databases import empty_postgresql, postgresql, run_postgresql
from tests.support.extraction import QUIET, Plant
from tests.support.s3_servers import moto_server, s3_client

BROKEN = """
[datasets.broken]
table = "SALES.BROKEN"
mode = "TRUNCATE_INSERT"
[datasets.broken.sql]
url = "postgresql://nobody:hush@127.0.0.1:1/none"
table = "orders"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def shop(server: str) -> Iterator[str]:
    with empty_postgresql(server) as url:
        run_postgresql(
            url,
            "CREATE TABLE orders (id int PRIMARY KEY, code text, at timestamptz DEFAULT clock_timestamp())",
            "INSERT INTO orders SELECT i, lpad(i::text, 3, '0') FROM generate_series(1, 5) AS i",
        )
        yield url


class Heard:
    def __init__(self) -> None:
        self.events: list[object] = []

    def notice(self, event: object) -> None:
        self.events.append(event)


def test_a_cycle_extracts_what_is_due_and_loads_it(shop: str, tmp_path: Path) -> None:
    plant = Plant(tmp_path, shop, sql='timestamp_column = "at"\nevery_seconds = 3600')
    heard = Heard()
    with build(settings_from({**plant.shell.settings, "ETL_DUCKDB_PATH": tmp_path / "etl.duckdb"}), [heard]) as runtime:  # type: ignore[arg-type]
        daemon = fed(runtime.daemon(), runtime, extracting=True)
        (report,) = daemon.cycle()
        assert (report.error, report.settled) == (None, 1)
        run_postgresql(shop, "INSERT INTO orders VALUES (6, '006')")
        assert daemon.cycle()[0].settled == 0, "it is not time yet"
        assert len([event for event in heard.events if isinstance(event, ObjectExtracted)]) == 1
    assert [row["CODE"] for row in plant.rows("ORDER BY ID")] == ["001", "002", "003", "004", "005"]


def test_once_knows_the_types_although_it_extracts_nothing(shop: str, tmp_path: Path) -> None:
    plant = Plant(tmp_path, shop)
    assert plant.run().code == 0
    assert plant.shell.run("once").code == 0
    assert plant.rows("ORDER BY ID")[0]["CODE"] == "001"


def test_a_database_that_is_down_costs_its_dataset_only(shop: str, tmp_path: Path) -> None:
    plant = Plant(tmp_path, shop)
    shell = plant.shell
    text = (tmp_path / "datasets.toml").read_text()
    (tmp_path / "datasets.toml").write_text(text + BROKEN)
    with build(settings_from({**shell.settings, "ETL_DUCKDB_PATH": tmp_path / "etl.duckdb"})) as runtime:  # type: ignore[arg-type]
        reports = {report.dataset: report for report in fed(runtime.daemon(), runtime, extracting=True).cycle()}
    assert reports["orders"].settled == 1
    assert isinstance(reports["broken"].error, TransientError)
    assert "hush" not in str(reports["broken"].error)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"table": "nothing"}, "nothing"),
        ({"sql": 'timestamp_column = "att"'}, "there are id, code, at"),
        ({"sql": 'partitions = 2\npartition_by = "code"'}, "holds no whole numbers"),
        ({"url": "foo://x/y"}, "SQLAlchemy"),
    ],
)
def test_what_is_wrong_is_said(shop: str, tmp_path: Path, change: dict[str, str], said: str) -> None:
    ended = Plant(tmp_path, **{"url": shop, **change}).run("--json")
    assert ended.code == 1, ended.err
    error = ended.document["extracted"][0]["error"]
    assert error["kind"] == SetupError.__name__
    assert said in error["detail"] + error["hint"]


def test_nulls_in_the_column_of_increments_are_an_error(shop: str, tmp_path: Path) -> None:
    run_postgresql(shop, "INSERT INTO orders VALUES (7, 'x', NULL)")
    ended = Plant(tmp_path, shop, sql='timestamp_column = "at"').run("--json")
    assert "COALESCE(at, created_at)" in ended.document["extracted"][0]["error"]["hint"]


def test_rows_of_the_future_wait(shop: str, tmp_path: Path) -> None:
    run_postgresql(shop, "INSERT INTO orders VALUES (99, 'x', now() + interval '10 years')")
    plant = Plant(tmp_path, shop, sql='timestamp_column = "at"')
    assert plant.run("--load").code == 0
    run_postgresql(shop, "INSERT INTO orders VALUES (6, '006')", "UPDATE orders SET at = now() WHERE id = 99")
    assert plant.run("--load").code == 0
    assert [row["ID"] for row in plant.rows("ORDER BY ID")] == [1, 2, 3, 4, 5, 6, 99]


def test_a_query_is_taken_and_other_modes_lie_beside(shop: str, tmp_path: Path) -> None:
    plant = Plant(tmp_path, shop)
    assert plant.run("--load", "--obj", '{"orders": "FULL;_ALL"}').code == 0
    assert plant.shell.run("once").code == 0
    (key,) = plant.objects()
    assert key.split("/")[2] == "orders_ALL"
    text = (tmp_path / "datasets.toml").read_text()
    query = "SELECT id, code || '%' AS code FROM orders WHERE code LIKE '%3'; "
    (tmp_path / "datasets.toml").write_text(text.replace('table = "orders"', f'query = "{query}"'))
    ended = plant.run("--load", "--json")
    assert ended.code == 0, ended.err
    assert [(row["ID"], row["CODE"]) for row in plant.rows("")] == [(3, "003%")]


def test_it_works_over_s3_with_conditional_writes(shop: str, tmp_path: Path) -> None:
    with moto_server() as url:
        s3_client(url).create_bucket(Bucket="bucket")
        plant = Plant(tmp_path, shop, s3=url, sql='timestamp_column = "at"')
        first = plant.run("--load", "--json")
        assert first.code == 0, first.err
        body = s3_client(url).get_object(Bucket="bucket", Key="_etl_daemon/extract/orders.json")["Body"].read()
        assert json.loads(body)["intent"] is None
        (item,) = first.document["extracted"][0]["objects"]
        assert s3_client(url).get_object(Bucket="bucket", Key=item["key"])["Body"].read().count(b"\n") == 6
    assert len(plant.rows("")) == 5


def test_the_daemon_extracts_by_itself(shop: str, tmp_path: Path) -> None:
    plant = Plant(tmp_path, shop, sql='timestamp_column = "at"\nevery_seconds = 0')
    process = plant.shell.start("run", ETL_POLL_INTERVAL_SECONDS=0.2, LOG_LEVEL="INFO", LOG_FORMAT="json")
    try:
        deadline, committed = time.monotonic() + 60, 0
        for line in process.stderr or ():
            if '"batch_committed"' in line:
                committed += 1
                run_postgresql(shop, f"INSERT INTO orders VALUES ({10 + committed}, 'x')")
            if committed == 3 or time.monotonic() > deadline:
                break
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert committed == 3
    assert process.returncode == 0
    assert {1, 5, 11, 12} <= {row["ID"] for row in plant.rows("")}


def test_a_secret_may_hold_the_parts_of_the_url(shop: str, tmp_path: Path) -> None:
    from sqlalchemy import make_url

    at = make_url(shop)
    parts = {"engine": "postgres", "host": at.host, "port": at.port, "username": at.username, "dbname": at.database}
    plant = Plant(tmp_path, shop)
    shell = plant.shell
    text = (tmp_path / "datasets.toml").read_text()
    (tmp_path / "datasets.toml").write_text(text.replace(f'url = "{shop}"', 'connection = "shop"\ndatabase = "shop"'))
    ended = shell.run("extract", "sql", "--load", **{f"SHOP_{name.upper()}": value for name, value in parts.items()})
    assert ended.code == 0, ended.err
    assert plant.objects()[0].startswith("sql/shop/orders/")


def test_without_a_database_it_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "d.toml").write_text(QUIET.replace("[datasets.price_data]\nenabled = false\n", ""))
    shell = replace(Plant(tmp_path, "").shell)
    ended = shell.run("extract", "sql", ETL_DATASETS_FILE=tmp_path / "d.toml")
    assert ended.code == 78
    assert "[datasets.NAME.sql]" in ended.err
