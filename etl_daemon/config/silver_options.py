"""The table ``[datasets.NAME.silver]``: what becomes of a dataset's rows behind its own table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etl_daemon.config.checks import LOWER, TableName
from etl_daemon.config.problems import unknown, wrong_values

Step = Annotated[Literal["trim", "upper", "lower", "blank_to_null"], LOWER]


class SilverOptions(BaseModel):
    """What the table says."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    table: TableName = Field(description="Silver, with one row per key: DATABASE.SCHEMA.TABLE.")
    view: TableName | None = Field(None, description="Gold, a view of silver; left out: the table with _VIEW.")
    primary_key: tuple[str, ...] = Field(
        min_length=1, description="The columns of which each row of silver has its own values."
    )
    tidy: dict[str, tuple[Step, ...]] = Field(
        default_factory=dict, description='By column what is done to texts: { NAME = ["trim", "blank_to_null"] }.'
    )


def read_silver_options(table: object, name: str, where: str) -> tuple[SilverOptions | None, list[str]]:
    """The options, or what is wrong with them."""
    if not isinstance(table, Mapping):
        return None, [f"silver{where}: should be a table [datasets.{name}.silver]."]
    origin, fields = where.replace("]", ".silver]"), SilverOptions.model_fields
    problems = [unknown(key, fields, origin) for key in table if key not in fields]
    missing = [key for key, field in fields.items() if field.is_required() and key not in table]
    problems += [f"{key}{origin}: must be set. {fields[key].description}" for key in missing]
    try:
        return SilverOptions.model_validate({key: table[key] for key in table if key in fields}), problems
    except ValidationError as error:
        wrong = wrong_values(error, fields, dict.fromkeys(fields, origin))
        return None, problems + [line for line in wrong if line.partition("=")[0] not in missing]
