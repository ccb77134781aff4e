"""A job of AWS Glue 5 without Spark: what HTTP APIs answer, into S3. docs/glue.md says how.

It is ``etl-daemon extract api``; Glue copies ``etl-config.env`` and ``datasets.toml`` here (``--extra-files``). Python
shell jobs would be cheaper, but have no Python that is new enough.

    JOB_NAME    as Glue gives it
    DATASET     one dataset, or all
"""

from __future__ import annotations

import os
import sys

from awsglue.utils import getResolvedOptions

from etl_daemon.cli import main

ALL = "all"


def run() -> None:
    """Do the job; it fails where an API failed, once the others are done."""
    arguments = getResolvedOptions(sys.argv, ["JOB_NAME", "DATASET"])
    os.environ["ETL_DESTINATION"] = "duckdb"  # nothing is loaded, so Snowflake's secrets are not asked for
    chosen = [] if arguments["DATASET"] == ALL else ["--dataset", arguments["DATASET"]]
    try:
        main(["extract", "api", *chosen])
    except SystemExit as ended:
        if ended.code:
            sys.exit(f"{arguments['JOB_NAME']}: etl-daemon ended with {ended.code}; the lines above say what failed.")


if __name__ == "__main__":
    run()
