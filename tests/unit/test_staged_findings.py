"""Rejected rows as they are staged: each says which version of which object it comes from."""

from __future__ import annotations

import pyarrow as pa

from etl_daemon.adapters.destination.work import staged_findings
from etl_daemon.core.model import BatchPlan, StagedBatch
from tests.support.rows import PRICES, cleaned, price, ref

ROWS, SLICES = 1_000, 100


def rejected(key):
    return cleaned(ref(key, f"version of {key}"), [price(symbol="no symbol")] * ROWS)


def staged(slices):
    refs = tuple(dict.fromkeys(part.ref for part in slices))
    return StagedBatch(BatchPlan(PRICES, refs), tuple(slices), (), ())


def test_rejected_rows_are_staged_with_the_version_of_their_object():
    findings = staged_findings(staged([rejected("a"), rejected("b")]))
    assert findings is not None
    assert findings["OBJECT_KEY"].to_pylist() == ["a"] * ROWS + ["b"] * ROWS
    assert findings["OBJECT_VERSION"].to_pylist() == ["version of a"] * ROWS + ["version of b"] * ROWS
    assert findings["OBJECT_ROW"].to_pylist() == 2 * [*range(1, ROWS + 1)]


def test_the_version_takes_no_memory_for_each_row():
    """Rows lie on disk where they are many, so what is put beside them must not be in memory."""
    batch = staged([rejected("a")] * SLICES)
    before = pa.total_allocated_bytes()
    findings = staged_findings(batch)
    assert findings is not None
    assert findings.num_rows == ROWS * SLICES
    assert pa.total_allocated_bytes() - before < ROWS * SLICES
