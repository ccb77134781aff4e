"""One Spark session for all tests: it takes as long to start as many a test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.s3_servers import moto_server, require

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA = Path("/usr/lib/jvm/java-17-openjdk-amd64")


@pytest.fixture(scope="session")
def java() -> Iterator[None]:
    """The Java that Spark is tested with, where this machine has several."""
    with pytest.MonkeyPatch.context() as patch:
        if JAVA.is_dir():
            patch.setenv("JAVA_HOME", str(JAVA))
        found = "JAVA_HOME" in os.environ or shutil.which("java") is not None
        require(found, "java", "apt-get install openjdk-17-jre-headless")
        yield


@pytest.fixture(scope="session")
def s3_session(java: None, made_up_credentials: None) -> Iterator[tuple[SparkSession, str]]:
    """Two cores of this machine, and the address of an S3, which executors find in their environment."""
    from etl_daemon.adapters.spark.session import open_session

    with moto_server() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        made = open_session("local[2]", "tests")
        patch.undo()
        made.sparkContext.setLogLevel("ERROR")
        yield made, url
        made.stop()


@pytest.fixture(scope="session")
def session(s3_session: tuple[SparkSession, str]) -> SparkSession:
    """Two cores of this machine."""
    return s3_session[0]
