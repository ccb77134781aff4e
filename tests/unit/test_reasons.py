"""Reason codes: stable names, a stable order, and all of them on every row."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from etl_daemon.core.rules import reasons
from etl_daemon.core.rules.reasons import CODES, Reason


def test_codes_are_those_of_the_contract_in_one_order():
    assert CODES == (
        "undecodable",
        "missing_field",
        "symbol_format",
        "timestamp_invalid",
        "timestamp_future",
        "price_not_numeric",
        "price_range",
        "ohlc_relation",
        "volume_invalid",
        "volume_negative",
        "scale_overflow",
        "rsi_range",
        "macd_invalid",
        "sma_not_positive",
        "severity_unknown",
        "value_invalid",
        "type_mismatch",
    )
    assert [int(reason) for reason in Reason] == [1 << place for place in range(len(CODES))]


def test_every_pair_of_reasons_is_written_in_order():
    pairs = list(combinations(CODES, 2))
    flags = np.array([Reason[one] | Reason[other] for one, other in pairs], np.uint32)

    assert reasons.codes(flags).to_pylist() == [f"{one},{other}" for one, other in pairs]


@pytest.mark.parametrize(("flags", "texts"), [([], []), ([0], [""]), ([2**17 - 1, 0], [",".join(CODES), ""])])
def test_rows_without_reasons_and_with_all(flags, texts):
    assert reasons.codes(np.array(flags, np.uint32)).to_pylist() == texts


@pytest.mark.parametrize("code", CODES)
def test_a_mask_becomes_the_flag_of_its_code(code):
    flags = reasons.flag(3, **{code: np.array([True, False, True])})

    assert flags.dtype == np.uint32
    assert flags.tolist() == [Reason[code], 0, Reason[code]]
    assert reasons.count(flags) == {code: 2}


def test_masks_add_up_row_by_row_and_each_reason_is_counted():
    flags = reasons.flag(
        4,
        value_invalid=np.array([True, True, False, False]),
        undecodable=np.array([False, True, True, False]),
    )

    assert reasons.codes(flags).to_pylist() == ["value_invalid", "undecodable,value_invalid", "undecodable", ""]
    assert reasons.count(flags) == {"undecodable": 2, "value_invalid": 2}


def test_an_unknown_code_is_a_mistake():
    with pytest.raises(KeyError):
        reasons.flag(1, price_wrong=np.array([True]))


def test_nothing_is_counted_among_no_rows():
    assert reasons.count(np.zeros(0, np.uint32)) == {}
