"""Reading ahead, and what becomes of a defect of ours."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import numpy as np
import pyarrow as pa
import pytest

from etl_daemon.core.model import BatchPlan, CleanSlice, RawBatch, RawSlice, Refusal
from etl_daemon.core.policy import Rules
from etl_daemon.pipeline import Intake, Tolerance, read, transform
from etl_daemon.pipeline.intake import ahead
from tests.support.rows import PRICES, price, raw, ref


def intake(decoder: object = None, source: object = None) -> Intake:
    return Intake(source, decoder, Rules(), Tolerance(), fetchers=1, ahead_bytes=2**20)


def test_the_next_item_is_made_while_one_is_in_use() -> None:
    begun = [Event() for _ in range(3)]

    def items() -> Iterator[int]:
        for number, event in enumerate(begun, 1):
            event.set()
            yield number

    coming = ahead(items())
    assert next(coming) == 1
    assert begun[1].wait(10), "item 2 is on its way while item 1 is in use"
    assert not begun[2].is_set(), "one ahead, no more: memory stays bounded"
    assert list(coming) == [2, 3]


def test_a_fault_that_shows_late_arrives_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("cut")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="cut"):
        next(coming)


def test_a_defect_in_the_decoder_costs_one_object() -> None:
    class Broken:
        def decode(self, of, body, dataset):
            if of.key == "a":
                raise ZeroDivisionError("oops")
            yield raw(of, [price()])

    class Bodies:
        def fetch(self, of):
            return memoryview(b"")

    plan = BatchPlan(PRICES, (ref("a"), ref("b")))
    parts = list(read(plan, intake(Broken(), Bodies())).parts)

    assert [(part.ref.key, type(part)) for part in parts] == [("a", Refusal), ("b", RawSlice)]
    assert parts[0].reason == "internal_error"
    assert "ZeroDivisionError: oops" in parts[0].detail


def test_a_defect_in_the_rules_costs_one_object() -> None:
    bad = RawSlice(ref("a"), 1, pa.table({"symbol": [1]}), np.array([7]), lambda _: pa.array([], pa.string()))
    parts = [bad, raw(ref("a"), [price()]), raw(ref("b"), [price()])]
    results = list(transform(RawBatch(BatchPlan(PRICES, ()), iter(parts)), intake()).results)

    assert [(result.ref.key, type(result)) for result in results] == [("a", Refusal), ("b", CleanSlice)]
    assert results[0].reason == "internal_error"
