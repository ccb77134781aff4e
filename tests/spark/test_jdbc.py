"""Addresses of JDBC, read by a real Spark with Debian's drivers, against what the databases' own drivers bring."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ended
from tests.support.databases import (
    empty_mariadb,
    empty_postgresql,
    mariadb,
    postgresql,
    run_mariadb,
    run_postgresql,
)
from tests.support.extraction import Plant
from tests.support.glue_job import ROOT, spark_environment

pytestmark = pytest.mark.spark
SPARK_4 = bool(find_spec("pyspark")) and version("pyspark").startswith("4.")
POSTGRESQL = {
    "i2": ("int2", "-32768"),
    "i4": ("int4", "7"),
    "i8": ("int8", "9223372036854775807"),
    "f4": ("float4", "0.1"),
    "f8": ("float8", "1.7976931348623157e308"),
    "n": ("numeric(12,3)", "-1.500"),
    "n38": ("numeric", "12345678901234567890.000000000000000001"),
    "small": ("numeric", "-0.000000000000000001"),
    "half": ("numeric(9,8)", "0.5"),
    "nought": ("numeric(38,10)", "0"),
    "b": ("bool", "true"),
    "by": ("bytea", r"'\x00ff0a22'"),
    "d": ("date", "'0001-01-01'"),
    "ts": ("timestamp", "'2026-03-29 02:30:00.123456'"),
    "tz": ("timestamptz", "'2026-01-02 03:04:05.000001+05:30'"),
    "old": ("timestamptz", "'1890-01-01 00:00+00'"),
    "u": ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
    "j": ("jsonb", """'{"b": {"c": "\u00fc\\n"}}'"""),
    "a": ("int[]", "'{1,2}'"),
    "t": ("text", "E'a,\"b\"\\r\\nbreak\\ttab\\\\'"),
    "snake": ("text", "'\U0001f40d \u00fc'"),
    "empty": ("text", "''"),
    "words": ("text", "'NULL'"),
    "fixed": ("char(4)", "'ab'"),
    '"Odd Name"': ("text", "'x'"),
}
MARIADB = {
    "i1": ("tinyint(1)", "2"),
    "i8": ("bigint unsigned", "18446744073709551615"),
    "f": ("float", "16777216"),
    "d": ("double", "0.1"),
    "n": ("decimal(12,3)", "-1.500"),
    "da": ("date", "'2026-03-29'"),
    "dt": ("datetime(6)", "'2026-03-29 02:30:00.123456'"),
    "ts": ("timestamp(6) NULL", "'2026-03-29 02:30:00.123456'"),
    "y": ("year", "2026"),
    "j": ("json", """'{"a": 1}'"""),
    "bl": ("blob", "x'00ff'"),
    "t": ("text", "'a,\"b\"\\\\ \u00fc'"),
    "en": ("enum('a', 'b')", "'a'"),
    "`Odd Name`": ("varchar(9)", "''"),
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with postgresql(tmp_path_factory.mktemp("pg")) as first, mariadb(tmp_path_factory.mktemp("my")) as second:
        yield {"postgresql": first, "mariadb": second}


@pytest.fixture
def urls(servers: dict[str, str]) -> Iterator[dict[str, str]]:
    with empty_postgresql(servers["postgresql"]) as first, empty_mariadb(servers["mariadb"]) as second:
        yield {"postgresql": first, "mariadb": second}


def by_jdbc(url: str) -> str:
    kind, _, rest = url.partition("://")
    user, _, place = rest.partition("@")
    return f"jdbc:{'mariadb' if kind == 'mysql' else kind}://{place}?user={user}"


def extract(plant: Plant, *words: str) -> Ended:
    """``extract sql --load`` with the Spark of this Python."""
    environment = {**spark_environment(), "PYTHONPATH": ROOT}
    return plant.shell.execute([sys.executable, "-m", "etl_daemon", "extract", "sql", "--load", *words], **environment)


def loaded(folder: Path, url: str, **more: Any) -> list[dict[str, Any]]:
    folder.mkdir()
    plant = Plant(folder, url, key="", **more)
    ended = extract(plant)
    assert ended.code == 0, ended.err
    assert plant.quarantine() == []
    return [
        {name: value for name, value in row.items() if not name.startswith("_")}
        for row in plant.rows("ORDER BY ID NULLS FIRST")
    ]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_the_values_are_those_that_the_databases_own_driver_brings(
    urls: dict[str, str], tmp_path: Path, kind: str
) -> None:
    columns, run = (POSTGRESQL, run_postgresql) if kind == "postgresql" else (MARIADB, run_mariadb)
    described = ", ".join(f"{name} {type_}" for name, (type_, _) in columns.items())
    run(
        urls[kind],
        f"CREATE TABLE orders (id bigint, {described})",
        f"INSERT INTO orders VALUES (1, {', '.join(value for _, value in columns.values())})",
        "INSERT INTO orders (id) VALUES (NULL)",
    )

    own = loaded(tmp_path / "own", urls[kind])
    by_spark = loaded(tmp_path / "spark", by_jdbc(urls[kind]))

    assert len(own) == 2
    assert by_spark == own


def test_parts_are_read_side_by_side_and_increments_follow(urls: dict[str, str], tmp_path: Path) -> None:
    run_postgresql(
        urls["postgresql"],
        "CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz NOT NULL)",
        "INSERT INTO orders SELECT n, timestamptz '2026-01-01Z' + n * interval '1 s' FROM generate_series(1, 999) AS n",
        "INSERT INTO orders VALUES (-1, '9999-01-01')",
    )
    sql = 'timestamp_column = "at"\npartitions = 3\npartition_by = "id"'
    plant = Plant(tmp_path, by_jdbc(urls["postgresql"]), sql=sql)
    ended = extract(plant)
    assert ended.code == 0, ended.err
    assert len(plant.objects()) == 3
    assert len(plant.rows("")) == 999

    run_postgresql(urls["postgresql"], "INSERT INTO orders VALUES (1000, '2026-01-01 00:10:00Z')")
    ended = extract(plant)

    assert ended.code == 0, ended.err
    (new,) = set(plant.objects()[3:])
    assert len((tmp_path / "bucket" / new).read_text().splitlines()) == 602, "the overlap, the late row and a header"
    assert len(plant.rows("")) == 1000


@pytest.mark.parametrize(
    ("place", "create", "said"),
    [
        ("", "CREATE TABLE orders (id int, t time)", "cast"),
        ("", "CREATE TABLE other (id int)", '"orders" does not exist'),
        ("db2", "CREATE TABLE orders (id int)", "etl-daemon check"),
        ("nowhere", "CREATE TABLE orders (id int)", "--extra-jars"),
        pytest.param(
            *("", "CREATE TABLE orders AS SELECT 1 AS id, 'infinity'::date AS d", "integer overflow"),
            marks=pytest.mark.skipif(SPARK_4, reason="Spark 4 has a value for it"),
        ),
    ],
)
def test_what_cannot_be_read_is_told(urls: dict[str, str], tmp_path: Path, place: str, create: str, said: str) -> None:
    run_postgresql(urls["postgresql"], create)
    url = by_jdbc(urls["postgresql"])
    if place == "db2":
        url = url.replace("?user=postgres", "?user=nobody")
        said = "nobody"
    elif place == "nowhere":
        url = "jdbc:h2:mem:shop"
    plant = Plant(tmp_path, url, key="", sql='database = "shop"')

    ended = extract(plant)

    assert ended.code == 1
    assert said in " ".join((ended.out + ended.err).split())
    assert plant.objects() == []


def test_a_stop_is_heard_while_a_database_takes_its_time(urls: dict[str, str], tmp_path: Path) -> None:
    slow = "SELECT n AS id, pg_sleep(n * 600)::text AS s FROM generate_series(0, 1) AS n"
    plant = Plant(tmp_path, by_jdbc(urls["postgresql"]), key="", sql="")
    settings = plant.shell.environment(**spark_environment(), PYTHONPATH=ROOT, ETL_STOP_SECONDS=1)
    file = tmp_path / "datasets.toml"
    file.write_text(file.read_text().replace('table = "orders"\nformat', f'query = "{slow}"\nformat'))
    command = [sys.executable, "-m", "etl_daemon", "extract", "sql"]
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    with (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(command, cwd=tmp_path, env=settings, stdout=err, stderr=err)
    try:
        until = time.monotonic() + 120
        while run_postgresql(urls["postgresql"], asked) != [(1,)] and time.monotonic() < until:
            time.sleep(0.1)
        assert time.monotonic() < until, (tmp_path / "err").read_text()
        process.terminate()
        assert process.wait(60) == 1
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in (tmp_path / "err").read_text()
    assert plant.objects() == []
