"""Which quarantined rows a selection means, and what each reason means."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from etl_daemon.core.datasets import Mode
from etl_daemon.core.review import STATES, Selection, standing
from etl_daemon.core.rules import explanations, reasons
from etl_daemon.core.sql.dialect import DIALECTS
from etl_daemon.core.sql.review import ReviewSql
from tests.support.rows import ANOMALIES, NOW, PRICES

ROOT = Path(__file__).resolve().parents[2]


def test_a_selection_asks_for_what_it_names_and_binds_every_value() -> None:
    east = timezone(timedelta(hours=5))
    asked = Selection("price_data", "price_range", "a'b?", NOW.astimezone(east), NOW, ("ab", "0123"), "any")
    condition, values = asked.condition()
    assert condition.count("?") == len(values) == 7
    assert values == ["price_data", ",price_range,", "a'b?", *[datetime(2026, 1, 5, 12)] * 2, "ab", "0123"]  # noqa: DTZ001 - as the tables have it
    assert "LEFT(QUARANTINE_ID, 2) = ? OR LEFT(QUARANTINE_ID, 4) = ?" in condition


@pytest.mark.parametrize("state", STATES)
def test_a_selection_without_filters_is_empty_in_every_state(state: str) -> None:
    assert Selection(state=state).empty
    assert Selection(state=state).condition() == (STATES[state], [])


@pytest.mark.parametrize("given", [{"dataset": "x"}, {"reason": "x"}, {"key": "x"}, {"since": NOW}, {"ids": ("x",)}])
def test_a_selection_with_any_filter_is_not_empty(given: dict[str, object]) -> None:
    assert not Selection(**given).empty


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda each: each.name)
def test_rows_are_marked_only_while_they_are_open(dialect: object) -> None:
    sql = ReviewSql("FINANCIAL_DATA", dialect)
    assert STATES["open"] in sql.replayed("STAGED")
    assert "DETECTED_BY NOT LIKE" in sql.balanced(ANOMALIES)
    assert "DETECTED_BY" not in sql.balanced(PRICES)


@pytest.mark.parametrize(
    ("mode", "more", "becomes"),
    [
        (Mode.UPSERT, {}, Mode.UPSERT),
        (Mode.APPEND, {}, Mode.APPEND),
        (Mode.INCREMENTAL, {}, Mode.INCREMENTAL),
        (Mode.FULL, {}, Mode.UPSERT),
        (Mode.TRUNCATE_INSERT, {}, Mode.UPSERT),
        (Mode.INCREMENTAL, {"incremental_by": "timestamp_column"}, Mode.INCREMENTAL),
    ],
)
def test_rows_of_the_past_replace_nothing_and_are_not_too_old(mode: Mode, more: dict[str, str], becomes: Mode) -> None:
    dataset = standing(replace(PRICES, mode=mode, timestamp_column="TIMESTAMP", **more))
    assert (dataset.mode, dataset.by_timestamp) == (becomes, False)


def test_every_reason_is_explained() -> None:
    assert set(reasons.CODES) <= set(explanations.ROWS)
    rows, objects = (ROOT / "docs/rules.md").read_text("utf-8").split("## Refused objects")
    documented = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE))))
    assert documented <= set(explanations.ROWS)
    refusals = re.findall(r"^\| (`.*?) \|", objects.split("## Anomalies")[0], re.MULTILINE)
    assert set(re.findall(r"`([a-z_]+)`", "".join(refusals))) <= set(explanations.OBJECTS)
    assert len(refusals) > 5
    for each in (*explanations.ROWS.values(), *explanations.OBJECTS.values()):
        assert each.what.endswith(".")
        assert each.do
        assert not each.do.endswith(".")
