"""A Spark session of our own, and what it says when it fails."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from etl_daemon.errors import EtlError, SetupError, TransientError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["SparkSession", "failures", "open_session", "running_session"]

OF_THIS_MACHINE = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
"""A master that is local has nobody else to talk to, and Java little to do: compiling it well would take longer."""

INSTALL = "pip install 'etl-daemon[spark]', and a Java of 17 or later"

OURS = {
    "spark.ui.showConsoleProgress": "false",
    "spark.python.worker.faulthandler.enabled": "true",  # a worker that was killed says where it was
}


def open_session(master: str, name: str) -> SparkSession:
    """A session on that master; what spark-submit says comes first.

    Raises:
        SetupError: there is no PySpark or no Java, or the master cannot be reached.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise SetupError(f"PySpark cannot be imported: {error}.", hint=INSTALL) from error
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")  # we give it Arrow, no frames
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # or executors take the first python3 of the path
    building = SparkSession.builder.appName(name)
    if "SPARK_ENV_LOADED" not in os.environ:  # else spark-submit has named the master
        building = building.master(master)
    for option, value in {**OURS, **(OF_THIS_MACHINE if master.startswith("local") else {})}.items():
        building = building.config(option, value)
    try:
        return building.getOrCreate()
    except Exception as error:  # py4j's, Java's and PySpark's have nothing in common
        raise SetupError(f"No Spark session on {master}: {_first_line(error)}", hint=INSTALL) from error


def running_session() -> SparkSession | None:
    """The session that this process has already, as a job of Glue has: whoever made it stops it."""
    if "pyspark" not in sys.modules:
        return None
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession()


@contextmanager
def failures(what: str) -> Iterator[None]:
    """What Spark raises, as an error of ours.

    Raises:
        TransientError: the job failed; what a task said is in it.
    """
    try:
        yield
    except EtlError:
        raise
    except Exception as error:  # py4j's, Java's and PySpark's have nothing in common
        hint = "nothing of the batch is visible; run it again, and look at the executors' logs if it stays so"
        raise TransientError(f"{what}: {_cause(error)}", hint=hint) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _cause(error: Exception) -> str:
    """The last line of a Python traceback in the message, or else its first line."""
    lines = [line.strip() for line in str(error).splitlines()]
    raised = [line for line in lines if line and not line.startswith(("File ", "at ", "^")) and "Error: " in line]
    return raised[-1] if raised else _first_line(error)
