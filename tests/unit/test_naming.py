"""What columns are called in a table."""

from __future__ import annotations

import pytest

from etl_daemon.core.datasets import SYSTEM_COLUMNS, Dataset, Kind
from etl_daemon.core.rules.columns import match_columns
from etl_daemon.core.tables.naming import target_name
from etl_daemon.errors import DataError

ANY = Dataset("t", Kind.TABLE, "p", "A.B.C", columns={"Trade ID": "id"}, primary_key=("ID",), timestamp_column="AT")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("price", "PRICE"),
        (" Adj Close ", "ADJ_CLOSE"),
        ("1. open", "_1__OPEN"),
        ("a-b.c/d", "A_B_C_D"),
        ("größe", "GR_SSE"),
        ("", "_"),
        ("名前", "__"),
        ("x" * 300, "X" * 300),
    ],
)
def test_names_are_upper_case_and_need_no_quotes(source: str, target: str) -> None:
    assert target_name(source) == target


def test_configured_names_come_first_whatever_their_case() -> None:
    columns = {"Trade ID": "id", "trade id": "other"}
    assert target_name("Trade ID", columns) == "ID"
    assert target_name("trade id", columns) == "OTHER"
    assert target_name(" TRADE ID", columns) == "ID"


def test_every_column_is_found_and_needed_ones_are_missed() -> None:
    matching = match_columns(["trade id", "x", "x"], ANY)
    assert matching.found == {"ID": ("trade id",), "X": ("x",)}
    assert matching.missing == ("AT",)
    assert matching.extra == ()


@pytest.mark.parametrize("name", [*SYSTEM_COLUMNS.names, "_rescued"])
def test_names_of_the_daemon_are_kept(name: str) -> None:
    with pytest.raises(DataError) as caught:
        match_columns(["ID", "AT", name.lower()], ANY)
    assert caught.value.reason == "column_name"
    assert f'columns = {{ "{name.lower()}" = "NAME" }}' in caught.value.hint


def test_names_that_meet_are_named_in_the_refusal() -> None:
    with pytest.raises(DataError, match="Columns 'a b', 'a_b' would each be called A_B") as caught:
        match_columns(["a b", "a_b"], ANY)
    assert caught.value.reason == "ambiguous_columns"
    assert caught.value.hint == 'give one another name in ETL_DATASETS_FILE: columns = { "a_b" = "NAME" }'
