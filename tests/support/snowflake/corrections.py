"""What fakesnow gets wrong and a loader meets, put right in its syntax trees and by replacing some functions."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from importlib import import_module
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from fakesnow.arrow import timestamp_to_sf_struct
from fakesnow.converter import from_binding
from fakesnow.instance import FakeSnow
from fakesnow.server import gcs_stage_info
from fakesnow.transforms import numeric_agg_implicit_cast, stage
from sqlglot import Expr, exp
from starlette.requests import Request

from tests.support.snowflake import stages

_UNQUOTED = re.compile(r'"((?:[^"]|"")*)"')


def install(account: FakeSnow) -> None:
    """Put the account and the replacements of this module into fakesnow's modules."""
    _replace("fakesnow.arrow", timestamp_to_sf_struct=timestamps_with_nulls)
    _replace("fakesnow.transforms", numeric_agg_implicit_cast=cast_unless_sum)
    _replace("fakesnow.copy_into", _source_urls=stages.file_addresses)
    _replace("fakesnow.server", shared_fs=account, from_binding=bound_value, gcs_stage_info=upload_place)


def cast_unless_sum(node: Expr) -> Expr:
    """Sums stay exact; fakesnow adds up everything as DOUBLE, in case it is text."""
    return node if isinstance(node, exp.Sum) else numeric_agg_implicit_cast(node)


def _replace(module: str, **content: object) -> None:
    vars(import_module(module)).update(content)


def qualified_identifier(node: Expr, binds: list[Any]) -> Expr:
    """``IDENTIFIER('"DB"."SCHEMA"."NAME"')`` has three parts; fakesnow takes it for one name."""
    argument = _identifier_argument(node)
    if argument is None:
        return node
    placeholder = isinstance(argument, exp.Placeholder)
    text = str(binds[0]) if placeholder else argument.name
    if '"."' not in text:
        return node
    if placeholder:
        binds.pop(0)
    name, *qualifiers = [exp.to_identifier(part, quoted=True) for part in reversed(_UNQUOTED.findall(text))]
    return exp.Table(this=name, **dict(zip(("db", "catalog"), qualifiers, strict=False)))


def _identifier_argument(node: Expr) -> Expr | None:
    if not isinstance(node, exp.Table):
        return None
    if isinstance(node.this, exp.DynamicIdentifier):
        return node.this.this  # type: ignore[no-any-return]  # sqlglot does not type its children
    if isinstance(node.this, exp.Anonymous) and node.this.name.upper() == "IDENTIFIER":
        return node.this.expressions[0]  # type: ignore[no-any-return]  # likewise
    return None


def session_functions(node: Expr, facts: dict[type[Expr], str | None]) -> Expr:
    """``CURRENT_ROLE()`` and its like, which DuckDB does not have."""
    return exp.convert(facts[type(node)]) if type(node) in facts else node


def bare_assignments(statement: Expr) -> Expr:
    """``UPDATE t SET t.a = ...`` without the table: DuckDB wants bare columns where they are written to."""
    if isinstance(statement, exp.Update):
        for assignment in statement.expressions:
            assignment.this.set("table", None)
    return statement


def bound_value(binding: dict[str, Any]) -> Any:
    """A value as bound: NULLs of any type, decimals, floats and times without a zone are what fakesnow misses."""
    match binding:
        case {"value": None}:
            return None
        case {"type": "FIXED", "value": text} if not text.lstrip("-").isdigit():
            return Decimal(text)
        case {"type": "REAL", "value": text}:
            return float(text)
        case {"type": "TIMESTAMP_NTZ"}:
            return from_binding(binding).replace(tzinfo=None)  # type: ignore[union-attr, call-arg]  # a datetime
        case _:
            return from_binding(binding)


def timestamps_with_nulls(timestamps: pa.Array | pa.ChunkedArray) -> pa.Array:
    """NULL timestamps stay NULL; fakesnow answers the epoch."""
    if isinstance(timestamps, pa.ChunkedArray):
        timestamps = timestamps.combine_chunks()
    if not timestamps.null_count:
        return timestamp_to_sf_struct(timestamps)
    filled = timestamp_to_sf_struct(pc.fill_null(timestamps, pa.scalar(0, type=timestamps.type)))
    fields = [filled.type.field(place) for place in range(filled.type.num_fields)]
    parts = [filled.field(place) for place in range(filled.type.num_fields)]
    return pa.StructArray.from_arrays(parts, fields=fields, mask=pc.is_null(timestamps))


def upload_place(request: Request, statement: Expr, put: stage.UploadCommandDict) -> dict[str, Any]:
    """Where the connector puts files of a stage: this server, in the manner of a Google bucket.

    Release 5 goes by folder and token; dbt still brings release 4, which asks for an address per file.
    """
    if "PythonConnector/4" in request.headers.get("user-agent", ""):
        return gcs_stage_info(request, statement, put)
    folder = os.path.relpath(put["stageInfo"]["location"], stage.LOCAL_BUCKET_PATH)
    return {
        "locationType": "GCS",
        "location": f"fs_bucket/{folder}/",
        "region": "us-central1",
        "creds": {"GCS_ACCESS_TOKEN": "made-up"},
        "endPoint": f"{request.url.scheme}://{request.url.netloc}",
        "path": folder,
    }
