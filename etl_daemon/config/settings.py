"""Every setting with its default and its help line; ``S3_BUCKET`` in the file is ``s3_bucket`` here."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from etl_daemon.config.aws_names import MetricDimensions, MetricNamespace
from etl_daemon.config.checks import (
    LOWER,
    UPPER,
    Address,
    Addresses,
    DaemonName,
    Exchange,
    ExistingFile,
    Hours,
    PrefixTemplate,
    Share,
    ShellWords,
    SymbolPattern,
    TableName,
    Timezone,
    TopicArn,
    WebUrl,
    Whole,
)
from etl_daemon.config.endpoints import EndpointSettings
from etl_daemon.config.places import LeaseUrl, LineageUrl, LogFile, QueueUrl

Mode = Annotated[Literal["APPEND", "UPSERT", "INCREMENTAL", "FULL", "TRUNCATE_INSERT"], UPPER]
MODES = "UPSERT, APPEND, INCREMENTAL, FULL or TRUNCATE_INSERT"
Bound = Annotated[Decimal, Field(gt=-(10**12), lt=10**12)]
"""Prices have twelve digits before the point."""


class Settings(EndpointSettings):
    """The settings of a process; made by ``load_settings`` or ``settings_from``."""

    price_data_prefix: PrefixTemplate = Field(
        "processed/price_data", description="Key prefix of prices; may hold {year} {month} {day} {hour}."
    )
    technical_indicators_prefix: PrefixTemplate = Field(
        "processed/technical_indicators", description="Key prefix of indicators; may hold {year} {month} {day} {hour}."
    )
    anomalies_prefix: PrefixTemplate = Field(
        "processed/anomalies", description="Key prefix of anomalies; may hold {year} {month} {day} {hour}."
    )
    price_data_table: TableName = Field("MARKET_DATA.PRICE_DATA", description="Table of prices: DATABASE.SCHEMA.TABLE.")
    technical_indicators_table: TableName = Field(
        "ANALYTICS.TECHNICAL_INDICATORS", description="Table of indicators: DATABASE.SCHEMA.TABLE."
    )
    anomalies_table: TableName = Field("ANALYTICS.ANOMALIES", description="Table of anomalies: DATABASE.SCHEMA.TABLE.")
    price_data_window: Hours = Field(
        1, description="How far back a first start looks for prices, and each listing at least (hours)."
    )
    technical_indicators_window: Hours = Field(
        2, description="How far back a first start looks for indicators, and each listing at least (hours)."
    )
    anomalies_window: Hours = Field(
        24, description="How far back a first start looks for anomalies, and each listing at least (hours)."
    )
    price_data_mode: Mode = Field("UPSERT", description=f"How prices meet the table: {MODES}.")
    technical_indicators_mode: Mode = Field("UPSERT", description=f"How indicators meet the table: {MODES}.")
    anomalies_mode: Mode = Field("UPSERT", description=f"How anomalies meet the table: {MODES}.")
    etl_datasets_file: ExistingFile | None = Field(
        None, description="TOML file with further datasets and options per dataset; empty: none."
    )

    etl_poll_interval_seconds: float = Field(300, gt=0, le=604_800, description="Pause between two cycles (seconds).")
    etl_lookback_hours: float = Field(
        2, ge=0, le=876_000, description="How far behind the watermark each cycle looks again (hours)."
    )
    etl_sweep_hours: Hours = Field(24, description="Time between two comparisons of everything under a prefix (hours).")
    etl_batch_size: Whole = Field(3_000_000, description="Rows that one commit brings in, about (rows).")
    etl_max_retries: int = Field(3, ge=0, le=100, description="How often a failed call is made again (times).")
    etl_retry_delay: float = Field(
        5, ge=0, le=3_600, description="Pause before the first retry; it doubles each time (seconds)."
    )
    etl_timeout: float = Field(
        300, gt=0, le=86_400, description="How long a call, its retries or a wait for a lock may take (seconds)."
    )
    etl_events_queue_url: QueueUrl | None = Field(
        None, description="SQS queue of the bucket's events: what it names is loaded at once; empty: listing only."
    )
    etl_events_dlq_url: QueueUrl | None = Field(
        None, description="Queue for messages that cannot be understood; empty: they are left to the policy of theirs."
    )
    etl_events_visibility_seconds: float = Field(
        120, ge=3, le=43_200, description="How long after a crash messages in hand come again (seconds)."
    )
    etl_events_gather_seconds: float = Field(
        0, ge=0, le=3_600, description="How long events are gathered before what they name is loaded (seconds)."
    )
    etl_stop_seconds: float = Field(
        10, ge=0, le=3_600, description="How long the batch in hand may go on when the process is to end (seconds)."
    )
    etl_daemon_name: DaemonName = Field(
        "etl-daemon", description="Of all processes with one name, one at a time works: the holder of the lease."
    )
    etl_lease_url: LeaseUrl = Field(
        "",
        description="Where the lease lies: s3://BUCKET/KEY, a file, or none; empty: in S3_BUCKET, or in ETL_STATE_DIR "
        "for a local source.",
    )
    etl_lease_seconds: float = Field(
        30, ge=1, le=3_600, description="How long after its holder fell silent the lease can be taken over (seconds)."
    )
    etl_state_dir: Path = Field(Path("etl-state"), description="Folder for what the process keeps between starts.")

    etl_http_host: str = Field("127.0.0.1", description="Address at which `run` answers over HTTP.")
    etl_http_port: int = Field(
        9108, ge=0, le=65_535, description="Port at which `run` answers; 0: it does not answer (port)."
    )
    etl_http_names: str = Field(
        "", description="Further host names under which `run` may be asked on the loopback, as by a proxy (NAME,NAME)."
    )
    etl_http_rows: bool = Field(
        False, description="Whether pages show rows although ETL_HTTP_HOST is not the loopback."
    )
    cloudwatch_namespace: MetricNamespace | None = Field(
        None, description="Namespace of CloudWatch to which counts per table are sent; empty: none are."
    )
    cloudwatch_dimensions: MetricDimensions = Field(
        "", description="Further dimensions beside Dataset and Table: Environment=prod,Team=data."
    )

    monitor_failed_share: Share = Field(
        0.2, description="Share of failed cycles above which `monitor` finds it wrong (0 to 1)."
    )
    monitor_drift_share: Share = Field(
        0.5, description="By what share rows of an hour may fall short of the usual, for `monitor` (0 to 1; 1: any)."
    )
    min_free_disk_mb: Whole = Field(
        512, description="Less free space for state, logs or database is an error, below four times a warning (MiB)."
    )

    etl_calendar: Exchange = Field(
        "", description="Exchange whose sessions `report` expects rows of, such as XNYS; empty: none are expected."
    )

    etl_lineage_url: LineageUrl = Field(
        "", description="Where OpenLineage events go: http(s)://HOST, a file, or console (the log); empty: nowhere."
    )
    etl_lineage_api_key: str | None = Field(None, description="Key that they are sent with, as a bearer token.")
    etl_lineage_namespace: str | None = Field(
        None, description="Namespace of the jobs that they tell of; empty: ETL_DAEMON_NAME."
    )

    dbt_executable: ExistingFile | None = Field(
        None, description="The dbt that `models` runs after silver, such as .venv-dbt/bin/dbt; empty: no dbt."
    )
    dbt_project_dir: Path = Field(Path("deploy/dbt"), description="Folder of the dbt project and its profiles.yml.")
    dbt_target: str = Field("", description="Target of the profile; empty: duckdb_prod or snowflake_prod.")
    dbt_args: ShellWords = Field("", description="Further words for dbt, as a shell has them: --exclude countries.")
    dbt_timeout: float = Field(3_600, gt=0, description="How long dbt may take (seconds).")
    models_after_load_seconds: int = Field(
        0,
        ge=0,
        le=604_800,
        description="`run` makes models after it has loaded, at most so often (seconds); 0: it does not.",
    )
    models_metrics_file: Path | None = Field(
        None, description="Where `models run` leaves metrics for node_exporter's textfile collector: FOLDER/NAME.prom."
    )

    max_concurrent_jobs: int = Field(
        8, ge=1, le=256, description="Objects, or parts of large ones, fetched at the same time (objects or parts)."
    )
    memory_limit_mb: int = Field(1024, ge=512, description="Memory that the process takes at most (MiB).")
    cpu_limit_cores: int = Field(0, ge=0, le=1_024, description="Cores to use; 0: all (cores).")
    spark_master: str | None = Field(
        None, description="Master for `backfill --engine spark`; empty: local[CPU_LIMIT_CORES], in this process."
    )
    spark_batch_size: Whole = Field(
        30_000_000, description="Rows that one commit brings in with that engine, about (rows)."
    )
    spark_stage: TableName | None = Field(
        None,
        description="External stage over s3://S3_BUCKET/_etl_daemon/staging/, from which Snowflake takes what "
        "executors leave; empty: rows pass through this process.",
    )
    max_object_mb: Whole = Field(8_192, description="Bigger objects are refused (MiB).")
    max_expanded_mb: Whole = Field(65_536, description="Objects that unpack to more are refused (MiB).")
    max_expansion_ratio: float = Field(
        200, ge=1, description="Objects that unpack to more times their size are refused (times)."
    )

    symbol_pattern: SymbolPattern = Field(
        "us_equity",
        description="Regular expression (symbols are upper-cased first), or us_equity, us_equity_classes, crypto_pair "
        "or any.",
    )
    min_price_value: Bound = Field(Decimal("0.01"), description="Least price, inclusive (source currency).")
    max_price_value: Bound = Field(
        Decimal(1_000_000), validate_default=True, description="Greatest price, inclusive (source currency)."
    )
    min_volume_value: Decimal = Field(Decimal(0), description="Least volume, inclusive (units traded).")
    min_rsi_value: Decimal = Field(Decimal(0), ge=-999, le=999, description="Least RSI, inclusive.")
    max_rsi_value: Decimal = Field(
        Decimal(100), ge=-999, le=999, validate_default=True, description="Greatest RSI, inclusive."
    )
    scale_overflow: Annotated[Literal["round", "quarantine"], LOWER] = Field(
        "round", description="Prices and volumes with more than 8 decimals: round (half-even, counted) or quarantine."
    )
    source_timezone: Timezone = Field("UTC", description="Time zone of timestamps that name none.")
    partition_timezone: Timezone = Field("UTC", description="Time zone of {year} {month} {day} {hour} in prefixes.")
    error_threshold: Share = Field(0.1, description="Share of bad rows in an object that raises an alert (0 to 1).")
    refuse_above_share: Share | None = Field(
        None, description="Share of bad rows above which an object is refused (0 to 1); empty: never."
    )
    extreme_move_percent: float = Field(
        20, gt=0, description="Move from open to close that is flagged as extreme_price_movement (percent)."
    )
    outlier_method: Annotated[Literal["mad", "quantile"], LOWER] = Field(
        "mad", description="How outliers are found: mad (median and MAD) or quantile (95th percentile)."
    )
    outlier_z: float = Field(3.5, gt=0, description="Robust z-score from which a price is flagged as price_outlier.")

    alert_email: Addresses = Field("", description="Addresses that alerts are mailed to, commas between them.")
    alert_webhook: WebUrl | None = Field(None, description="URL that alerts are posted to as JSON, as Slack takes it.")
    alert_sns_topic_arn: TopicArn | None = Field(None, description="Topic of Amazon SNS that alerts are published to.")
    alert_urls: str = Field("", description="URLs of the library apprise, blanks between them: any other channel.")
    alert_after_minutes: float = Field(
        10, ge=0, le=10_080, description="How long something must not work before it is told (minutes)."
    )
    alert_repeat_hours: Hours = Field(24, description="How long until trouble that lasts is told again (hours).")
    alert_max_per_hour: int = Field(
        20, ge=1, le=1_000, description="Notices within an hour at most; the last one sums up the rest (notices)."
    )
    smtp_host: str | None = Field(None, description="Mail server; needed when ALERT_EMAIL is set.")
    smtp_port: int | None = Field(
        None, ge=1, le=65_535, description="Its port; empty: 587 for starttls, 465 for tls, 25 for none."
    )
    smtp_tls: Annotated[Literal["starttls", "tls", "none"], LOWER] = Field(
        "starttls", description="How the connection is encrypted: starttls, tls or none."
    )
    smtp_username: str | None = Field(None, description="User to log in as at the mail server; empty: no login.")
    smtp_password: str | None = Field(None, description="Password of that user.")
    smtp_from: Address | None = Field(None, description="Sender of alerts; empty: etl-daemon at this host.")

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], UPPER] = Field(
        "INFO", description="Least severity that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
    log_format: Annotated[Literal["json", "logfmt", "console"] | None, LOWER] = Field(
        None, description="Form of log lines: json, logfmt or console; empty: console on a terminal, else json."
    )
    log_file: LogFile | None = Field(
        None, description="File to log to, readable by owner and group if it is made; empty: standard error."
    )

    @field_validator("max_price_value", "max_rsi_value")
    @classmethod
    def _not_below_least(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        least = str(info.field_name).replace("max_", "min_")
        if least in info.data and value < info.data[least]:
            raise ValueError(f"is below {least.upper()}={info.data[least]}")
        return value
