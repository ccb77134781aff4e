"""`python -m benchmarks.cost`: the tables of docs/cost.md. Nothing is measured: it is arithmetic over assumptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.planning.statements import of_batch
from etl_daemon.core.sql.dialect import SNOWFLAKE

DAY = 86_400
WITHOUT_WAREHOUSE = 5
"""Of a batch's statements: two CREATE, PUT, BEGIN and COMMIT."""


@dataclass(frozen=True)
class Assumed:
    """What an XSMALL warehouse is taken to do. Measure yours, and put its figures here."""

    statement_seconds: float = 0.3
    copy_rows_per_second: float = 1_000_000
    insert_rows_per_second: float = 2_000_000
    compare_rows_per_second: float = 1_000_000
    auto_suspend_seconds: float = 60
    least_billed_seconds: float = 60
    rows_per_batch: int = 3_000_000
    rows_per_day: int = 10_000_000


ASSUMED = Assumed()


def prices(mode: Mode) -> Dataset:
    return replace(configure.datasets(Settings())[0], mode=mode)


def busy_seconds(mode: Mode, rows: float, assumed: Assumed = ASSUMED) -> float:
    """How long a warehouse works on rows that come in one after the other, in as many batches as they take."""
    batches = 1 if mode.replaces else max(ceil(rows / assumed.rows_per_batch), 1)
    statements = batches * (of_batch(prices(mode), SNOWFLAKE.staging).fit.least - WITHOUT_WAREHOUSE)
    compared = rows / assumed.compare_rows_per_second if mode in {Mode.UPSERT, Mode.INCREMENTAL} else 0
    moved = rows / assumed.copy_rows_per_second + rows / assumed.insert_rows_per_second
    return statements * assumed.statement_seconds + moved + compared


def billed_seconds(mode: Mode, interval: float, assumed: Assumed = ASSUMED) -> float:
    """Of a day on which something arrives between any two cycles; nobody else uses the warehouse.

    In mode FULL the table holds what arrives in a day, and all of it is read each time.
    """
    arrived = assumed.rows_per_day * interval / DAY
    busy = busy_seconds(mode, assumed.rows_per_day if mode is Mode.FULL else arrived, assumed)
    awake = max(busy + assumed.auto_suspend_seconds, assumed.least_billed_seconds)
    return DAY / interval * min(awake, max(interval, busy))


def statements() -> Iterator[str]:
    yield "| mode | objects are new | rows give way | some rows are rejected | all of that, and anomalies |"
    yield "|---|---|---|---|---|"
    for mode in Mode:
        sent = of_batch(prices(mode), SNOWFLAKE.staging)
        yield f"| `{mode}` | {sent.fit.least} | {sent.fit.most} | {sent.unfit.least} | {sent.unfit.most} |"


def seconds() -> Iterator[str]:
    modes = (Mode.APPEND, Mode.INCREMENTAL, Mode.UPSERT, Mode.FULL)
    heads = (*(f"`{mode}`" for mode in modes), "credits a day, `UPSERT`")
    yield f"| interval (minutes) | {' | '.join(heads)} |"
    yield f"|{'---|' * (len(heads) + 1)}"
    for minutes in (1, 5, 15, 60, 360, 1_440):
        billed = {mode: billed_seconds(mode, minutes * 60) for mode in modes}
        per_million = (f"{of / ASSUMED.rows_per_day * 1e6:,.0f}" for of in billed.values())
        yield f"| {minutes:,} | {' | '.join(per_million)} | {billed[Mode.UPSERT] / 3600:.1f} |"


if __name__ == "__main__":
    print("\n".join(statements()), "\n")
    print("\n".join(seconds()))
