"""The Glue job as a process: by JDBC from PostgreSQL and MariaDB, through moto's S3, into the Snowflake stand-in."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.aws import aws, put_parameters
from tests.support.databases import (
    empty_mariadb,
    empty_postgresql,
    mariadb,
    postgresql,
    run_mariadb,
    run_postgresql,
)
from tests.support.extraction import QUIET
from tests.support.glue_job import GlueJob, spark_environment
from tests.support.s3_servers import moto_server, s3_client
from tests.support.snowflake import Emulator

pytestmark = pytest.mark.spark
NAMESPACE = f"Glue{uuid4().hex[:8]}"
MODES = {
    "whole": ("FULL", ""),
    "replaced": ("TRUNCATE_INSERT", ""),
    "merged": ("UPSERT", 'timestamp_column = "updated_at"'),
    "grown": ("INCREMENTAL", ""),
    "added": ("APPEND", 'primary_key = "id"\noverlap = 0'),
}
FIRST = [(1, "a"), (2, "a"), (3, "a")]
CHANGED = {
    "whole": [(2, "b"), (3, "a"), (4, "a")],
    "replaced": [(2, "b"), (3, "a"), (4, "a")],
    "merged": [(1, "a"), (2, "b"), (3, "a"), (4, "a")],
    "grown": [(1, "a"), (2, "a"), (3, "a"), (4, "a")],
    "added": [(1, "a"), (2, "a"), (3, "a"), (4, "a")],
}


@dataclass
class Site:
    """Everything around a job: sources, bucket, stores of secrets, warehouse."""

    folder: Path
    postgresql: str
    mariadb: str
    aws: str
    snowflake: Emulator
    database: str

    def job(self, *datasets: str) -> GlueJob:
        settings = f"S3_BUCKET={self.bucket}\nCLOUDWATCH_NAMESPACE={NAMESPACE}\nETL_DATASETS_FILE=datasets.toml\n"
        files = {"etl-config.env": settings, "datasets.toml": "\n".join([QUIET, *datasets])}
        around = spark_environment()
        logged = f"--conf spark.eventLog.enabled=true --conf spark.eventLog.dir=file://{self.spark_log} "
        submit = logged + "--conf spark.eventLog.compress=false " + around["PYSPARK_SUBMIT_ARGS"]
        self.spark_log.mkdir(exist_ok=True)
        given = {**around, "PYSPARK_SUBMIT_ARGS": submit, "AWS_ENDPOINT_URL": self.aws}
        return GlueJob("glue_etl_job.py", self.folder, files, given)

    @property
    def spark_log(self) -> Path:
        return self.folder / "spark-log"

    def batches(self) -> Counter[str]:
        """How many batches of each dataset executors have read."""
        text = "".join(path.read_text("utf-8", "replace") for path in self.spark_log.rglob("*") if path.is_file())
        return Counter(name for name, _ in set(re.findall(r'"spark.job.description":"(\w+): batch (\w+)', text)))

    @property
    def bucket(self) -> str:
        return f"b{self.database.lower().replace('_', '-')}"

    @property
    def arguments(self) -> dict[str, str]:
        paths = {name.upper(): f"/{self.bucket}/{name}" for name in ("snowflake", "affiliate", "program360")}
        return {"JOB_NAME": "nightly", **paths, "OPS": "none", "OBJ": "none"}

    def rows(self, table: str, columns: str = "ID, V") -> list[tuple[Any, ...]]:
        return self.snowflake.run(f"SELECT {columns} FROM {self.database}.SALES.{table} ORDER BY ID")

    def objects(self, prefix: str = "sql/") -> list[str]:
        found = s3_client(self.aws).list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in found]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    with (
        postgresql(tmp_path_factory.mktemp("pg")) as first,
        mariadb(tmp_path_factory.mktemp("my")) as second,
        moto_server() as moto,
    ):
        yield first, second, moto


@pytest.fixture
def site(servers: tuple[str, str, str], snowflake: Emulator, snowflake_database: str, tmp_path: Path) -> Iterator[Site]:
    with empty_postgresql(servers[0]) as first, empty_mariadb(servers[1]) as second:
        made = Site(tmp_path, first, second, servers[2], snowflake, snowflake_database)
        s3_client(made.aws).create_bucket(Bucket=made.bucket)
        login = snowflake.settings(SNOWFLAKE_DATABASE=snowflake_database)
        put_parameters(made.aws, f"/{made.bucket}/snowflake", login)
        for name, url in (("affiliate", first), ("program360", second)):
            kind, _, rest = url.partition("://")
            user, _, place = rest.partition("@")
            scheme = "mariadb" if kind == "mysql" else kind
            put_parameters(made.aws, f"/{made.bucket}/{name}", {"url": f"jdbc:{scheme}://{place}", "username": user})
        yield made


def dataset(name: str, mode: str, sql: str, connection: str = "affiliate", table: str = "") -> str:
    return (
        f'[datasets.{name}]\ntable = "SALES.{name.upper()}"\nmode = "{mode}"\nprimary_key = ["id"]\n'
        f'[datasets.{name}.sql]\nconnection = "{connection}"\ndatabase = "shop"\ntable = "{table or name}"\n{sql}\n'
    )


def fill(run: Any, url: str, table: str) -> None:
    run(
        url,
        f"CREATE TABLE {table} (id bigint PRIMARY KEY, v varchar(9), updated_at timestamp NOT NULL)",
        f"INSERT INTO {table} VALUES (1, 'a', '2026-01-01 00:00:01'), (2, 'a', '2026-01-01 00:00:02'), "
        f"(3, 'a', '2026-01-01 00:00:03')",
    )


def change(run: Any, url: str, table: str) -> None:
    run(
        url,
        f"DELETE FROM {table} WHERE id = 1",
        f"UPDATE {table} SET v = 'b', updated_at = '2026-01-01 00:00:10' WHERE id = 2",
        f"INSERT INTO {table} VALUES (4, 'a', '2026-01-01 00:00:20')",
    )


def counts(url: str, table: str) -> dict[str, float]:
    """What CloudWatch has of a table, all in all."""
    client, now = aws("cloudwatch", url), datetime.now(UTC)
    found: dict[str, float] = {}
    for metric in client.list_metrics(Namespace=NAMESPACE)["Metrics"]:
        if any(each["Value"].endswith(f".SALES.{table}") for each in metric["Dimensions"]):
            asked = {"Namespace": NAMESPACE, "MetricName": metric["MetricName"], "Dimensions": metric["Dimensions"]}
            period = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(minutes=1), "Period": 7200}
            points = client.get_metric_statistics(**asked, **period, Statistics=["Sum"])["Datapoints"]
            found[metric["MetricName"]] = sum(each["Sum"] for each in points)
    return found


def test_each_mode_does_what_it_means_and_a_failing_table_costs_itself_only(site: Site) -> None:
    names = [*MODES, "elsewhere"]
    datasets = [dataset(name, *MODES[name]) for name in MODES]
    datasets.insert(2, dataset("broken", "UPSERT", "", table="not_there"))
    datasets.append(dataset("elsewhere", "UPSERT", 'timestamp_column = "updated_at"', "program360"))
    for name in MODES:
        fill(run_postgresql, site.postgresql, name)
    fill(run_mariadb, site.mariadb, "elsewhere")
    job = site.job(*datasets)

    ended = job.run(**site.arguments)

    assert ended.code == 1, ended.err
    assert ended.out.splitlines()[0] == "job nightly began"
    assert "committed" not in ended.out
    assert "nightly: etl-daemon ended with 1" in ended.err
    (failed,) = [line for line in ended.log if line["event"] == "dataset_failed"]
    assert failed["dataset"] == "broken"
    assert "not_there" in failed["detail"]
    assert {name: site.rows(name.upper()) for name in names} == dict.fromkeys(names, FIRST)
    assert site.batches() == dict.fromkeys(names, 1)
    assert site.objects("_etl_daemon/staging/") == []
    assert counts(site.aws, "MERGED")["SourceRecordCount"] == 3
    assert counts(site.aws, "BROKEN")["Errors"] >= 1

    for name in MODES:
        change(run_postgresql, site.postgresql, name)
    change(run_mariadb, site.mariadb, "elsewhere")
    run_postgresql(site.postgresql, "CREATE TABLE not_there AS SELECT * FROM merged")
    ended = job.run(**site.arguments)

    assert (ended.code, ended.out.splitlines()[-1]) == (0, "job nightly committed"), ended.err
    expected = {**CHANGED, "elsewhere": CHANGED["merged"]}
    assert {name: site.rows(name.upper()) for name in names} == expected
    assert site.rows("BROKEN") == CHANGED["whole"]

    objects = site.objects()
    ended = job.run(**site.arguments)

    assert ended.code == 0, ended.err
    assert site.objects() == objects, "nothing was new"
    assert {name: site.rows(name.upper()) for name in names} == expected


def test_obj_has_other_modes_and_tables_for_a_run(site: Site) -> None:
    fill(run_postgresql, site.postgresql, "merged")
    job = site.job(dataset("merged", *MODES["merged"]))
    assert job.run(**site.arguments).code == 0
    change(run_postgresql, site.postgresql, "merged")

    ended = job.run(**{**site.arguments, "OBJ": '{"SALES.MERGED": "INCREMENTAL;_DELTA"}'})

    assert ended.code == 0, ended.err
    assert site.rows("MERGED") == FIRST
    assert site.rows("MERGED_DELTA") == CHANGED["whole"]


def test_a_job_that_is_killed_is_completed_by_the_next(site: Site) -> None:
    run_postgresql(
        site.postgresql,
        "CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS v FROM generate_series(1, 200000) AS n",
        "ALTER TABLE orders ADD PRIMARY KEY (id)",
    )
    job = site.job(dataset("orders", "APPEND", 'primary_key = "id"\noverlap = 0\npartitions = 8'))
    process = job.start(**site.arguments)
    try:
        until = time.monotonic() + 120
        while len(site.objects()) < 2 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    put = site.objects()
    assert 2 <= len(put) < 8, (job.folder / "err").read_text()
    mark = s3_client(site.aws).get_object(Bucket=site.bucket, Key="_etl_daemon/extract/orders.json")
    assert json.loads(mark["Body"].read())["intent"]

    ended = job.run(**site.arguments)

    assert ended.code == 0, ended.err
    assert set(put) < set(site.objects())
    assert len(site.objects()) == 8
    found = site.snowflake.run(f"SELECT COUNT(*), COUNT(DISTINCT ID), SUM(ID) FROM {site.database}.SALES.ORDERS")
    assert found == [(200_000, 200_000, sum(range(200_001)))]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"OBJ": None}, "required: --OBJ"),
        ({"OBJ": '{"SALES.NOWHERE": "FULL"}'}, "There is no dataset or table SALES.NOWHERE"),
        ({"OBJ": '{"SALES.MERGED": "SIDEWAYS"}'}, "There is no mode SIDEWAYS"),
        ({"OBJ": "{"}, "It is no JSON"),
        ({"AFFILIATE": "prod/affiliate"}, "AFFILIATE_SSM_PATH"),
        ({"SNOWFLAKE": "/nothing/there"}, "SNOWFLAKE_SSM_PATH=/nothing/there"),
    ],
)
def test_wrong_arguments_are_told(site: Site, changed: dict[str, str | None], said: str) -> None:
    job = site.job(dataset("merged", *MODES["merged"]))
    given = {name: value for name, value in {**site.arguments, **changed}.items() if value is not None}

    ended = job.run(**given)

    assert ended.code == 1
    assert said in " ".join(ended.err.split())
    assert "committed" not in ended.out
    assert site.objects() == []
