"""Where uploaded files go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from etl_daemon.core.datasets import Mode
from etl_daemon.core.planning.discovery import listing_prefixes
from etl_daemon.core.upstream.placing import is_listed, key_of
from tests.support.rows import PRICES

AT = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("prefix", "folders", "key"),
    [
        ("processed/price_data", "", "processed/price_data/a.csv"),
        ("processed/price_data/", "", "processed/price_data/a.csv"),
        ("processed/price_data", "{year}/{month}/{day}", "processed/price_data/2026/01/05/a.csv"),
        ("processed/price_data", "/by-hand/", "processed/price_data/by-hand/a.csv"),
        ("raw/{year}/{month}/{day}", "", "raw/2026/01/05/a.csv"),
        ("raw/year={year}/hour={hour}/", "x", "raw/year=2026/hour=23/x/a.csv"),
        ("raw/prices-", "", "raw/prices-a.csv"),
        ("raw/prices*", "", "raw/pricesa.csv"),
        ("", "", "a.csv"),
    ],
)
def test_a_key_lies_where_the_dataset_is_listed(prefix, folders, key):
    dataset = replace(PRICES, prefix=prefix)
    assert key_of(dataset, folders, "a.csv", AT) == key
    assert any(key.startswith(each) for each in listing_prefixes(prefix, AT, AT))
    assert is_listed(dataset, key, AT, UTC)


def test_the_date_is_that_of_the_zone():
    tokyo = AT.astimezone(ZoneInfo("Asia/Tokyo"))
    assert key_of(replace(PRICES, prefix="raw/{day}"), "", "a", tokyo) == "raw/06/a"


@pytest.mark.parametrize("name", ["", "/a", "a//b", "../a", "a/../b", ".", "a/"])
def test_what_can_be_no_name_is_refused(name):
    with pytest.raises(ValueError, match="can be no name"):
        key_of(PRICES, "", name, AT)


def test_an_older_partition_is_for_the_sweep():
    dataset = replace(PRICES, prefix="raw/{year}/{month}/{day}")
    key = key_of(dataset, "", "a", AT - timedelta(days=3))
    assert not is_listed(dataset, key, AT, UTC)
    assert is_listed(replace(dataset, mode=Mode.FULL), key, AT, UTC), "which lists everything"
