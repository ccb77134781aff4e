"""Settings become the values that the core works with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from etl_daemon.config import DatasetsFile, Settings, read_datasets_file
from etl_daemon.config.checks import table_name
from etl_daemon.config.reserved import WORDS
from etl_daemon.core.alerting.board import AlertPolicy
from etl_daemon.core.alerting.situation import LEASE, Scene
from etl_daemon.core.datasets import SCHEMAS, Dataset, Kind, Mode
from etl_daemon.core.monitor.seen import Limits
from etl_daemon.core.planning.discovery import OWN_PREFIX
from etl_daemon.core.policy import SYMBOL_PATTERNS, ReadLimits, RetryPolicy, Rules
from etl_daemon.core.sql.dialect import DIALECTS, Dialect
from etl_daemon.core.sql.tables import CONTROL_SCHEMA, creating
from etl_daemon.core.sql.versions import noting
from etl_daemon.core.status.health import Patience
from etl_daemon.core.tables.options import option_problems, table_options, usual_mode
from etl_daemon.core.tables.refining import refinement, silver_problems
from etl_daemon.core.upstream.extraction import loading
from etl_daemon.core.upstream.origins import EVERYTHING_HOURS, origin_problems
from etl_daemon.core.web.notes import answered
from etl_daemon.errors import ConfigError

MIB = 2**20


def rules(settings: Settings) -> Rules:
    """What a row must hold."""
    return Rules(
        min_price=settings.min_price_value,
        max_price=settings.max_price_value,
        min_volume=settings.min_volume_value,
        min_rsi=settings.min_rsi_value,
        max_rsi=settings.max_rsi_value,
        symbol_pattern=SYMBOL_PATTERNS.get(settings.symbol_pattern, settings.symbol_pattern),
        scale_overflow=settings.scale_overflow,
        timezone=settings.source_timezone,
        move_percent=settings.extreme_move_percent,
        outlier_method=settings.outlier_method,
        outlier_z=settings.outlier_z,
    )


def read_limits(settings: Settings) -> ReadLimits:
    """How much of an object is read."""
    return ReadLimits(
        max_object_bytes=settings.max_object_mb * MIB,
        max_expanded_bytes=settings.max_expanded_mb * MIB,
        max_expansion_ratio=settings.max_expansion_ratio,
    )


def retry_policy(settings: Settings) -> RetryPolicy:
    """How calls are repeated: the first attempt and ``ETL_MAX_RETRIES`` more."""
    return RetryPolicy(
        attempts=settings.etl_max_retries + 1,
        delay_seconds=settings.etl_retry_delay,
        max_delay_seconds=max(RetryPolicy().max_delay_seconds, settings.etl_retry_delay),
        timeout_seconds=settings.etl_timeout,
    )


def patience(settings: Settings) -> Patience:
    """How long the loop may be silent: a statement at the destination is its longest call; events may be gathered."""
    call = settings.etl_timeout + settings.etl_events_gather_seconds
    if settings.etl_destination == "snowflake":
        call += settings.snowflake_statement_timeout
    return Patience(settings.etl_poll_interval_seconds, call)


def limits(settings: Settings) -> Limits:
    """From where on the monitor finds something wrong."""
    return Limits(
        patience(settings),
        settings.monitor_failed_share,
        settings.error_threshold,
        settings.monitor_drift_share,
        settings.min_free_disk_mb * MIB,
    )


def alert_policy(settings: Settings) -> AlertPolicy:
    """When operators are told of trouble."""
    return AlertPolicy(
        after=timedelta(minutes=settings.alert_after_minutes),
        repeat=timedelta(hours=settings.alert_repeat_hours),
        per_hour=settings.alert_max_per_hour,
    )


def scene(settings: Settings, names: Iterable[str]) -> Scene:
    """Where the datasets of these names are loaded, as alerts see it."""
    in_source = settings.etl_source == "s3" and lease_url(settings).startswith("s3://")
    return Scene(
        tuple(names), settings.etl_source, settings.etl_destination, settings.etl_source if in_source else LEASE
    )


def place(settings: Settings) -> str:
    """Where the destination is, for people."""
    if settings.etl_destination == "duckdb":
        return str(settings.etl_duckdb_path.resolve())
    return f"snowflake://{settings.snowflake_account}/{settings.snowflake_database}"


def lease_url(settings: Settings) -> str:
    """Where the lease lies: ``s3://BUCKET/KEY``, a file's path, or ``none``."""
    if settings.etl_lease_url:
        return settings.etl_lease_url
    file = f"lease/{settings.etl_daemon_name}.json"
    if settings.etl_source == "s3":
        return f"s3://{settings.s3_bucket}/{OWN_PREFIX}{file}"
    return str(settings.etl_state_dir / file)


def datasets(settings: Settings) -> tuple[Dataset, ...]:
    """The built-in datasets and those of ``ETL_DATASETS_FILE``, without the disabled ones.

    Raises:
        ConfigError: with every problem of the file, and every table that is no place for a dataset's rows.
    """
    path = settings.etl_datasets_file
    file = read_datasets_file(path) if path else DatasetsFile()
    given = {kind.value: _built_in(settings, kind) for kind in SCHEMAS}
    for name, options in file.options.items():
        given[name] = {**given.get(name, {}), **options.model_dump(exclude_none=True)}
    enabled = {name: values for name, values in given.items() if values.pop("enabled", True)}
    found = tuple(_dataset(name, values, settings) for name, values in enabled.items())
    problems = [*file.problems, *_table_problems(found, settings), *silver_problems(found)]
    problems += [line for name, values in enabled.items() for line in _mode_problems(name, values)]
    problems += [line for name, values in enabled.items() for line in option_problems(name, values)]
    problems += [line for name, values in enabled.items() for line in origin_problems(name, values)]
    if not found:
        problems.append(f"every dataset is disabled in {path}.")
    if problems:
        text = "\n  ".join(["the datasets are wrong:", *problems])
        raise ConfigError(f"{text}\n", hint=f"correct {f'{path} or ' if path else ''}the settings, then start again.")
    return found


def anomalies_dataset(settings: Settings, given: Sequence[Dataset]) -> Dataset:
    """The dataset whose table takes detected anomalies: the configured one, else the built-in."""
    named = {dataset.name: dataset for dataset in given}
    kind = Kind.ANOMALIES
    return named.get(kind.value) or _dataset(kind.value, _built_in(settings, kind), settings)


def dialect(settings: Settings) -> Dialect:
    """The SQL of the destination."""
    return DIALECTS[settings.etl_destination]


def ddl(settings: Settings) -> list[str]:
    """What has to be there before anything is loaded: schemas, control tables and their version, targets.

    Raises:
        ConfigError: the datasets are wrong.
    """
    given = datasets(settings)
    targets = (*given, anomalies_dataset(settings, given))
    database = settings.snowflake_database
    return [*creating(database, targets, dialect(settings)).values(), noting(database)]


def tables(settings: Settings, given: Sequence[Dataset]) -> tuple[str, ...]:
    """The tables that are somebody's, that of detected anomalies included."""
    return tuple({dataset.table for dataset in (*given, anomalies_dataset(settings, given))})


def full_table_name(name: str, settings: Settings) -> str:
    """DATABASE.SCHEMA.TABLE in upper case; what the name leaves out comes from the settings."""
    parts = name.upper().split(".")
    return ".".join([settings.snowflake_database, settings.snowflake_schema][: 3 - len(parts)] + parts)


def table_dataset(name: str, settings: Settings, given: Sequence[Dataset]) -> Dataset:
    """A dataset for a table that no dataset has: any columns, appended, with a ledger of its own.

    Raises:
        ConfigError: the name is no table's, or one that is kept.
    """
    hint = "name a table of the dataset's database, as TABLE, SCHEMA.TABLE or DATABASE.SCHEMA.TABLE"
    try:
        full = full_table_name(table_name(name), settings)
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"The table {name!r} {error}.", hint=hint) from error
    made = Dataset(f"api:{full}", Kind.TABLE, "", full, mode=Mode.APPEND)
    if full in tables(settings, given):
        raise ConfigError(f"{full} is kept for anomalies that are found.", hint="name another table")
    for problem in _place_problems(made, settings):
        raise ConfigError(problem, hint=hint)
    return made


def _built_in(settings: Settings, kind: Kind) -> dict[str, Any]:
    return {
        "kind": kind,
        "prefix": getattr(settings, f"{kind.value}_prefix"),
        "table": getattr(settings, f"{kind.value}_table"),
        "window_hours": getattr(settings, f"{kind.value}_window"),
        "mode": getattr(settings, f"{kind.value}_mode"),
    }


def _dataset(name: str, values: Mapping[str, Any], settings: Settings) -> Dataset:
    typed = {
        "kind": Kind(values.get("kind", Kind.TABLE)),
        "mode": usual_mode(values),
        "table": full_table_name(values["table"], settings),
        **table_options(values),
        "silver": refinement(values, lambda table: full_table_name(table, settings)),
    }
    known = {key: value for key, value in values.items() if key not in {"truncate_before_insert", "sql", "api"}}
    if not values.keys() & {"sql", "api"}:
        return Dataset(name, **{**known, **typed})
    made = loading(Dataset(name, **{"window_hours": EVERYTHING_HOURS, **known, **typed, "extracted": True}))
    return answered(made) if "api" in values else made


def _mode_problems(name: str, values: Mapping[str, Any]) -> list[str]:
    """Options that mean nothing in the dataset's mode."""
    mode = usual_mode(values)
    problems = []
    if values.get("truncate_before_insert", mode.replaces) is not mode.replaces:
        says = "always replaces its table" if mode.replaces else "never empties its table"
        should = str(mode.replaces).lower()
        problems.append(f"{name}: truncate_before_insert: {mode} {says}; should be {should} or left out.")
    for option, only in (("snapshot_group", Mode.TRUNCATE_INSERT), ("incremental_by", Mode.INCREMENTAL)):
        if option in values and mode is not only:
            problems.append(f"{name}: {option}: has a meaning in mode {only} only, not in {mode}.")
    return problems


def _table_problems(found: Sequence[Dataset], settings: Settings) -> list[str]:
    """What is wrong with the tables, that of detected anomalies included."""
    named = {dataset.name: dataset for dataset in (*found, anomalies_dataset(settings, found))}
    sharing: dict[str, list[str]] = {}
    for dataset in named.values():
        sharing.setdefault(dataset.table, []).append(dataset.name)
    problems = [line for dataset in named.values() for line in _place_problems(dataset, settings)]
    refined = [(each, place) for each in found if each.silver for place in (each.silver.table, each.silver.view)]
    problems += [line for each, place in refined for line in _place_problems(replace(each, table=place), settings)]
    return problems + [
        f"{', '.join(names)}: table {table}: each needs a table of its own."
        for table, names in sharing.items()
        if len(names) > 1
    ]


def _place_problems(dataset: Dataset, settings: Settings) -> list[str]:
    database, schema, name = dataset.table.split(".")
    problems = []
    if database != settings.snowflake_database:
        problems.append(
            f"{dataset.name}: table {dataset.table}: DuckDB commits to one database; "
            f"should be {settings.snowflake_database} as SNOWFLAKE_DATABASE says."
        )
    if {schema, name} & WORDS:
        problems.append(f"{dataset.name}: table {dataset.table}: has a word of SQL for a name; should be another one.")
    if schema == CONTROL_SCHEMA:
        problems.append(f"{dataset.name}: table {dataset.table}: the schema {schema} is kept for the control tables.")
    return problems
