"""The session of Spark that Glue gives to a job."""

from __future__ import annotations

from pyspark.context import SparkContext
from pyspark.sql import SparkSession


class GlueContext:
    """Of Glue's own readers and writers it has none."""

    def __init__(self, spark_context: SparkContext) -> None:
        self.spark_session = SparkSession(spark_context)
