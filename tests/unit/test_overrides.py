"""What ``once --obj`` may say, and what it is told when it says something else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from etl_daemon.core.datasets import Dataset, Kind, Mode
from etl_daemon.core.overrides import EXAMPLE, overridden
from tests.support.rows import ANOMALIES, INDICATORS, PRICES

DATASETS = (PRICES, INDICATORS)
TAKEN = (PRICES.table, INDICATORS.table, ANOMALIES.table, f"{PRICES.table}_OLD")


def asked(**pairs: str):
    return overridden(DATASETS, json.dumps(pairs), TAKEN)


@pytest.mark.parametrize(
    "name",
    ["price_data", "Price_Data", "market_data.price_data", "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA", " price_data "],
)
def test_a_dataset_is_named_in_any_way_and_case(name):
    prices, indicators = asked(**{name: "full"})

    assert (prices.mode, prices.table, prices.cursor_name) == (Mode.FULL, PRICES.table, "price_data")
    assert indicators == INDICATORS


def test_a_suffix_leads_to_a_table_with_a_cursor_and_a_detector_of_its_own():
    prices, _ = overridden(DATASETS, EXAMPLE, TAKEN)

    assert (prices.mode, prices.table) == (Mode.INCREMENTAL, f"{PRICES.table}_DELTA")
    assert (prices.name, prices.cursor_name) == ("price_data", "price_data;_DELTA")
    assert prices.detector == "etl_daemon:price_data;_DELTA" != PRICES.detector
    assert asked(price_data=" append ; _delta ")[0].table == prices.table


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "It is no JSON (Expecting property name enclosed in double quotes"),
        ("", f"an example is {EXAMPLE}"),
        ("[]", "It should be a JSON object of names and modes"),
        ("{}", f"such as {EXAMPLE}"),
        ('{"price_data": 1}', "It should be a JSON object of names and modes"),
        ('{"prices": "FULL"}', "There is no dataset or table prices; there are price_data (FINANCIAL_DATA.MARKET_DATA"),
        ('{"PRICE.DATA": "FULL"}', "technical_indicators (FINANCIAL_DATA.ANALYTICS.TECHNICAL_INDICATORS)."),
        ('{"price_data": "MERGE"}', "no mode MERGE for price_data; there are APPEND, UPSERT, INCREMENTAL, FULL, TRUNC"),
        ('{"price_data": ""}', "There is no mode '' for price_data"),
        ('{"price_data": "FULL;"}', "The suffix '' for price_data should be letters"),
        ('{"price_data": "FULL;a b"}', "The suffix 'A B' for price_data should be letters"),
        ('{"price_data": "FULL;x;y"}', "The suffix 'X;Y'"),
        (
            '{"price_data": "FULL;_OLD"}',
            "leads to FINANCIAL_DATA.MARKET_DATA.PRICE_DATA_OLD, which another dataset has",
        ),
        ('{"price_data": "FULL", "market_data.price_data": "UPSERT"}', "It names price_data twice."),
    ],
)
def test_what_is_wrong_is_said_with_what_there_is(text, said):
    with pytest.raises(ValueError, match=r"^(It|There|The) ") as caught:
        overridden(DATASETS, text, TAKEN)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "more"), [("UPSERT", {}), ("INCREMENTAL", {}), ("UPSERT", {"timestamp_column": "AT"})]
)
def test_a_mode_by_key_needs_a_key(mode, more):
    keyless = Dataset("log", Kind.TABLE, "p", "A.B.LOG", mode=Mode.APPEND, **more)
    with pytest.raises(ValueError, match=f"{mode} needs a primary_key, which log has not"):
        overridden([keyless], f'{{"log": "{mode};_X"}}', ())
    dated = replace(keyless, timestamp_column="AT")
    assert overridden([dated], '{"log": "INCREMENTAL;_X"}', ())[0].table == "A.B.LOG_X"
