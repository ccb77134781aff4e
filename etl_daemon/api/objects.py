"""Objects as rows of Python, and frames as objects: so that what a frame brings in is accounted for like any object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl_daemon.core import frames
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import ObjectRef, RawSlice
from etl_daemon.core.planning.discovery import FRAMES
from etl_daemon.core.tables.plaintext import is_json

Row = dict[str, Any]
Identity = tuple[str, str, str]
"""Bucket, key and version."""

IDENTITY = ["_object_bucket", "_object_key", "_object_version"]
"""The columns that say which object version a row comes from; ``_object_row`` says which row."""


def identity_of(ref: ObjectRef) -> Row:
    """The identity columns of an object."""
    return {**dict(zip(IDENTITY, (ref.bucket, ref.key, ref.version), strict=True)), "_object_modified": ref.modified}


def records(part: RawSlice, identity: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of a slice with their identity; ``_raw`` and nothing else for a line that is no record."""
    malformed = dict(zip(part.malformed.tolist(), part.raw(part.malformed).to_pylist(), strict=True))
    numbers = part.numbers(np.arange(part.table.num_rows))
    documents = [field.name for field in part.table.schema if is_json(field.type)]
    for position, (row, number) in enumerate(zip(part.table.to_pylist(), numbers.tolist(), strict=True)):
        row |= {name: json.loads(row[name], parse_float=Decimal) for name in documents if row[name] is not None}
        # NaN stands for "present, but not a number": as text it stays apart from a missing value
        values = {name: "NaN" if value != value else value for name, value in row.items()}  # noqa: PLR0124
        yield {
            **({"_raw": malformed[position]} if position in malformed else values),
            **identity,
            "_object_row": number,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a frame that count as one object, in the object's order; ``apart`` if that object is the frame alone."""

    ref: ObjectRef
    rows: pd.DataFrame
    apart: bool

    def slice(self, dataset: Dataset) -> RawSlice:
        """The rows as if they had just been decoded.

        Raises:
            DataError: a required column is missing.
        """
        rows = self.rows
        numbered = "_object_row" in rows
        ordinals = rows["_object_row"].to_numpy(np.int64) if numbered else np.arange(1, len(rows) + 1)
        no_record = rows["_raw"].notna().to_numpy() if "_raw" in rows else np.zeros(len(rows), np.bool_)
        table = frames.to_arrow(rows, frames.match_frame(rows, dataset), dataset)
        return RawSlice(self.ref, 1, table, np.flatnonzero(no_record), self._raw, ordinals=ordinals)

    def _raw(self, positions: np.ndarray[Any, Any]) -> pa.StringArray:
        taken = self.rows.iloc[positions]
        rows = taken.drop(columns="_raw", errors="ignore").to_dict("records")
        texts = taken["_raw"] if "_raw" in taken else [None] * len(rows)
        lines = [
            text if isinstance(text, str) else json.dumps(row, default=str)
            for text, row in zip(texts, rows, strict=True)
        ]
        return pa.array(lines, pa.string())


def frame_of(rows: Sequence[Mapping[str, Any]], *, inferred: bool) -> pd.DataFrame:
    """The rows as a frame of objects, or with types that are ``inferred``, but for integers with gaps.

    Values stay what they are: pandas would make doubles of such integers.
    """
    frame = pd.DataFrame(list(rows), dtype=object)
    if not inferred:
        return frame
    gaps = {
        name: frame[name]
        for name in frame
        if pd.api.types.infer_dtype(frame[name], skipna=True) == "integer" and frame[name].isna().any()
    }
    made = frame.infer_objects()
    for name, column in gaps.items():
        made[name] = column
    return made


def parts(df: pd.DataFrame, extracted: Mapping[Identity, Sequence[Row]], now: datetime) -> list[Part]:
    """The frame by object.

    Rows of an object of ``extracted`` (all its rows by identity) bring the object's other rows along, so that the
    ledger accounts for all of them. All other rows are an object of their own, known by its content.
    """
    if df.empty:
        return []
    if not {*IDENTITY, "_object_row"} <= set(df.columns):
        return [_by_content(df, now)]
    found = []
    without = df[[*IDENTITY, "_object_row"]].isna().any(axis="columns")
    for identity, rows in df[~without].groupby(IDENTITY, sort=True):
        bucket, key, version = map(str, identity)
        whole = extracted.get((bucket, key, version))
        found.append(_by_content(rows, now) if whole is None else _whole(rows, whole))
    if without.any():
        others = df[without].drop(columns=[name for name in df.columns if str(name).startswith("_object_")])
        found.append(_by_content(others, now))
    return found


def _whole(rows: pd.DataFrame, whole: Sequence[Row]) -> Part:
    given = set(rows["_object_row"])
    others = pd.DataFrame([row for row in whole if row["_object_row"] not in given], dtype=object)
    first = whole[0]
    ref = ObjectRef(first["_object_modified"], first["_object_key"], first["_object_version"], first["_object_bucket"])
    everything = pd.concat([rows.astype(object), others], ignore_index=True) if len(others) else rows
    return Part(ref, everything.sort_values("_object_row", ignore_index=True), apart=False)


def _by_content(rows: pd.DataFrame, now: datetime) -> Part:
    try:
        hashes = pd.util.hash_pandas_object(rows, index=False)
    except (TypeError, UnicodeEncodeError):  # cells that hold lists, or text that is no text
        hashes = pd.util.hash_pandas_object(rows.map(ascii), index=False)
    digest = hashlib.sha256(hashes.to_numpy().tobytes())
    digest.update("\0".join(map(ascii, rows.columns)).encode())
    # the same numbers stand for instants with a zone and without one, and for true and 1
    kinds = [
        str(kind) for kind in rows.dtypes if isinstance(kind, pd.DatetimeTZDtype) or pd.api.types.is_bool_dtype(kind)
    ]
    digest.update("\0".join(kinds).encode())
    return Part(
        ObjectRef(now.astimezone(UTC), f"{FRAMES}{digest.hexdigest()[:32]}", digest.hexdigest()), rows, apart=True
    )
