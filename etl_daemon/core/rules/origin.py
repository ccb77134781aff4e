"""Which object rows come from, as columns beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from etl_daemon.core import arrow
from etl_daemon.core.datasets import INSTANT
from etl_daemon.core.model import CleanSlice, ObjectRef

OBJECT = ("_OBJECT_KEY", "_OBJECT_MODIFIED")
VERSION = ("OBJECT_KEY", "OBJECT_VERSION")


class Origins:
    """The columns for some slices; those of one object share the memory of theirs."""

    def __init__(self, slices: Sequence[CleanSlice]) -> None:
        self._rows: Counter[ObjectRef] = Counter()
        for part in slices:
            own = (part.accepted.num_rows, part.quarantined.num_rows, part.anomalies.num_rows)
            self._rows[part.ref] = max(self._rows[part.ref], *own)
        self._zeros = arrow.array(np.zeros(max(self._rows.values(), default=0), np.int32))
        self._moments: dict[ObjectRef, pa.Array] = {}

    def beside(self, table: pa.Table, ref: ObjectRef) -> pa.Table:
        """Accepted rows, or anomalies, with what the target has beside them."""
        if ref not in self._moments:
            micros = np.datetime64(ref.modified.replace(tzinfo=None), "us").astype(np.int64)
            self._moments[ref] = arrow.array(np.full(self._rows[ref], micros)).view(INSTANT)
        moments = self._moments[ref].slice(0, table.num_rows)
        return self._with_text(table, OBJECT[0], ref.key).append_column(OBJECT[1], moments)

    def version(self, table: pa.Table, ref: ObjectRef) -> pa.Table:
        """Rejected rows with what the quarantine has beside them."""
        return self._with_text(self._with_text(table, VERSION[0], ref.key), VERSION[1], ref.version)

    def _with_text(self, table: pa.Table, name: str, text: str) -> pa.Table:
        places = self._zeros.slice(0, table.num_rows)
        return table.append_column(name, pa.DictionaryArray.from_arrays(places, arrow.texts([text])))
