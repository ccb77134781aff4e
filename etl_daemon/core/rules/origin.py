"""Which object rows come from, as columns beside them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from etl_daemon.core import arrow
from etl_daemon.core.datasets import INSTANT
from etl_daemon.core.model import ObjectRef

OBJECT = ("_OBJECT_KEY", "_OBJECT_MODIFIED")
VERSION = ("OBJECT_KEY", "OBJECT_VERSION")


def with_object(table: pa.Table, ref: ObjectRef) -> pa.Table:
    """Accepted rows, or anomalies, with what the target has beside them."""
    rows = table.num_rows
    micros = np.datetime64(ref.modified.replace(tzinfo=None), "us").astype(np.int64)
    keys = pa.DictionaryArray.from_arrays(arrow.array(np.zeros(rows, np.int32)), arrow.texts([ref.key]))
    moments = arrow.array(np.full(rows, micros)).view(INSTANT)
    return table.append_column(OBJECT[0], keys).append_column(OBJECT[1], moments)


def with_version(table: pa.Table, ref: ObjectRef) -> pa.Table:
    """Quarantined rows with what the quarantine has beside them."""
    for name, text in zip(VERSION, (ref.key, ref.version), strict=True):
        table = table.append_column(name, arrow.constant(text, table.num_rows))
    return table
