"""A job of AWS Glue 5: what is new in SQL databases, into S3, and from there into Snowflake. docs/glue.md says how.

It is ``etl-daemon extract sql --load --engine spark``, in the session of Spark that Glue has, with settings from the
job's arguments. Glue copies ``etl-config.env`` and ``datasets.toml`` here (``--extra-files``). Glue's bookmarks are of
no use: the marks in the bucket and the ledger say what is done, and the next run completes what a killed one began.

    JOB_NAME                    as Glue gives it
    SNOWFLAKE                   path of the Snowflake connection in the Parameter Store, or none
    AFFILIATE PROGRAM360 OPS    paths of the connections of databases, or none
    OBJ                         other modes for this run: {"MARKET_DATA.PRICE_DATA": "INCREMENTAL;_DELTA"}, or none
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

from etl_daemon.cli import main

SOURCES = ("AFFILIATE", "PROGRAM360", "OPS")
ARGUMENTS = ("JOB_NAME", "SNOWFLAKE", *SOURCES, "OBJ")
NONE = ("none", "", "{}")
"""Glue has no arguments without a value."""


def settings(arguments: Mapping[str, str]) -> dict[str, str]:
    """What the arguments say, as settings of etl_daemon."""
    paths = {f"{name}_SSM_PATH": arguments[name] for name in ("SNOWFLAKE", *SOURCES) if arguments[name] not in NONE}
    return paths | ({"ETL_DESTINATION": "snowflake"} if "SNOWFLAKE_SSM_PATH" in paths else {})


def words(arguments: Mapping[str, str]) -> list[str]:
    """What etl_daemon is asked to do."""
    modes = [] if arguments["OBJ"] in NONE else ["--obj", arguments["OBJ"]]
    return ["extract", "sql", "--load", "--engine", "spark", *modes]


def run() -> None:
    """Do the job; it fails where a table failed, once the others are done."""
    arguments = getResolvedOptions(sys.argv, list(ARGUMENTS))
    job = Job(GlueContext(SparkContext.getOrCreate()))
    job.init(arguments["JOB_NAME"], arguments)
    os.environ.update(settings(arguments))
    try:
        main(words(arguments))
    except SystemExit as ended:
        if ended.code:
            sys.exit(
                f"{arguments['JOB_NAME']}: etl-daemon ended with {ended.code}; the lines above say which table failed."
            )
    job.commit()


if __name__ == "__main__":
    run()
