"""What the dbt project says of reasons is what the daemon says."""

from __future__ import annotations

import csv
from pathlib import Path

from etl_daemon.core.rules.explanations import ROWS

SEED = Path(__file__).resolve().parents[2] / "deploy/dbt/seeds/market/quarantine_codes.csv"


def test_the_seed_of_reasons_is_what_the_daemon_explains() -> None:
    with SEED.open(newline="") as file:
        seed = {row["reason"]: (row["meaning"], row["remedy"]) for row in csv.DictReader(file)}
    assert seed == {reason: (each.what, each.do) for reason, each in ROWS.items()}
