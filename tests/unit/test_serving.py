"""Who may ask, and who sees rejected rows: on the loopback, and beyond it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.tables import HISTORY, enter
from etl_daemon.bootstrap.serving import hosts
from etl_daemon.bootstrap.shown import Shown
from etl_daemon.config import settings_from
from etl_daemon.core.events import BatchCommitted
from etl_daemon.core.events.examples import Example
from etl_daemon.core.events.sample import FLAGS, POINTS, Sample
from tests.support.pages import P
from tests.support.rows import NOW
from tests.unit.test_health import RECEIPT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    file = StateFile(tmp_path, HISTORY)
    point = {"SYMBOL": "A", "TIMESTAMP": NOW.replace(tzinfo=None), "VALUE": 1.0}
    sample = Sample(pa.Table.from_pylist([point], POINTS), FLAGS.empty_table())
    event = BatchCommitted("p", RECEIPT, 1.0, None, (Example("a", 1, ("price_range",), "raw"),), sample)
    file.write(lambda db: enter(db, "d", event, NOW - timedelta(minutes=1)), NOW)
    return tmp_path


def shown_by(folder: Path, **given: str) -> Shown:
    return Shown.of(settings_from({"ETL_STATE_DIR": str(folder), "ETL_DAEMON_NAME": "d", **given}))


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
def test_rejected_rows_are_for_this_machine_unless_they_are_allowed(folder: Path, given: dict, shown: int) -> None:
    history = shown_by(folder, **given)
    found, rejected = history.recent(NOW), history.quarantine({}, NOW)
    assert (len(found.examples), len(found.batches)) == (shown, 1)
    assert (rejected.found.total, rejected.hidden, len(rejected.periods)) == (shown, not shown, 2)
    batch = history.batch("b1", {})
    assert batch is not None
    assert (len(batch.examples), len(batch.objects.lines)) == (shown, len(RECEIPT.objects))
    dataset = history.dataset(P, {}, NOW)
    assert (len(dataset.recent.examples), len(dataset.points), dataset.hidden) == (shown, shown, not shown)


def test_a_history_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").mkdir()
    history = shown_by(tmp_path)
    for seen in (history.recent(NOW), history.dataset(P, {}, NOW), history.quarantine({}, NOW)):
        assert "history.sqlite" in seen.unread
    assert history.batch("b", {}) is None


def test_on_the_loopback_only_known_hosts_are_answered() -> None:
    assert hosts(settings_from({})) == {"127.0.0.1", "localhost", "[::1]"}
    assert "etl.example.com" in hosts(settings_from({"ETL_HTTP_NAMES": "a.example.com, ETL.example.com"}))
    beyond = {"ETL_HTTP_HOST": "0.0.0.0"}
    assert hosts(settings_from(beyond)) == frozenset()
    assert hosts(settings_from(beyond | {"ETL_HTTP_NAMES": "a.example.com"})) > {"a.example.com", "127.0.0.1"}
