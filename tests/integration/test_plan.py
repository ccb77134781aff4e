"""What a plan foresees is what the cycle after it does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from etl_daemon.bootstrap.planning import ledger, planning
from etl_daemon.bootstrap.runtime import build
from etl_daemon.core import configure
from etl_daemon.core.events import BatchBegan, CyclePlanned
from etl_daemon.core.model import Known
from etl_daemon.core.planning.statements import Span, Statements, of_recall
from etl_daemon.errors import TransientError
from etl_daemon.operations.plan import Cycle, Intent, intent
from etl_daemon.vault import settings_from
from tests.support.corridor import ndjson
from tests.support.rows import price

MODES = ["UPSERT", "APPEND", "INCREMENTAL", "FULL", "TRUNCATE_INSERT"]
ONLY = "datasets.technical_indicators.enabled = false\ndatasets.anomalies.enabled = false\n"


class Place:
    """A bucket of prices and a DuckDB file."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.folder, self.prices = folder, folder / "bucket/processed/price_data"
        self.prices.mkdir(parents=True)
        (folder / "datasets.toml").write_text(ONLY)
        settings = {
            "ETL_SOURCE": "local",
            "ETL_LOCAL_DIR": folder / "bucket",
            "ETL_DUCKDB_PATH": folder / "etl.duckdb",
            "ETL_STATE_DIR": folder / "state",
            "ETL_DATASETS_FILE": folder / "datasets.toml",
        }
        self.settings = settings_from({name: str(value) for name, value in {**settings, **more}.items()})

    def put(self, name: str, *rows: dict[str, object]) -> None:
        (self.prices / f"{name}.ndjson").write_bytes(ndjson(rows))

    def planned(self, **asked: bool) -> tuple[Intent, Statements]:
        """What there is to do for the prices, and all statements that it takes."""
        with planning(self.settings) as runtime:
            there = ledger(self.settings, runtime.datasets)
            (dataset,) = runtime.datasets
            found = intent(dataset, there.known[dataset.name], runtime.corridor, Cycle(runtime.clock.now(), **asked))
        cursors = 1 if there.missing or there.cursors_missing else 0
        staging = configure.dialect(self.settings).staging
        return found, of_recall(len(there.missing), cursors) + found.statements(staging)

    def done(self, **asked: bool) -> tuple[list[Any], int]:
        """The events of a cycle, and how many statements it sent."""
        told: list[Any] = []
        heard = type("Heard", (), {"notice": lambda _, event: told.append(event)})()
        with build(self.settings, [heard]) as runtime:
            assert [report.error for report in runtime.daemon(**asked).cycle()] == [None]
            return told, runtime.statements()

    def foreseen(self, **asked: bool) -> tuple[Statements, int]:
        """Plan a cycle and have it; the statements that were foreseen, and how many were sent."""
        plan, foreseen = self.planned(**asked)
        told, sent = self.done(**asked)
        (seen,) = (event for event in told if isinstance(event, CyclePlanned))
        assert [event.plan for event in told if isinstance(event, BatchBegan)] == list(plan.batches)
        assert (seen.pending, seen.list_requests, seen.swept) == (len(plan.found.pending), plan.requests, plan.swept)
        assert (seen.watermark, seen.ignored) == (plan.cursor.watermark, plan.found.ignored)
        return foreseen, sent


@pytest.mark.parametrize("mode", MODES)
def test_a_cycle_does_what_was_planned(tmp_path, mode):
    place = Place(tmp_path, PRICE_DATA_MODE=mode, ETL_BATCH_SIZE=1)
    place.put("a", price(), price("MSFT"))
    foreseen, sent = place.foreseen()
    assert sent == foreseen.fit.least, "nothing was there, and nothing gives way"

    foreseen, sent = place.foreseen()
    assert (foreseen.fit, sent) == (Span(2, 2), 2), "idle"

    place.put("a", price(close=10.7))
    place.put("b", price("IBM", open=20.0, high=21.0, close=9.0), price("oops!"))
    foreseen, sent = place.foreseen()
    assert foreseen.unfit.least < sent <= foreseen.unfit.most

    place.put("c", price("NVDA"), price("not a symbol"))
    foreseen, sent = place.foreseen()
    assert foreseen.unfit.least <= sent <= foreseen.unfit.most


def test_what_is_forced_or_read_again_is_planned_too(tmp_path):
    place = Place(tmp_path, PRICE_DATA_MODE="FULL")
    place.put("a", price())
    place.done()
    assert place.planned()[0].batches == ()
    foreseen, sent = place.foreseen(force=True)
    assert foreseen.fit.least <= sent <= foreseen.fit.most
    (place.prices / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    place.done()
    assert [len(each.objects) for each in place.planned(again=True)[0].batches] == [2]


def test_a_cursor_that_is_missing_is_foreseen(tmp_path):
    place = Place(tmp_path)
    place.put("a", price())
    place.done()
    with duckdb.connect(str(tmp_path / "etl.duckdb")) as connection:
        connection.execute("DELETE FROM ETL_CONTROL.ETL_CURSORS")
    foreseen, sent = place.foreseen()
    assert sent == foreseen.fit.least


def test_older_deliveries_take_the_ledger_alone(tmp_path):
    place = Place(tmp_path, PRICE_DATA_MODE="TRUNCATE_INSERT")
    place.put("new", price())
    place.done()
    place.put("old", price("MSFT"))
    os.utime(place.prices / "old.ndjson", (0, 0))
    plan, _ = place.planned()
    assert [(batch.objects, len(batch.superseded)) for batch in plan.batches] == [((), 1)]
    foreseen, sent = place.foreseen()
    assert (foreseen.fit, foreseen.unfit) == (Span(sent, sent), Span(sent, sent))


def test_what_an_upstream_keeps_from_being_loaded_is_told(tmp_path):
    place = Place(tmp_path)
    place.put("a", price())

    class CutShort:
        def pull(self, dataset):
            raise TransientError("An extraction was cut short.")

    with planning(place.settings) as runtime:
        (dataset,), now = runtime.datasets, runtime.clock.now()
        found = intent(dataset, Known(), runtime.corridor, Cycle(now), CutShort())
    assert (str(found.error), found.batches, found.requests) == ("An extraction was cut short.", (), 0)
    assert found.statements(4) == Statements()
