"""A few values of a batch: all of a small one, some from everywhere in a large one, and its anomalies."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from etl_daemon.core.datasets import Kind
from etl_daemon.core.events.sample import FLAGGED, FLAGGED_IN_SLICE, PIECE_ROWS, PIECES, sampled
from tests.support.rows import INDICATORS, PRICES, cleaned, price, ref


def minutes(count, symbol="AAPL", **more):
    return [price(symbol, f"2026-01-02T{n // 60:02}:{n % 60:02}:00Z", **more) for n in range(count)]


def slices(*batches, dataset=PRICES):
    return [cleaned(ref(str(at)), rows, dataset) for at, rows in enumerate(batches)]


def test_a_small_batch_is_sampled_whole():
    parts = slices(minutes(50, "A", close=10.25), minutes(1, "B"), minutes(33, "C"))
    found = sampled(parts, Kind.PRICES, 1)
    assert Counter(found.points["SYMBOL"].to_pylist()) == {"A": 50, "B": 1, "C": 33}
    assert found.points["VALUE"][0].as_py() == 10.25
    assert found.points["TIMESTAMP"].to_pylist()[:2] == parts[0].accepted["TIMESTAMP"].to_pylist()[:2]
    assert found.flags.num_rows == 0


def test_of_a_large_batch_so_many_rows_are_looked_at_and_from_all_over():
    """Symbols come in turn, as many as rows in a piece: rows at regular distances would show one of them."""
    part = slices(
        [
            price(f"{chr(65 + n % 26)}{chr(65 + n % 13)}", f"2026-01-02T00:{n // 60:02}:{n % 60:02}Z")
            for n in range(3_600)
        ]
    )[0]
    many = [part] * 200
    found = sampled(many, Kind.PRICES, 1)
    assert PIECES // 2 * PIECE_ROWS < found.points.num_rows <= PIECES * PIECE_ROWS
    assert len(Counter(found.points["SYMBOL"].to_pylist())) == 26
    assert found == sampled(many, Kind.PRICES, 1) != sampled(many, Kind.PRICES, 2)


def test_rows_that_a_later_slice_beats_are_no_points():
    part = slices(minutes(40))[0]
    stays = np.arange(40) % 2 == 0
    assert sampled([replace(part, stays=stays)], Kind.PRICES, 1).points.num_rows == 20


def test_anomalies_have_the_value_of_their_row():
    rows = [*minutes(30), price("MSFT", open=10.0, high=31.0, close=30.0), price("MSFT", "2026-01-02T16:00:00Z")]
    found = sampled(slices(rows), Kind.PRICES, 1).flags.to_pylist()
    assert [(each["SYMBOL"], each["VALUE"], each["ANOMALY_TYPE"]) for each in found] == [
        ("MSFT", 30.0, "extreme_price_movement")
    ]
    assert found[0]["DESCRIPTION"].startswith("extreme price movement")


def test_there_are_never_many_anomalies():
    part = slices(minutes(FLAGGED_IN_SLICE + 9, open=10.0, high=31.0, close=30.0))[0]
    assert sampled([part], Kind.PRICES, 1).flags.num_rows == FLAGGED_IN_SLICE
    assert sampled([part] * 100, Kind.PRICES, 1).flags.num_rows == FLAGGED


def test_what_waits_to_be_written_holds_no_batch_in_memory():
    part = slices(minutes(1_400, open=10.0, high=31.0, close=30.0))[0]
    found = sampled([part], Kind.PRICES, 1)
    assert part.anomalies.get_total_buffer_size() > 100_000
    assert found.flags.get_total_buffer_size() < 10_000


def test_indicators_show_rsi_and_others_nothing():
    row = {"symbol": "AAPL", "timestamp": "2026-01-02", "rsi": 95, "macd": 1, "sma_20": 1, "sma_50": 2}
    found = sampled(slices([row], dataset=INDICATORS), Kind.INDICATORS, 1)
    assert (found.points["VALUE"].to_pylist(), found.flags["VALUE"].to_pylist()) == ([95.0], [95.0])
    assert sampled(slices(minutes(1)), Kind.TABLE, 1) is None
    assert sampled([], Kind.PRICES, 1) is None


@pytest.mark.parametrize("gone", [["CLOSE_PRICE"], ["CLOSE_PRICE", "SYMBOL"]])
def test_where_the_destination_finds_the_rows_itself_there_is_nothing_to_look_at(gone):
    part = slices(minutes(3))[0]
    assert sampled([replace(part, accepted=part.accepted.drop_columns(gone), file="f")], Kind.PRICES, 1) is None
