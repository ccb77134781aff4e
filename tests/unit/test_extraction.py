"""How far the extraction from a database has come, and what is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from etl_daemon.core.datasets import Mode
from etl_daemon.core.upstream.extraction import (
    Format,
    Intent,
    Mark,
    Origin,
    Part,
    Span,
    cuts,
    key_of,
    loading,
    target_types,
    typed,
    whole,
)
from etl_daemon.core.upstream.origins import origin_problems
from tests.support.rows import PRICES
from tests.support.tables import APPENDED

NOW = datetime(2026, 1, 5, 12, 30, 15, 42, tzinfo=UTC)
INTENT = Intent(Span("1", "9"), (Part("k"),), "d")
ORIGIN = Origin("sqlite://", "", "t", False, "sql/db/t/")


@pytest.mark.parametrize(("after", "due"), [(0, False), (59, False), (60, True), (3600, True)])
def test_it_is_time_again_after_the_interval(after, due):
    assert Mark(extracted_at=NOW.isoformat()).due(60, NOW + timedelta(seconds=after)) is due


def test_it_is_time_where_nothing_was_extracted_or_an_extraction_was_cut_short():
    assert Mark().due(60, NOW)
    assert Mark(extracted_at=NOW.isoformat(), intent=INTENT).due(60, NOW)


def test_a_cursor_is_of_its_column():
    mark = Mark("id", "7")
    assert mark.begun(INTENT, {"ID": "BIGINT"}, "id") == Mark("id", "7", types={"ID": "BIGINT"}, intent=INTENT)
    assert mark.begun(INTENT, {}, "updated").cursor is None


def test_the_cursor_moves_once_all_is_there():
    assert Mark("id", "7", intent=INTENT).settled(NOW) == Mark("id", "9", "d", "2026-01-05T12:30:15+00:00")
    everything = Mark("id", "7", intent=Intent(Span(), ()))
    assert everything.settled(NOW).cursor == "7"
    assert Mark("id", "7").settled(NOW) == Mark("id", "7")


def test_parts_of_an_extraction_have_numbers():
    assert key_of(ORIGIN, NOW) == "sql/db/t/2026-01-05/20260105T123015000042Z.csv"
    assert key_of(replace(ORIGIN, format=Format.PARQUET), NOW, 2).endswith("Z-2.parquet")


@pytest.mark.parametrize(
    ("least", "greatest", "count", "found"),
    [
        (1, 9, 1, [(None, None)]),
        (1, 9, 3, [(None, 4), (4, 7), (7, None)]),
        (1, 10, 3, [(None, 5), (5, 9), (9, None)]),
        (5, 5, 4, [(None, None)]),
        (5, 6, 4, [(None, 6), (6, None)]),
        (-4, 3, 2, [(None, 0), (0, None)]),
    ],
)
def test_ranges_cover_all_whole_numbers(least, greatest, count, found):
    assert cuts(least, greatest, count) == found


def test_a_replaced_table_is_what_the_last_object_has():
    assert loading(replace(PRICES, mode=Mode.FULL)).mode is Mode.TRUNCATE_INSERT
    assert loading(PRICES) is PRICES
    assert whole(replace(PRICES, mode=Mode.FULL), replace(ORIGIN, column="id"))
    assert whole(PRICES, ORIGIN)
    assert not whole(PRICES, replace(ORIGIN, column="id"))


def test_declared_types_go_before_the_sources():
    declared = replace(APPENDED, types={"A": pa.string()})
    assert typed(declared, {"A": "BIGINT", "B": "DATE"}).types == {"A": pa.string(), "B": pa.date32()}
    assert typed(declared, {}) is declared
    assert typed(PRICES, {"A": "BIGINT"}) is PRICES
    assert target_types([("first name", "VARCHAR")], APPENDED) == {"FIRST_NAME": "VARCHAR"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"primary_key": ["a", "b"], "sql": {"partitions": 2}}, "needs partition_by"),
        ({"primary_key": ["a"], "sql": {"partitions": 2}}, ""),
        ({"primary_key": ["a", "b"], "sql": {"partitions": 1}}, ""),
        ({"primary_key": ["a", "b"], "sql": {"partitions": 2, "partition_by": "a"}}, ""),
        ({"primary_key": ["a", "b"], "sql": {"partitions": 2, "primary_key": "a"}}, ""),
        ({"mode": "APPEND", "sql": {}}, "would add all rows at each extraction"),
        ({"mode": "APPEND", "sql": {"primary_key": "a"}}, ""),
        ({"mode": "APPEND", "sql": {"primary_key": "a", "overlap": 5}}, "APPEND would add rows again"),
        ({"mode": "INCREMENTAL", "primary_key": ["a"], "sql": {"overlap": 5}}, ""),
        (
            {"mode": "INCREMENTAL", "primary_key": ["a"], "incremental_by": "timestamp_column", "sql": {"overlap": 5}},
            "leaves out rows that come late",
        ),
        ({"primary_key": ["a"]}, ""),
    ],
)
def test_rows_are_neither_lost_nor_taken_twice(values, said):
    found = origin_problems("x", values)
    assert [said in line for line in found] == [True] * bool(said), found
