"""What the tests of the decoder share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.adapters.decode import ObjectDecoder, Sizes
from etl_daemon.adapters.decode.pieces import join
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import SLICE_ROWS, ObjectRef, RawSlice
from etl_daemon.core.policy import ReadLimits
from etl_daemon.errors import DataError

PRICES = Dataset("price_data", Kind.PRICES, "p", "A.B.C")
INDICATORS = Dataset("technical_indicators", Kind.INDICATORS, "p", "A.B.C")
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
NO_LIMITS = ReadLimits()


def decode(
    body: bytes,
    *,
    key: str = "object",
    dataset: Dataset = PRICES,
    limits: ReadLimits = NO_LIMITS,
    slice_rows: int = SLICE_ROWS,
    chunk_bytes: int = 2**24,
) -> list[RawSlice]:
    decoder = _decoder(limits, slice_rows, chunk_bytes)
    return list(decoder.decode(ObjectRef(datetime(2026, 1, 1, tzinfo=UTC), key, "1"), memoryview(body), dataset))


@cache
def _decoder(limits: ReadLimits, slice_rows: int, chunk_bytes: int) -> ObjectDecoder:
    """One for all tests: its connections take longer to open than a test takes."""
    return ObjectDecoder(limits, sizes=Sizes(slice_rows, chunk_bytes))


def gathered(slices: Sequence[RawSlice]) -> tuple[pa.Table, list[int], list[int]]:
    """All rows, the malformed positions among them, and each slice's first row."""
    table = join([part.table for part in slices]) if slices else pa.table({})
    malformed = [part.first_row - 1 + int(at) for part in slices for at in part.malformed]
    return table, malformed, [part.first_row for part in slices]


def raws(slices: Sequence[RawSlice], rows: Sequence[int]) -> list[str]:
    """The text of rows of the first slice."""
    return slices[0].raw(np.array(rows, np.int64)).to_pylist()


def refusal(body: bytes, reason: str, **options: object) -> DataError:
    with pytest.raises(DataError) as caught:
        decode(body, **options)  # type: ignore[arg-type]
    assert caught.value.reason == reason
    return caught.value
