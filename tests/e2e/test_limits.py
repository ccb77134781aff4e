"""A process keeps to MEMORY_LIMIT_MB and CPU_LIMIT_CORES; `make memory` has the backlogs that the limit is made for."""

from __future__ import annotations

import gzip
import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from tests.support.backlog import unfit, write_lines, write_parquet
from tests.support.command import Shell
from tests.support.s3_servers import moto_server

HERE = Path(__file__).parents[2]


def work(shell: Shell, seconds: float = 120, **settings: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `once` has done with everything there is, within so many seconds, and what it took."""
    words = [sys.executable, "-m", "tests.support.limits", "once", "--json", "--hours-back", "800000"]
    ended = replace(shell, patience_seconds=seconds).execute(words, PYTHONPATH=HERE, LOG_LEVEL="ERROR", **settings)
    assert ended.code == 0, ended.out + ended.err
    took = json.loads(ended.err.splitlines()[-1])
    print(f"{shell.settings} {settings}: {took}")
    return ended.document["datasets"][0], took


def kept(shell: Shell) -> int:
    """How many keys the table has."""
    with duckdb.connect(str(shell.settings["ETL_DUCKDB_PATH"]), read_only=True) as connection:
        query = "SELECT count(DISTINCT (SYMBOL, TIMESTAMP)) FROM MARKET_DATA.PRICE_DATA"
        return int(connection.execute(query).fetchall()[0][0])


def small(number: int, rows: int) -> str:
    """The lines of a small object: minutes of an hour of its own."""
    hour = datetime(1971, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    line = '{"symbol":"A","timestamp":"%s","open":1,"high":1,"low":1,"close":1,"volume":%d}\n'
    return "".join(line % ((hour + timedelta(minutes=at)).isoformat(), at) for at in range(rows))


def test_a_backlog_of_all_kinds_stays_within_the_limit(tmp_path: Path) -> None:
    shell = Shell.embedded(tmp_path, MEMORY_LIMIT_MB=512)
    folder = tmp_path / "bucket/processed/price_data"
    big, grouped, packed = range(700_000), range(700_000, 1_300_000), range(1_300_000, 1_500_000)
    write_lines(folder / "big.json", big)
    write_parquet(folder / "grouped.parquet", grouped)
    write_lines(tmp_path / "plain", packed)
    content = gzip.compress((tmp_path / "plain").read_bytes(), 1)
    for number in range(3):  # whose rows are the same: those of one stay
        (folder / f"{number}.json.gz").write_bytes(content)
    for number in range(300):
        (folder / f"small-{number}.json").write_text(small(number, 40))
    done, took = work(shell)

    assert took["peak_mib"] <= 512
    fit = sum(len(rows) - unfit(rows) for rows in (big, grouped, packed))
    assert done["rows"]["read"] == len(big) + len(grouped) + 3 * len(packed) + 300 * 40
    assert done["rows"]["quarantined"] == unfit(big) + unfit(grouped) + 3 * unfit(packed)
    assert done["rows"]["loaded"] - done["rows"]["replaced"] == kept(shell) == fit + 300 * 40


@pytest.mark.memory
def test_millions_of_rows_that_are_none_stay_within_the_limit(tmp_path: Path) -> None:
    """Three bytes each of the object; what is kept of them is a multiple of that."""
    shell = Shell.embedded(tmp_path, MEMORY_LIMIT_MB=512)
    rows = 5_000_000
    (tmp_path / "bucket/processed/price_data/0.json").write_bytes(b"[" + b"[]," * (rows - 1) + b"[]]")
    done, took = work(shell)

    assert took["peak_mib"] <= 512
    assert done["rows"]["quarantined"] == done["rows"]["read"] == rows


LONG = [
    pytest.param("one", id="one object of 5 GB"),
    pytest.param("small", id="50,000 objects of 4 KB"),
    pytest.param("backlog", id="20 GB in objects of 200 MB"),
]


@pytest.mark.memory
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("kind", LONG)
def test_backlogs_of_the_size_that_the_limit_is_made_for(tmp_path: Path, kind: str) -> None:
    shell = Shell.embedded(tmp_path, MEMORY_LIMIT_MB=1024)
    folder = tmp_path / "bucket/processed/price_data"
    rows = 41_000_000 if kind == "one" else 1_550_000
    if kind == "small":
        for number in range(50_000):
            (folder / f"{number}.json").write_text(small(number, 38))
        rows = 38
    else:
        write_lines(folder / "0.json", range(rows))
    for number in range(1, 100 if kind == "backlog" else 1):  # one content under many keys takes no room
        (folder / f"{number}.json").hardlink_to(folder / "0.json")
    objects = len(list(folder.iterdir()))
    done, took = work(shell, 7_000)

    assert took["peak_mib"] <= 1024
    assert done["objects"]["loaded"] == objects
    assert done["rows"]["read"] == rows * objects


def in_bucket(url: str, folder: Path) -> dict[str, object]:
    """The folder's files as objects; the settings that lead to them."""
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
    client.create_bucket(Bucket="prices")
    for file in folder.rglob("*.json"):
        client.upload_file(str(file), "prices", str(file.relative_to(folder)))
    return {"ETL_SOURCE": "s3", "S3_BUCKET": "prices", "S3_REGION": "us-east-1", "AWS_ENDPOINT_URL": url}


@pytest.mark.parametrize("source", ["local", "s3"])
def test_one_core_is_one_thread_everywhere(tmp_path: Path, source: str) -> None:
    shell = Shell.embedded(tmp_path, CPU_LIMIT_CORES=1)
    write_lines(tmp_path / "bucket/processed/price_data/a.json", range(100_000))
    with moto_server() if source == "s3" else nullcontext() as url:
        done, took = work(shell, **(in_bucket(url, tmp_path / "bucket") if url else {}))
    assert done["rows"]["read"] == 100_000
    assert took["arrow"] == [1, 1]
    assert took["tokio"] == (source == "s3")
    assert took["blas"] == "1"
    assert "fetch" in took["pools"]
    assert not {"decode", "ahead"} & {*took["pools"]}, "whoever takes the rows decodes them"
