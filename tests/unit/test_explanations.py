"""What is said of a reason holds: its example is rejected for it, and for nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from etl_daemon.adapters.decode import ObjectDecoder
from etl_daemon.core.model import ObjectRef
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean
from etl_daemon.core.rules.explanations import ROWS, example
from tests.support.rows import ANOMALIES, INDICATORS, PRICES

BY_COLUMN = {"rsi": INDICATORS, "severity": ANOMALIES}
NOWHERE = {"type_mismatch"}
"""Reasons that depend on what the operator has set."""


@pytest.mark.parametrize("reason", sorted(ROWS.keys() - NOWHERE))
def test_the_example_is_rejected_for_this_reason_alone(reason: str) -> None:
    line = example(reason)
    dataset = next((of for column, of in BY_COLUMN.items() if f'"{column}"' in line), PRICES)
    other = example("price_range")  # a record, or a cut line would be a cut document
    body = "".join(f"{each}\n" for each in (other, line) if each == line or dataset is PRICES).encode()
    ref = ObjectRef(datetime(2026, 3, 1, tzinfo=UTC), "a.json", "1", size=len(body))
    decoder = ObjectDecoder(threads=0)
    (raw,) = decoder.decode(ref, memoryview(body), dataset)
    decoder.close()
    assert clean(raw, dataset, Rules()).quarantined["REASONS"].to_pylist()[-1] == reason


def test_where_no_row_alone_would_do_there_is_none() -> None:
    assert {reason for reason in ROWS if not example(reason)} == NOWHERE
