"""How many statements a batch takes on Snowflake, staging included, and that none of them ends the transaction."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from etl_daemon.config import settings_from
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.planning.statements import of_batch
from etl_daemon.core.sql.dialect import SNOWFLAKE
from tests.support.rows import PRICES, cleaned, price, ref
from tests.support.snowflake import Emulator
from tests.support.tables import TRADES, Warehouse
from tests.support.targets import FENCE, Target, batch, of, snowflake

MODES = ["UPSERT", "APPEND", "INCREMENTAL", "FULL", "TRUNCATE_INSERT"]
WILD = {"open": 20.0, "high": 21.0, "close": 9.0}
"""A move that is flagged as an anomaly."""


@pytest.fixture(name="emulator")
def _emulator(snowflake: Emulator) -> Emulator:
    return snowflake


@pytest.fixture
def target(emulator: Emulator) -> Iterator[Target]:
    with snowflake(settings_from({**emulator.settings(), "ETL_DESTINATION": "snowflake"})) as made:
        yield made


class Loading:
    """Batches of one object each into a dataset, and what each of them sends."""

    def __init__(self, target: Target, emulator: Emulator, dataset: Dataset) -> None:
        self.target, self.emulator, self.dataset = target, emulator, dataset
        self.minutes = 0

    def load(self, *rows: dict[str, object], key: str = "a", version: str = "") -> list[str]:
        self.minutes += 1
        part = cleaned(ref(key, version or f"v{self.minutes}", self.minutes), list(rows), self.dataset)
        before, counted = len(self.emulator.statements()), self.target.engine.statements
        destination = self.target.destination
        destination.commit(destination.stage(batch([part], self.dataset)), FENCE, self.target.now)
        sent = [statement.sql.split()[0] for statement in self.emulator.statements(before)]
        assert self.target.engine.statements - counted == len(sent), "etl_destination_statements_total tells the truth"
        inside = sent[sent.index("BEGIN") + 1 : sent.index("COMMIT")]
        assert set(inside) <= {"SELECT", "INSERT", "UPDATE", "DELETE"}, "DDL would commit what is open"
        self.target.audit(self.dataset)
        return sent


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_takes_few_statements(target, emulator, mode):
    loading = Loading(target, emulator, of(PRICES, mode))
    first = loading.load(price(), price("MSFT"))
    overlapping = loading.load(price(close=10.7), price("NVDA"), key="b")  # in UPSERT it beats a row of the first
    foreseen = of_batch(loading.dataset, SNOWFLAKE.staging)
    assert len(first) == foreseen.fit.least, first
    assert len(overlapping) in range(foreseen.fit.least, foreseen.fit.most + 1), overlapping
    assert max(len(first), len(overlapping)) <= 14, (first, overlapping)
    rejected = loading.load(price("AMD"), price("oops!"), key="d")
    assert len(rejected) == foreseen.unfit.least, rejected
    loading.load(price(**WILD), price("oops!"), key="c")
    loading.load(price("MSFT", **WILD), key="c")
    everything = loading.load(price(**WILD), price("oops!"), key="c", version="v3")  # rejected again, flagged, restated
    assert foreseen.unfit.least < len(everything) <= foreseen.unfit.most <= 24, everything


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_of_any_columns_takes_as_few(target, emulator, mode):
    house = Warehouse(target, of(TRADES, mode))

    def load(name: str, content: str) -> list[str]:
        before = len(emulator.statements())
        (receipt,) = house.load(name, content).receipts
        tagged = [each for each in emulator.statements(before) if receipt.batch_id in each.query_tag]
        return [each.sql.split()[0] for each in tagged]

    load("a.csv", "ID,PRICE\n1,2.5\n2,3.5\n")  # makes the table
    others = load("b.csv", "ID,PRICE\n3,2.75\n4,4.5\n")
    overlapping = load("c.csv", "ID,PRICE\n4,2.5\n5,5.5\n")
    assert others[0] == overlapping[0] == "DESCRIBE"
    foreseen = of_batch(house.dataset, SNOWFLAKE.staging)
    assert len(others) == foreseen.fit.least <= 14, others
    assert len(overlapping) <= foreseen.fit.most
    assert len(overlapping) <= (15 if mode == "UPSERT" else 14), overlapping
