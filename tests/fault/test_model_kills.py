"""kill -9 in the middle of `models run`: what is new is in silver once, after the next run."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from tests.support.chaos.kills import AFTER, BEFORE, DUCKDB
from tests.support.command import Shell
from tests.support.medallion.refinery import DATASETS

HEADER = "CUSTOMER_ID,CUSTOMER_TYPE,NAME,EMAIL,PHONE,CITY,COUNTRY,CREDIT_LIMIT,CUSTOMER_SINCE,UPDATED_AT\n"


def put(shell: Shell, name: str, *rows: tuple[int, str, int]) -> None:
    folder = shell.folder / "bucket/processed/customers"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{number},person,{text},,,,gb,1.50,,2026-01-{day:02}T00:00:00Z\n" for number, text, day in rows]
    (folder / name).write_text(HEADER + "".join(lines))
    assert shell.run("once").code == 0


@pytest.mark.parametrize(("step", "moment"), [("commit", BEFORE), ("answer lost", AFTER)])
def test_killed_and_run_again(step: str, moment: str, tmp_path: Path) -> None:
    shell = Shell.embedded(tmp_path, ETL_DATASETS_FILE=DATASETS)
    put(shell, "a.csv", (1, "A", 1), (2, "B", 1))
    assert shell.run("models", "run").code == 0
    put(shell, "b.csv", (1, "A2", 2), (3, "C", 1))

    # the merge has the first transaction of the run
    death = json.dumps({"step": step, "moment": moment, "destination": DUCKDB})
    killed = shell.run_module("tests.support.chaos.kills", death, "models", "run")
    assert killed.code == -9, killed.err
    again = shell.run("models", "run", "--json")
    assert again.code == 0, again.err
    counts = again.document["models"][0]["counts"]
    taken = moment == AFTER
    assert (counts["batches"], counts["inserted"], counts["updated"]) == ((0, 0, 0) if taken else (1, 1, 1))

    with duckdb.connect(str(tmp_path / "etl.duckdb"), read_only=True) as connection:
        silver = connection.sql("SELECT CUSTOMER_ID::INT, NAME FROM SILVER.CUSTOMER ORDER BY 1").fetchall()
        merges = connection.sql("SELECT COUNT(*), COUNT(DISTINCT BATCH_ID) FROM ETL_CONTROL.ETL_MERGES").fetchall()
    assert silver == [(1, "A2"), (2, "B"), (3, "C")]
    assert merges == [(2, 2)]
    assert shell.run("models", "test").code == 0
