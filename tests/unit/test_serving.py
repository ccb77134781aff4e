"""Who may ask, and who sees rejected rows: on the loopback, and beyond it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.past import Past
from etl_daemon.adapters.sqlite.tables import HISTORY, enter
from etl_daemon.bootstrap.serving import hosts, recent
from etl_daemon.config import settings_from
from etl_daemon.core.events import BatchCommitted
from etl_daemon.core.examples import Example
from tests.support.rows import NOW
from tests.unit.test_health import RECEIPT


@pytest.fixture
def past(tmp_path: Path) -> Past:
    file = StateFile(tmp_path, HISTORY)
    event = BatchCommitted("p", RECEIPT, 1.0, examples=(Example("a", 1, ("price_range",), "raw"),))
    file.write(lambda db: enter(db, "d", event, NOW - timedelta(minutes=1)), NOW)
    return Past(file, "d")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, 1),
        ({"ETL_HTTP_HOST": "::1"}, 1),
        ({"ETL_HTTP_HOST": "localhost"}, 1),
        ({"ETL_HTTP_HOST": "0.0.0.0"}, 0),
        ({"ETL_HTTP_HOST": "etl.example.com"}, 0),
        ({"ETL_HTTP_HOST": "0.0.0.0", "ETL_HTTP_ROWS": "true"}, 1),
    ],
)
def test_rejected_rows_are_for_this_machine_unless_they_are_allowed(past: Past, given: dict, shown: int) -> None:
    found = recent(past, settings_from(given), NOW)
    assert (len(found.examples), len(found.batches)) == (shown, 1)


def test_a_history_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").mkdir()
    assert "history.sqlite" in recent(Past(StateFile(tmp_path, HISTORY), "d"), settings_from({}), NOW).unread


def test_on_the_loopback_only_known_hosts_are_answered() -> None:
    assert hosts(settings_from({})) == {"127.0.0.1", "localhost", "[::1]"}
    assert "etl.example.com" in hosts(settings_from({"ETL_HTTP_NAMES": "a.example.com, ETL.example.com"}))
    beyond = {"ETL_HTTP_HOST": "0.0.0.0"}
    assert hosts(settings_from(beyond)) == frozenset()
    assert hosts(settings_from(beyond | {"ETL_HTTP_NAMES": "a.example.com"})) > {"a.example.com", "127.0.0.1"}
