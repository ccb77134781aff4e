"""How many statements are foreseen; what is sent is held against it in tests/integration/test_statements.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl_daemon.core.datasets import Mode
from etl_daemon.core.planning.statements import Span, Statements, exactly, of_batch, of_recall, of_sweep
from tests.support.rows import PRICES
from tests.support.tables import TRADES

STAGING = 3
FORESEEN = {  # of prices, beside the statements that stage them: BEGIN to COMMIT, the rows, what meets, what gives way
    Mode.UPSERT: (8, 11),
    Mode.INCREMENTAL: (8, 11),
    Mode.APPEND: (7, 10),
    Mode.FULL: (9, 10),
    Mode.TRUNCATE_INSERT: (9, 10),
}


@pytest.mark.parametrize("mode", FORESEEN)
def test_of_a_batch(mode):
    least, most = FORESEEN[mode]
    found = of_batch(replace(PRICES, mode=mode), STAGING)

    assert found.fit == Span(STAGING + least, STAGING + most)
    assert found.unfit == Span(2 * STAGING + least + 1, 2 * STAGING + most + 4)


def test_rows_that_go_by_time_let_nothing_give_way():
    by_time = replace(PRICES, mode=Mode.INCREMENTAL, incremental_by="timestamp_column")
    assert of_batch(by_time, STAGING).fit == Span(STAGING + 8, STAGING + 8)


def test_a_table_of_any_columns_may_have_to_be_made():
    table = of_batch(replace(TRADES, mode=Mode.APPEND), STAGING)
    assert table.fit == Span(STAGING + 7 + 1, STAGING + 10 + 3)


def test_parts_of_older_deliveries_bring_nothing_in():
    assert of_batch(PRICES, STAGING, loads=False) == exactly(6)


@pytest.mark.parametrize(("missing", "cursors", "count"), [(0, 0, 2), (1, 0, 6), (0, 2, 7), (3, 1, 9)])
def test_what_a_process_asks_first(missing, cursors, count):
    assert of_recall(missing, cursors) == exactly(count)
    assert of_recall() == exactly(2)


def test_statements_add_up():
    assert of_sweep() + of_sweep() == exactly(2)
    assert Statements(Span(1, 2), Span(3, 4)) + Statements(Span(10, 20), Span(30, 40)) == Statements(
        Span(11, 22), Span(33, 44)
    )
    assert Statements() == exactly(0)
