"""Other modes for one run, and reading again by force, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from tests.support.command import Ended, Shell
from tests.support.corridor import ndjson
from tests.support.rows import price

PRICES = "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA"
CONTROL = "FINANCIAL_DATA.ETL_CONTROL"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.embedded(tmp_path, ETL_TIMEOUT=1, ETL_MAX_RETRIES=0, LOG_LEVEL="ERROR")


def deliver(shell: Shell, name: str, *rows: dict[str, object]) -> None:
    (shell.folder / "bucket/processed/price_data" / name).write_bytes(ndjson(rows))


def query(shell: Shell, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{shell.folder / 'etl.duckdb'}' AS FINANCIAL_DATA (READ_ONLY)")
        return connection.execute(sql).fetchall()


def once(shell: Shell, *words: str, obj: dict[str, str] | None = None) -> Ended:
    more = ("--obj", json.dumps(obj)) if obj is not None else ()
    return shell.run("once", "--dataset", "price_data", *more, *words, "--json")


def rows(ended: Ended) -> dict[str, int]:
    assert ended.code == 0, ended.err
    return {name: count for name, count in ended.document["datasets"][0]["rows"].items() if count}


def cursors(shell: Shell) -> dict[object, object]:
    return dict(query(shell, f"SELECT DATASET, LEASE_GENERATION FROM {CONTROL}.ETL_CURSORS"))


def test_a_suffix_loads_beside_the_table_and_leaves_its_cursor_alone(shell: Shell) -> None:
    deliver(shell, "a", price("A"), price("B"))
    assert rows(once(shell)) == {"read": 2, "loaded": 2}
    before = query(shell, f"FROM {CONTROL}.ETL_CURSORS WHERE DATASET = 'price_data'")

    delta = {"market_data.price_data": "incremental;_delta"}
    assert rows(once(shell, obj=delta)) == {"read": 2, "loaded": 2}
    deliver(shell, "b", price("A", close=10.9), price("C"))
    assert rows(once(shell, obj=delta)) == {"read": 2, "loaded": 1, "filtered": 1}

    assert query(shell, f"SELECT string_agg(SYMBOL, '' ORDER BY SYMBOL) FROM {PRICES}_DELTA") == [("ABC",)]
    assert query(shell, f"SELECT string_agg(SYMBOL, '' ORDER BY SYMBOL) FROM {PRICES}") == [("AB",)]
    assert query(shell, f"FROM {CONTROL}.ETL_CURSORS WHERE DATASET = 'price_data'") == before
    assert cursors(shell)["price_data;_DELTA"] > 0
    assert rows(once(shell)) == {"read": 2, "loaded": 2, "replaced": 1}, "the ordinary run has a ledger of its own"


def test_another_mode_is_for_one_run(shell: Shell) -> None:
    deliver(shell, "a", price("A", close=10.1))
    once(shell)
    deliver(shell, "b", price("A", close=10.2))

    assert rows(once(shell, obj={"price_data": "APPEND"})) == {"read": 1, "loaded": 1}
    assert query(shell, f"SELECT count(*) FROM {PRICES}") == [(2,)]
    deliver(shell, "c", price("A", close=10.3))
    assert rows(once(shell)) == {"read": 1, "loaded": 1, "replaced": 2}
    (shell.folder / "bucket/processed/price_data/b").unlink()
    assert rows(once(shell, obj={"FINANCIAL_DATA.MARKET_DATA.PRICE_DATA": "FULL"})) == {
        "read": 2,
        "loaded": 1,
        "superseded": 1,
        "replaced": 1,
    }


def test_deliveries_are_told_apart_from_refused_objects(shell: Shell) -> None:
    for name in "abc":
        deliver(shell, name, price(name))
    ended = shell.run("once", "--json", PRICE_DATA_MODE="TRUNCATE_INSERT")
    objects = ended.document["datasets"][0]["objects"]
    assert (objects["loaded"], objects["refused"], objects["superseded"]) == (1, 0, 2)


def test_force_reads_everything_again_in_mode_full(shell: Shell) -> None:
    deliver(shell, "a", price("A"))
    full = {"price_data": "FULL"}
    assert rows(once(shell, obj=full)) == {"read": 1, "loaded": 1}
    assert rows(once(shell, obj=full)) == {}
    assert rows(once(shell, "--force", obj=full)) == {"read": 1, "loaded": 1, "replaced": 1}

    ended = once(shell, "--force")
    assert ended.code == 2
    assert "It has a meaning in mode FULL only, and this run has price_data UPSERT." in flat(ended)


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        ("{no json", "It is no JSON"),
        ('{"elsewhere.prices": "FULL"}', "There is no dataset or table elsewhere.prices; there are price_data"),
        ('{"price_data": "REPLACE"}', "there are APPEND, UPSERT, INCREMENTAL, FULL, TRUNCATE_INSERT."),
        ('{"price_data": "FULL;é"}', "should be letters, digits, _ and $"),
    ],
)
def test_what_obj_cannot_mean_ends_with_2(shell: Shell, obj: str, said: str) -> None:
    ended = shell.run("once", "--obj", obj)
    assert (ended.code, ended.out) == (2, "")
    assert "--obj" in flat(ended)
    assert said in flat(ended)
    assert "Traceback" not in ended.err
    assert not (shell.folder / "etl.duckdb").exists(), "nothing was begun"


def flat(ended: Ended) -> str:
    """Standard error without the frame that typer draws."""
    return " ".join(ended.err.replace("│", " ").split())
