"""What a value must look like; each function returns the value in its normal form or says what is allowed."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from pathlib import Path
from string import Formatter
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from etl_daemon.config import reserved
from etl_daemon.config.paths import is_file, is_folder

PLACEHOLDERS = ("year", "month", "day", "hour")
SYMBOL_PRESETS = ("us_equity", "us_equity_classes", "crypto_pair", "any")
"""Names that ``SYMBOL_PATTERN`` may have; ``core.policy`` holds their patterns."""

EPOCHS = ("epoch_s", "epoch_ms", "epoch_us")
"""Formats of timestamps that say what numbers count; ``core.timestamps`` reads them."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_YEAR = re.compile(r"%[YyGcx]")
_QUANTIFIER = re.compile(r"\{[\d,]+\}")
_MORE_THAN_LETTERS = re.compile(r"[\\.\d]|\[\^|\(\?|\[[^\]]*[^a-z\]]-[a-z]")


def identifier(value: str) -> str:
    """A name that needs no quotes in SQL, in upper case as the databases store it."""
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError("must be letters, digits, _ and $, not beginning with a digit")
    return value.upper()


def database(value: str) -> str:
    """An identifier that DuckDB takes for a database."""
    return _unless(identifier(value), reserved.DATABASES)


def schema(value: str) -> str:
    """An identifier that DuckDB takes for a schema."""
    return _unless(identifier(value), reserved.SCHEMAS)


def table_name(value: str) -> str:
    """One to three names joined by dots; what is left out comes from SNOWFLAKE_DATABASE and SNOWFLAKE_SCHEMA."""
    parts = value.split(".")
    if len(parts) > 3 or not all(_IDENTIFIER.fullmatch(part) for part in parts):
        raise ValueError("must be DATABASE.SCHEMA.TABLE, each of letters, digits, _ and $, not beginning with a digit")
    return value.upper()


def prefix_template(value: str) -> str:
    """A key prefix whose only placeholders are the date's."""
    allowed = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    try:
        fields = [field[1:] for field in Formatter().parse(value) if field[1] is not None]
    except ValueError as error:
        raise ValueError(f"has unbalanced braces; the placeholders are {allowed}") from error
    for name, spec, conversion in fields:
        if name not in PLACEHOLDERS or spec or conversion:
            raise ValueError(f"has an unknown placeholder {{{name}}}; there are {allowed}")
    return value


def pattern(value: str) -> str:
    """A regular expression that compiles."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is no valid regular expression: {error}") from error
    return value


def symbol_pattern(value: str) -> str:
    """A regular expression or the name of a preset; lower-case words are names, since symbols are upper case."""
    if value in SYMBOL_PRESETS:
        return value
    if re.fullmatch(r"[a-z_]+", value):
        raise ValueError(f"is no preset; there are {', '.join(SYMBOL_PRESETS)}")
    if value.islower() and not _MORE_THAN_LETTERS.search(_QUANTIFIER.sub("", value)):
        raise ValueError("matches lower case only, but symbols are upper-cased first")
    return pattern(value)


def key_pattern(value: str) -> str:
    """A regular expression with the group that captures the symbol."""
    if not re.compile(pattern(value)).groups:
        raise ValueError("needs a group that captures the symbol, as in (?P<symbol>[A-Z]+)")
    return value


def timestamp_format(value: str) -> str:
    """What pandas takes for a strptime format, with a year; or the name of an epoch's unit."""
    if value in EPOCHS:
        return value
    if not _YEAR.search(value.replace("%%", "")):
        raise ValueError(f"is no strptime format with a year, such as %d/%m/%Y, nor one of {', '.join(EPOCHS)}")
    from pandas import to_datetime  # a third of a second: only where there are formats

    try:
        to_datetime([""], format=value, exact=True)
    except (ValueError, re.error) as error:
        raise ValueError(f"is no strptime format: {error}") from error
    return value


def timezone(value: str) -> str:
    """A name in the time zone database."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:  # what zoneinfo raises for odd paths, folders and unknown names
        raise ValueError("is no time zone, such as UTC or America/New_York") from error
    return value


def existing_file(value: Path) -> Path:
    """A file that is there."""
    if not is_file(value):
        raise ValueError("is no file")
    return value


def shell_words(value: str) -> str:
    """Words as a shell has them."""
    try:
        shlex.split(value)
    except ValueError as error:  # a quote that is not closed, or a backslash at the end
        raise ValueError("has a quote that does not close, or ends with a backslash") from error
    return value


def existing_folder(value: Path) -> Path:
    """A folder that is there."""
    if not is_folder(value):
        raise ValueError("is no folder")
    return value


def database_file(value: Path) -> Path:
    """A path, not DuckDB's name for a database that ends with the process."""
    if str(value).startswith(":memory:"):
        raise ValueError("must be a file, since what is in memory is gone with the process")
    return value


def daemon_name(value: str) -> str:
    """A name that can be part of a key and of a file's name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError("must be up to 64 letters, digits, dots, _ and -, beginning with a letter or digit")
    return value


def exchange(value: str) -> str:
    """The code of an exchange, empty where it says none; whether there is such a one shows when it is asked for."""
    if value == "NONE":
        return ""
    if not re.fullmatch(r"[A-Z0-9_/]{0,16}", value):
        raise ValueError("must be the ISO 10383 code of an exchange, such as XNYS")
    return value


def address(value: str) -> str:
    """One e-mail address, without a name before it."""
    if not re.fullmatch(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+", value):
        raise ValueError("must be an address like ops@example.org")
    return value


def addresses(value: str) -> str:
    """E-mail addresses, a comma and a blank between two."""
    return ", ".join(address(each) for each in re.split(r"[,\s]+", value.strip(" ,")) if each)


def web_url(value: str) -> str:
    """A URL of the web; it is not repeated, because it may be secret."""
    with suppress(ValueError):  # whose text quotes the value
        parts = urlsplit(value)
        if parts.scheme in {"http", "https"} and parts.hostname and not re.search(r"\s", value):
            return value
    raise ValueError("must be https://HOST/PATH")


def topic_arn(value: str) -> str:
    """The name of a topic, as AWS has it."""
    if not re.fullmatch(r"arn:aws[\w-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?", value):
        raise ValueError("must be arn:aws:sns:REGION:ACCOUNT:TOPIC")
    return value


def _unless(name: str, taken: frozenset[str]) -> str:
    if name in taken:
        raise ValueError("means something else to DuckDB; take another name")
    return name


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


UPPER = BeforeValidator(_upper)
LOWER = BeforeValidator(_lower)
Database = Annotated[str, AfterValidator(database)]
Schema = Annotated[str, AfterValidator(schema)]
TableName = Annotated[str, AfterValidator(table_name)]
PrefixTemplate = Annotated[str, AfterValidator(prefix_template)]
SymbolPattern = Annotated[str, AfterValidator(symbol_pattern)]
Pattern = Annotated[str, AfterValidator(pattern)]
KeyPattern = Annotated[str, AfterValidator(key_pattern)]
Exchange = Annotated[str, AfterValidator(exchange), UPPER]
TimestampFormat = Annotated[str, AfterValidator(timestamp_format)]
Timezone = Annotated[str, AfterValidator(timezone)]
ExistingFile = Annotated[Path, AfterValidator(existing_file)]
ShellWords = Annotated[str, AfterValidator(shell_words)]
ExistingFolder = Annotated[Path, AfterValidator(existing_folder)]
DatabaseFile = Annotated[Path, AfterValidator(database_file)]
DaemonName = Annotated[str, AfterValidator(daemon_name)]
Address = Annotated[str, AfterValidator(address)]
Addresses = Annotated[str, AfterValidator(addresses)]
WebUrl = Annotated[str, AfterValidator(web_url)]
TopicArn = Annotated[str, AfterValidator(topic_arn)]
Whole = Annotated[int, Field(ge=1)]
Hours = Annotated[float, Field(gt=0, le=876_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
