"""The text of ``etl-config.env.template``."""

from __future__ import annotations

from etl_daemon.config.settings import Settings

GROUPS = {
    "ETL_SOURCE": "From where to where",
    "SNOWFLAKE_ACCOUNT": "Snowflake: docs/snowflake.md says which of these a way to log in needs",
    "SNOWFLAKE_SSM_PATH": "Secrets from AWS: docs/secrets.md",
    "PRICE_DATA_PREFIX": "Datasets: docs/datasets.md and docs/modes.md",
    "ETL_POLL_INTERVAL_SECONDS": "Cycles and retries",
    "ETL_EVENTS_QUEUE_URL": "Events of S3: docs/events.md",
    "ETL_STOP_SECONDS": "The process and its lease: docs/service.md",
    "ETL_HTTP_HOST": "Health and metrics: docs/monitoring.md",
    "CLOUDWATCH_NAMESPACE": "Counts for CloudWatch: docs/monitoring.md",
    "MONITOR_FAILED_SHARE": "The hourly check: docs/monitoring.md",
    "ETL_CALENDAR": "Sessions: docs/report.md",
    "ETL_LINEAGE_URL": "Lineage: docs/lineage.md",
    "DBT_EXECUTABLE": "Models: docs/dbt.md and docs/medallion.md",
    "MAX_CONCURRENT_JOBS": "Memory and cores: docs/service.md",
    "SPARK_MASTER": "Spark: docs/scale.md",
    "MAX_OBJECT_MB": "Limits of objects",
    "SYMBOL_PATTERN": "Rules for rows: docs/rules.md",
    "EXTREME_MOVE_PERCENT": "Anomalies: docs/rules.md",
    "ALERT_EMAIL": "Alerts: docs/alerts.md",
    "LOG_LEVEL": "Logs: docs/logs.md",
}
"""Headings, each before the setting it names."""

HEAD = """\
# Settings of etl_daemon: copy to etl-config.env and change what differs. The values below are the defaults.
# The environment wins over this file; ETL_CONFIG_FILE names another file. An empty value counts as not set.
# Credentials of AWS are no settings of this file: the AWS SDK finds them (AWS_PROFILE, AWS_ACCESS_KEY_ID, a role, ...).
"""


def template() -> str:
    """Every setting with its help line and default, grouped; made of the code by ``make template``."""
    lines = [HEAD.rstrip()]
    for field_name, field in Settings.model_fields.items():
        name = field_name.upper()
        if name in GROUPS:
            lines += ["", f"# ---- {GROUPS[name]} ----"]
        default = "" if field.default is None else field.default
        lines += ["", f"# {field.description}", f"{name}={default}"]
    return "\n".join(lines) + "\n"
