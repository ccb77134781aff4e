"""The text of docs/settings.md, from the fields of the settings and options: ``make template``."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from dotenv import dotenv_values
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from etl_daemon.config import Settings
from etl_daemon.config.api_options import ApiOptions, AuthOptions, PagingOptions
from etl_daemon.config.connections import StoreOptions
from etl_daemon.config.datasets_file import TABLE_ONLY, DatasetOptions
from etl_daemon.config.redact import STARS, shown
from etl_daemon.config.silver_options import SilverOptions
from etl_daemon.config.sql_options import SqlOptions
from etl_daemon.config.template import GROUPS
from etl_daemon.core.datasets import Dataset

FOLDER = Path(__file__).parent
NEEDED_BY: Mapping[str, str] = {
    "ETL_SOURCE": "All commands but `demo` and `explain`. `init`, `status`, `report`, `quarantine list`, `models`, "
    "`validate` and `monitor` need no source.",
    "SNOWFLAKE_ACCOUNT": "All commands that ask the destination, with `ETL_DESTINATION=snowflake`; an account and one "
    "way to log in must be set.",
    "SNOWFLAKE_SSM_PATH": "The same commands, where the settings of Snowflake are kept elsewhere; the last three: "
    "`extract sql`, `extract api` and `run`, for the connections of that name.",
    "PRICE_DATA_PREFIX": "All commands but `demo` and `explain`; `validate` reads the rules of the datasets there.",
    "ETL_POLL_INTERVAL_SECONDS": "The first three: `run` and `monitor`. The others: all commands that load.",
    "ETL_EVENTS_QUEUE_URL": "`run`.",
    "ETL_STOP_SECONDS": "All commands that load or extract; those of the lease: `run`, `once` and `extract`.",
    "ETL_HTTP_HOST": "`run` answers there; `status`, `monitor` and `check` ask there.",
    "CLOUDWATCH_NAMESPACE": "`run`, `once`, `backfill`, `quarantine replay`.",
    "MONITOR_FAILED_SHARE": "`monitor`; the last one `check` too.",
    "ETL_CALENDAR": "`report`, with the extra of that name installed.",
    "ETL_LINEAGE_URL": "All commands that load.",
    "DBT_EXECUTABLE": "`models run` and `models test`; with `MODELS_AFTER_LOAD_SECONDS` `run` too.",
    "MAX_CONCURRENT_JOBS": "All commands that load.",
    "SPARK_MASTER": "`backfill --engine spark`.",
    "MAX_OBJECT_MB": "All commands that read objects, and `validate`.",
    "SYMBOL_PATTERN": "All commands that read objects, and `validate`.",
    "EXTREME_MOVE_PERCENT": "All commands that load.",
    "ALERT_EMAIL": "`run`, `once`, `extract`, `models run` and `monitor`; `check --alerts` tries them.",
    "LOG_LEVEL": "All commands that load, extract, make models or monitor; the others only print.",
}
"""By the first setting of each group, which commands read it."""

HEAD = """\
# Settings

Made of the code by `make template`, like [etl-config.env.template](../etl-config.env.template), which is there to
be copied.

Settings come from the environment and from a file: `etl-config.env` in the working directory, or the one that
`ETL_CONFIG_FILE` names. The environment wins, an empty value counts as not set, and of equal names in the file the
last counts. Everything is checked at the start, and what is wrong is told all at once, with the line that set it;
the process ends with 78 then. `etl-daemon check` does that and goes on to try what the settings lead to. The values
are logged at the start, secrets starred. A daemon reads the file again on SIGHUP (`systemctl reload etl-pipeline`);
the environment it has from its start.

Credentials of AWS are no settings of this file: the AWS SDK finds them (`AWS_PROFILE`, `AWS_ACCESS_KEY_ID`, a role
of the machine), and `AWS_ENDPOINT_URL` leads to any compatible store; they count in the environment only. So do
`HTTPS_PROXY`, `NO_PROXY` and `NO_COLOR`.

```sh
ETL_CONFIG_FILE=/etc/etl-pipeline/etl-config.env etl-daemon check
LOG_LEVEL=DEBUG etl-daemon once --dataset price_data
```

*Default* is what counts where nothing is set; where it is empty, the meaning says what that does. *Takes* has the
unit and the bounds, which are allowed themselves unless it says above or below.
"""

OPTIONS = """\
## Options of datasets

They stand in the TOML file that `ETL_DATASETS_FILE` names, one table for each dataset: `[datasets.price_data]` for
one that is built in (what it says there wins over `PRICE_DATA_...`), any other name for a further one, which must
have `prefix` and `table`, or `sql` or `api` in place of the prefix, and in mode UPSERT, the default, its
`primary_key` unless it follows the rules of a `kind`. [datasets.md](datasets.md) explains tables of any columns.
Wrong options are reported beside wrong settings. Names of databases, schemas and tables are as in settings: what is
left out comes from `SNOWFLAKE_DATABASE` and `SNOWFLAKE_SCHEMA`.

```toml
[datasets.price_data]
mode = "INCREMENTAL"

[datasets.trades]
prefix = "vendor/trades"
table = "TRADING.TRADES"
primary_key = ["id"]
```
"""

CONNECTION = "One of these at most; what else the table says completes the connection: [secrets.md](secrets.md)."
USUAL = "Defaults are those of further datasets; of those that are built in, settings above say some."
ELSEWHERE = {
    "kind": '`"table"`',
    "prefix": "must be set",
    "table": "must be set",
    "primary_key": "must be set in UPSERT",
    "incremental_by": "the key, if there is one",
    "mode": '`"UPSERT"`; with `raw` `"APPEND"`',
    "timestamp_column": "the later in the object",
}
"""Defaults that are no values of the core."""
TABLES: Mapping[str, tuple[str, str, type[BaseModel]]] = {
    "dataset": ("`[datasets.NAME]`", f"Those with * are for tables of any columns. {USUAL}", DatasetOptions),
    "sql": ("`[datasets.NAME.sql]`", "The database that rows are taken from: [extract.md](extract.md).", SqlOptions),
    "api": ("`[datasets.NAME.api]`", "The HTTP API that is asked: [api.md](api.md).", ApiOptions),
    "auth": ("`auth` of an API", "Who asks.", AuthOptions),
    "paging": ("`paging` of an API", "How pages follow one another.", PagingOptions),
    "silver": ("`[datasets.NAME.silver]`", "What models are made: [medallion.md](medallion.md).", SilverOptions),
    "connection": ("`[connections.NAME]`", f"Where the secrets of a source lie. {CONNECTION}", StoreOptions),
}
"""By table of examples.toml: heading, what it is, and the model that reads it."""


def text() -> str:
    """All of docs/settings.md."""
    return "\n".join([HEAD, *settings(), OPTIONS, *options()]).rstrip() + "\n"


def settings() -> Iterator[str]:
    """A table for each group of settings."""
    examples = dotenv_values(FOLDER / "examples.env", interpolate=False)
    for field_name, field in Settings.model_fields.items():
        name = field_name.upper()
        if name in GROUPS:
            heading, _, documents = GROUPS[name].partition(": ")
            linked = re.sub(r"docs/(\S+\.md)", r"[\1](\1)", documents.partition(" says")[0])
            more = f" More: {linked}." if linked else ""
            yield from ("", f"## {heading}", "", f"Read by: {NEEDED_BY[name]}{more}", "")
            yield from _head("setting")
        secret = " Never shown." if shown(name, "x") == STARS else ""
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        shown_default = "" if default in (None, "") else f"`{default}`"
        yield _row((f"`{name}`", shown_default), field, secret, str(examples[name]))


def options() -> Iterator[str]:
    """A table for each table of the file of datasets."""
    examples = tomllib.loads((FOLDER / "examples.toml").read_text("utf-8"))
    for table, (heading, means, model) in TABLES.items():
        yield from ("", f"### {heading}", "", means, "")
        yield from _head("option")
        for name, field in model.model_fields.items():
            marked = r" \*" if model is DatasetOptions and name in TABLE_ONLY else ""
            yield _row(
                (f"`{name}`{marked}", _default(model, name, field)),
                field,
                "",
                f"{name} = {toml(examples[table][name])}",
            )


def toml(value: object) -> str:
    """A value as it stands in TOML, on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    if isinstance(value, str):
        return f"'{value}'" if "\\" in value else json.dumps(value)
    return json.dumps(value)


def takes(annotation: object, unit: str, metadata: Sequence[object] = ()) -> str:
    """Which values there are, in words."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Annotated, Union, UnionType):
        more = parts[1:] if origin is Annotated else ()
        return takes(next(each for each in parts if each is not NoneType), unit, (*more, *metadata))
    if origin is Literal:
        return _either(parts)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _either([each.value for each in annotation])
    if annotation in (int, float, Decimal):
        return ", ".join([unit or "number", *(["whole"] if annotation is int else []), *_bounds(metadata)])
    plain: Mapping[object, str] = {bool: _either(("true", "false")), Path: "path", str: "text", tuple: "list"}
    return plain.get(origin or annotation, "table")


def _either(values: Sequence[object]) -> str:
    return " ".join(f"`{each}`" for each in values)


def _bounds(metadata: Sequence[object]) -> list[str]:
    bounds: dict[str, Any] = {}
    for each in metadata:
        for part in getattr(each, "metadata", [each]):
            bounds |= {sign: getattr(part, sign) for sign in ("ge", "gt", "le", "lt") if hasattr(part, sign)}
    if "ge" in bounds and "le" in bounds:
        return [f"{bounds['ge']:,} to {bounds['le']:,}"]
    words = {"ge": "from {:,}", "gt": "above {:,}", "le": "up to {:,}", "lt": "below {:,}"}
    return [words[sign].format(bounds[sign]) for sign in words if sign in bounds]


def _head(word: str) -> tuple[str, str]:
    return f"| {word} | default | takes | means | example |", "|---|---|---|---|---|"


def _row(name: tuple[str, str], field: FieldInfo, more: str, example: str) -> str:
    """A line of a table; ``name`` with its default, both as they are shown."""
    means, unit = _unit(field.description or "", field)
    values = takes(field.annotation, unit, field.metadata)
    escaped = (cell.replace("|", r"\|") for cell in (*name, values, means + more, f"`{example}`"))
    return f"| {' | '.join(escaped)} |".replace("|  |", "| |")


def _unit(line: str, field: FieldInfo) -> tuple[str, str]:
    """A help line without the unit at its end, and the unit; only numbers have one."""
    found = re.fullmatch(r"(.*\S) \(([^)]*)\)(\.|[;:] .*)", line)
    if not found or not re.search(r"float|int|Decimal", str(field.annotation)):
        return line, ""
    unit, _, more = found[2].partition("; ")
    return f"{found[1]}{f' ({more})' if more else ''}{found[3]}", "share" if unit == "0 to 1" else unit


def _default(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True)
    if model is DatasetOptions and value is None:
        if name in ELSEWHERE:
            return ELSEWHERE[name]
        value = {each.name: each.default for each in fields(Dataset)}.get(name)
        value = None if value is MISSING else value
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    return "" if value in (None, {}, ()) else f"`{toml(value)}`"


if __name__ == "__main__":
    sys.stdout.write(text())
