"""What operators type, as processes of their own: a round trip through the quarantine, an audit, a backfill."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import duckdb
import pytest
from pyarrow import parquet

from tests.support.command import Shell

PRICES = "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA"
NUMBERS = '"open":10,"high":11,"low":9,"close":10.5,"volume":100'


def bar(symbol: str, day: str = "2025-06-02") -> str:
    return f'{{"symbol":"{symbol}","timestamp":"{day}",{NUMBERS}}}\n'


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.embedded(tmp_path, LOG_LEVEL="INFO", SUDO_USER="ann")


def deliver(shell: Shell, name: str, text: str, *, days_old: float = 0) -> str:
    path = shell.folder / "bucket/processed/price_data" / name
    path.write_text(text, "utf-8")
    os.utime(path, (time.time() - days_old * 86_400,) * 2)
    return f"processed/price_data/{name}"


def query(shell: Shell, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{shell.folder / 'etl.duckdb'}' AS FINANCIAL_DATA (READ_ONLY)")
        return connection.execute(sql).fetchall()


def test_a_round_trip_through_the_quarantine(shell: Shell) -> None:
    key = deliver(shell, "a b%20+ü.ndjson", bar("AAPL") + bar("BRK.B") + bar("\\u001b[31mred") + '{"symbol":"AA\n')
    refused = deliver(shell, "b.ndjson", "\x00\x01")
    assert shell.run("once").code == 0

    listed = shell.run("quarantine", "list", "--json", "--object", key, "--since", "1h")
    assert (listed.code, listed.document["selected"]) == (0, 3), listed.err
    rows = {row["row"]: row for row in listed.document["rows"]}
    assert rows[2]["reasons"] == ["symbol_format"]
    assert rows[4]["raw"] == '{"symbol":"AA'
    objects = shell.run("quarantine", "list", "--objects")
    assert f"{refused}   unsupported_format" in objects.out

    shown = shell.run("quarantine", "show", rows[3]["id"][:12])
    assert shown.code == 0, shown.err
    assert "symbol_format: The symbol" in shown.out
    assert "SYMBOL_PATTERN" in shown.out
    assert "\x1b" not in shown.out
    unknown = shell.run("quarantine", "show", "ffffffffffffffffffff", "--json")
    assert (unknown.code, "quarantine list" in unknown.document["error"]["hint"]) == (1, True)

    replayed = shell.run("quarantine", "replay", "--object", key, "--json", SYMBOL_PATTERN="us_equity_classes")
    assert replayed.code == 0, replayed.err
    (counted,) = replayed.document["datasets"]
    assert counted == {
        "dataset": "price_data",
        "replayed": 1,
        "loaded": 1,
        "unfit": 2,
        "changed": 0,
        "unread": 0,
        "troubles": [],
    }
    again = shell.run("quarantine", "replay", "--refused")
    assert again.code == 0, again.err
    assert f"{refused} is refused again: unsupported_format" in again.out

    exported = shell.run("quarantine", "export", "all.parquet", "--state", "any", "--json")
    assert exported.document == {"file": "all.parquet", "rows": 3}
    assert parquet.read_table(shell.folder / "all.parquet")["reasons"].to_pylist().count("undecodable") == 1
    assert shell.run("quarantine", "export", "open.ndjson").code == 0
    lines = (shell.folder / "open.ndjson").read_text("utf-8").splitlines()
    assert sorted(json.loads(line)["row"] for line in lines) == [3, 4]

    careless = shell.run("quarantine", "discard", "--yes")
    assert (careless.code, "--all" in careless.err) == (2, True)
    asked = shell.run("quarantine", "discard", "--reason", "undecodable")  # nobody answers
    assert (asked.code, "Discard 1 quarantined rows" in asked.err) == (1, True)
    gone = shell.run("quarantine", "discard", "--all", "--yes", "--json")
    assert gone.document == {"discarded": {"price_data": 2}, "rows": 2}

    assert query(shell, f"SELECT SYMBOL, _OBJECT_ROW FROM {PRICES} ORDER BY 1") == [("AAPL", 1), ("BRK.B", 2)]
    log = query(shell, "SELECT WHO, WHAT, DETAIL FROM FINANCIAL_DATA.ETL_CONTROL.ETL_AUDIT_LOG ORDER BY OCCURRED_AT")
    assert {who for who, _, _ in log} == {"ann"}
    assert [what for _, what, _ in log] == ["replay", "reload", "reload", "discard"]


def test_an_audit_names_the_gap_and_a_backfill_closes_it(shell: Shell) -> None:
    assert shell.run("once").code == 0
    key = deliver(shell, "old.ndjson", bar("AAPL"), days_old=3)
    audit = shell.run("audit", "--since", "14d", "--json")
    assert (audit.code, audit.document["ok"]) == (1, False), audit.err
    prices = audit.document["datasets"][0]
    assert [(each["gap"], each["key"]) for each in prices["findings"]] == [("missing", key)]
    told = shell.run("audit", "--since", "7d", "--dataset", "price_data")
    assert told.code == 1
    hint = told.out.rpartition("load it: etl-daemon ")[2].split()

    done = shell.run(*hint, "--json")  # what the message says to type
    assert done.code == 0, done.err
    assert done.document["objects"] == {"due": 1, "tried": 1, "loaded": 1, "refused": 0, "unread": 0}
    assert done.document["rows"]["loaded"] == 1
    assert shell.run("audit", "--since", "7d").code == 0
    wrong = shell.run("backfill", "--dataset", "price_data", "--since", "1d", "--until", "2d")
    assert (wrong.code, "is not after" in wrong.err) == (2, True)
    vague = shell.run("audit", "--since", "lately")
    assert (vague.code, "14d, 36h or 90m" in " ".join(vague.err.replace("│", " ").split())) == (2, True)


def test_a_backfill_that_was_killed_goes_on(shell: Shell) -> None:
    assert shell.run("once").code == 0
    for number in range(12):
        deliver(shell, f"{number:02}.ndjson", bar("AAPL", f"2025-06-{number + 1:02}") * 50, days_old=3)
    words = ("backfill", "--dataset", "price_data", "--since", "7d", "--until", "0m")
    with shell.start(*words, ETL_BATCH_SIZE=1) as process:
        for line in process.stderr:
            if '"batch_committed"' in line:
                break
        process.kill()
    assert process.returncode == -9
    again = shell.run(*words, "--json", ETL_BATCH_SIZE=1)
    assert again.code == 0, again.err
    assert 0 < again.document["objects"]["due"] < 12
    assert query(shell, f"SELECT count(*), count(DISTINCT _OBJECT_KEY) FROM {PRICES}") == [(12, 12)]
    assert shell.run("audit", "--since", "7d", "--dataset", "price_data").code == 0
    begun = "SELECT count(*) FROM FINANCIAL_DATA.ETL_CONTROL.ETL_AUDIT_LOG WHERE DETAIL LIKE '%begun%'"
    assert query(shell, begun) == [(2,)]


def test_looking_makes_no_file(shell: Shell) -> None:
    asked = shell.run("quarantine", "list", "--json")
    assert (asked.code, asked.document["error"]["hint"]) == (1, "to make it: etl-daemon init")
    assert not (shell.folder / "etl.duckdb").exists()


def test_a_reason_is_explained(shell: Shell) -> None:
    told = shell.run("explain", "undecodable", "--json")
    assert set(told.document) == {"reason", "row", "object"}
    assert shell.run("explain", "nonsense").code == 2


def test_without_pyspark_the_engine_says_what_to_install(shell: Shell) -> None:
    ended = shell.run("backfill", "--dataset", "price_data", "--since", "1d", "--until", "0m", "--engine", "spark")
    assert ended.code == 1
    assert "pip install 'etl-daemon[spark]'" in ended.err
    assert not (shell.folder / "etl.duckdb").exists()


def test_an_engine_is_for_loading(shell: Shell) -> None:
    ended = shell.run("extract", "sql", "--engine", "spark")
    assert ended.code == 2
    assert "--load" in ended.err


@pytest.mark.parametrize("words", [("--output", "parquet"), ("--to", "out"), ("--output", "parquet", "--to", "out")])
def test_files_need_a_place_and_spark(shell: Shell, words: tuple[str, ...]) -> None:
    ended = shell.run("backfill", "--dataset", "price_data", "--since", "1d", "--until", "0m", *words)
    assert ended.code == 2
    assert "parquet" in ended.err
