"""Batches read and cleaned by the executors of a Spark cluster; PySpark is the extra ``etl-daemon[spark]``."""
