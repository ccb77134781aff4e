"""The Glue job that takes APIs to S3, as a process: with moto's S3, and without Spark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.api_server import Answer, Api, answer, api_server
from tests.support.command import Ended
from tests.support.extraction import QUIET
from tests.support.glue_job import GlueJob
from tests.support.s3_servers import moto_server, s3_client

BUCKET = f"apis-{uuid4().hex[:8]}"  # one moto serves all tests of a process
SETTINGS = f"""
S3_BUCKET={BUCKET}
ETL_DESTINATION=snowflake
SNOWFLAKE_SSM_PATH=/not/for/this/job
ETL_DATASETS_FILE=datasets.toml
ETL_MAX_RETRIES=1
ETL_RETRY_DELAY=0.01
"""


@pytest.fixture
def moto() -> Iterator[str]:
    with moto_server() as url:
        s3_client(url).create_bucket(Bucket=BUCKET)
        yield url


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as served:
        yield served


def job(folder: Path, moto: str, urls: dict[str, str]) -> GlueJob:
    tables = [
        f'[datasets.{name}]\ntable = "RAW.{name.upper()}"\nraw = "document"\n'
        f'[datasets.{name}.api]\nurl = "{url}"\nrate_per_second = 1000\n'
        for name, url in urls.items()
    ]
    files = {"etl-config.env": SETTINGS, "datasets.toml": "\n".join([QUIET, *tables])}
    return GlueJob("api_to_s3_job.py", folder, files, {"AWS_ENDPOINT_URL": moto})


def objects(moto: str) -> list[str]:
    found = s3_client(moto).list_objects_v2(Bucket=BUCKET, Prefix="data/").get("Contents", [])
    return [each["Key"] for each in found]


def failed(ended: Ended) -> list[str]:
    return [line["dataset"] for line in ended.log if line["event"] == "dataset_failed"]


def test_answers_are_put_once_and_a_failing_api_costs_itself_only(tmp_path: Path, moto: str, api: Api) -> None:
    good = api.at("/good", answer([{"id": 1}, {"id": 2}]))
    bad = api.at("/bad", Answer(status=500))
    made = job(tmp_path, moto, {"bad": bad, "good": good})

    ended = made.run(JOB_NAME="apis", DATASET="all")

    assert ended.code == 1, ended.err
    assert "apis: etl-daemon ended with 1" in ended.err
    assert failed(ended) == ["bad"]
    (key,) = objects(moto)
    assert key.startswith("data/good/")
    body = s3_client(moto).get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert body == b'[{"id": 1}, {"id": 2}]'

    ended = made.run(JOB_NAME="apis", DATASET="good")

    assert ended.code == 0, ended.err
    assert objects(moto) == [key], "nothing was new"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"JOB_NAME": "apis"}, "required: --DATASET"),
        ({"JOB_NAME": "apis", "DATASET": "nowhere"}, "There is no dataset nowhere"),
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, moto: str, api: Api, arguments: dict[str, str], said: str) -> None:
    made, before = job(tmp_path, moto, {"good": api.at("/good", answer([]))}), objects(moto)
    ended = made.run(**arguments)
    assert ended.code == 1
    assert said in " ".join(ended.err.split())
    assert objects(moto) == before
