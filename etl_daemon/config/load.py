"""Where settings come from: a mapping, or a file and the environment, which wins."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream
from pydantic import ValidationError

from etl_daemon.config.authentication import choose
from etl_daemon.config.datasets_file import read_datasets_file
from etl_daemon.config.paths import is_file
from etl_daemon.config.problems import config_error, unknown, wrong_values
from etl_daemon.config.settings import Settings
from etl_daemon.config.stored import Stored
from etl_daemon.errors import ConfigError

FILE_NAME = "etl-config.env"
NAMES = tuple(name.upper() for name in Settings.model_fields)
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
STORES = ("SNOWFLAKE_SSM_PATH", "SNOWFLAKE_SECRET_ID")
"""Where what is not set of SNOWFLAKE_... may be kept."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was set, by setting name, and where; ``problems`` came up while reading.

    ``stored`` says what came from which store of secrets; None: none was asked, so what it may hold is not missed.
    """

    values: Mapping[str, object]
    origins: Mapping[str, str] = field(default_factory=dict)
    place: str = "the environment"
    problems: tuple[str, ...] = ()
    stored: tuple[Stored, ...] | None = None


def load_settings(
    env: Mapping[str, str] | None = None,
    file: Path | None = None,
    *,
    needs_source: bool = True,
    needs_login: bool = True,
) -> Settings:
    """The settings of this process that need no store of secrets; ``etl_daemon.vault`` has the one that asks them.

    Raises:
        ConfigError: with every problem, a line each.
    """
    return validated(read_given(env, file), needs_source=needs_source, needs_login=needs_login)


def settings_from(mapping: Mapping[str, object]) -> Settings:
    """Settings from a mapping of setting names, in any case; neither file, environment nor stores are read.

    Raises:
        ConfigError: with every problem, a line each.
    """
    return validated(given_by(mapping))


def read_given(env: Mapping[str, str] | None = None, file: Path | None = None) -> Given:
    """What file and environment set.

    The file is ``file``, else the one that ``ETL_CONFIG_FILE`` names, else ``etl-config.env`` in the working
    directory if there is one. An empty value counts as not set.

    Raises:
        ConfigError: the file cannot be read.
    """
    environment = os.environ if env is None else env
    path = _file(environment, file)
    from_file = _read_file(path, environment) if path else Given({})
    from_env = {name: environment[name] for name in NAMES if environment.get(name)}
    return Given(
        {**from_file.values, **from_env},
        {**from_file.origins, **dict.fromkeys(from_env, " (environment)")},
        str(path) if path else "the environment",
        from_file.problems,
    )


def given_by(mapping: Mapping[str, object]) -> Given:
    """What a mapping of setting names, in any case, sets."""
    values = {name.upper(): value for name, value in mapping.items() if value is not None and value != ""}
    problems = tuple(unknown(name, NAMES) for name in values if name not in NAMES)
    return Given({name: value for name, value in values.items() if name in NAMES}, {}, "the mapping", problems)


def validated(given: Given, *, needs_source: bool = False, needs_login: bool = True) -> Settings:
    """The settings, checked whole.

    ``needs_source=False`` is for what reads no objects, ``needs_login=False`` for what does not ask the destination.

    Raises:
        ConfigError: with every problem, a line each.
    """
    problems = [*given.problems]
    if needs_source:
        problems += _missing_source(given.values)
    if needs_login:
        problems += _missing_login(given)
    problems += _missing_mail(given.values)
    problems += _idle_queue(given.values)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({name.lower(): value for name, value in given.values.items()})
    except ValidationError as error:
        fields = {name.upper(): field for name, field in Settings.model_fields.items()}
        problems += wrong_values(error, fields, given.origins)
    file = Path(str(given.values.get("ETL_DATASETS_FILE", "")))
    more = read_datasets_file(file).problems if is_file(file) else ()
    if settings is None or problems or more:
        wrong = [given.place] * bool(problems) + [str(file)] * bool(more)
        raise config_error([*problems, *more], " and ".join(wrong))
    return settings.from_stores(given.stored or ())


def _missing_source(values: Mapping[str, object]) -> list[str]:
    source = str(values.get("ETL_SOURCE", "s3")).lower()
    needed = {"s3": "S3_BUCKET", "local": "ETL_LOCAL_DIR"}.get(source)
    return [f"{needed}: must be set when ETL_SOURCE is {source}."] if needed and not values.get(needed) else []


def _idle_queue(values: Mapping[str, object]) -> list[str]:
    local = str(values.get("ETL_SOURCE", "s3")).lower() == "local"
    lonely = values.get("ETL_EVENTS_DLQ_URL") and not values.get("ETL_EVENTS_QUEUE_URL")
    problems = ["ETL_EVENTS_QUEUE_URL: has a meaning when ETL_SOURCE is s3 only."]
    return problems * bool(local and values.get("ETL_EVENTS_QUEUE_URL")) + [
        "ETL_EVENTS_DLQ_URL: has a meaning beside ETL_EVENTS_QUEUE_URL only."
    ] * bool(lonely)


def _missing_login(given: Given) -> list[str]:
    values = given.values
    if str(values.get("ETL_DESTINATION", "")).lower() != "snowflake" or _held_elsewhere(given):
        return []
    account = [] if values.get("SNOWFLAKE_ACCOUNT") else ["SNOWFLAKE_ACCOUNT"]
    lines = [f"{name}: must be set when ETL_DESTINATION is snowflake." for name in account]
    lines += choose(values).problems
    return [*lines, *(str(each) for each in given.stored or ())] if lines else []


def _held_elsewhere(given: Given) -> bool:
    """Whether a store that was not asked may have what is missing."""
    return given.stored is None and any(given.values.get(name) for name in STORES)


def _missing_mail(values: Mapping[str, object]) -> list[str]:
    """A password goes out encrypted, or not at all."""
    lines = []
    if values.get("ALERT_EMAIL") and not values.get("SMTP_HOST"):
        lines.append("SMTP_HOST: must be set when ALERT_EMAIL is set.")
    if values.get("SMTP_USERNAME") and not values.get("SMTP_PASSWORD"):
        lines.append("SMTP_PASSWORD: must be set when SMTP_USERNAME is set.")
    if values.get("SMTP_PASSWORD") and str(values.get("SMTP_TLS", "")).lower() == "none":
        lines.append("SMTP_TLS: must be starttls or tls when SMTP_PASSWORD is set.")
    return lines


def _file(environment: Mapping[str, str], file: Path | None) -> Path | None:
    named = file or (Path(environment["ETL_CONFIG_FILE"]) if environment.get("ETL_CONFIG_FILE") else None)
    if named and not is_file(named):
        raise ConfigError(f"There is no settings file {named}.", hint="name another with ETL_CONFIG_FILE, or make it.")
    if named:
        return named
    return Path(FILE_NAME) if is_file(Path(FILE_NAME)) else None


def _read_file(path: Path, environment: Mapping[str, str]) -> Given:
    """What the file sets, in python-dotenv's syntax; ``${...}`` stays as it is, and of equal names the last wins."""
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    problems: list[str] = []
    try:
        bindings = list(parse_stream(StringIO(path.read_text("utf-8-sig"))))
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"The settings file {path} cannot be read: {error}.", hint="make it UTF-8 text.") from error
    for binding in bindings:
        origin = f" ({path}:{_line(binding)})"
        problem = _line_problem(binding, origin, environment)
        if problem:
            problems.append(problem)
        elif binding.value and binding.key in NAMES:
            values[binding.key], origins[binding.key] = binding.value, origin
    return Given(values, origins, problems=tuple(problems))


def _line(binding: Binding) -> int:
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _line_problem(binding: Binding, origin: str, environment: Mapping[str, str]) -> str:
    name = binding.key
    if name is None and not binding.error:
        return ""
    if name in NAMES:
        return "" if binding.value is not None else f"{name}{origin}: has no =value."
    if name is None or binding.value is None or not _NAME.fullmatch(name):
        return f"{origin.strip()}: the line is no NAME=value."  # it may be one of a key, which is not to be shown
    if not name.startswith("AWS_"):
        return unknown(name, NAMES, origin)
    return "" if name in environment else f"{name}{origin}: the AWS SDK reads it from the environment only; export it."
