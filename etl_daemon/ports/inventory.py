"""What a destination holds, as its own catalogue tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import ObjectRef


@dataclass(frozen=True, slots=True)
class Held:
    """A table or view: its columns, and its rows as the catalogue counts them (None: it does not, as of views)."""

    columns: tuple[str, ...]
    rows: int | None = None


class Inventory(Protocol):
    """Looks, and changes nothing."""

    def held(self) -> Mapping[str, Held]:
        """Every table and view of the database, by its full name in upper case.

        Raises:
            BusyError, TransientError, SetupError: the destination did not answer as it should.
        """

    def expected(self, dataset: Dataset) -> int:
        """How many rows the table should have by the ledger, anomalies that were found in rows included."""

    def described(self, dataset: Dataset) -> pa.Schema:
        """The table's own columns, as rows are fitted to them."""

    def rows(self, dataset: Dataset, ref: ObjectRef, columns: Sequence[str], most: int) -> list[tuple[Any, ...]]:
        """Of an object's rows in the table those with the lowest numbers: number, then the columns."""
