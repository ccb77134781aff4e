"""``validate``: what the rules make of local files, without settings, source or destination."""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from tests.support.command import Shell

GOOD = {"symbol": "AAPL", "timestamp": "2025-06-02", "open": 10, "high": 11, "low": 9, "close": 10.5, "volume": 100}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {})


def lines(*changes: dict[str, Any]) -> str:
    return "".join(json.dumps({**GOOD, **change}) + "\n" for change in changes)


def written(shell: Shell, name: str, text: str) -> Path:
    path = shell.folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def mixed(shell: Shell) -> Path:
    rows = lines(
        {},
        {"close": 10.75},  # the same key again: the later row stays
        {"symbol": "msft "},
        {"symbol": "TOOLONG", "close": -1},
        {"timestamp": "yesterday"},
        {"low": 12},
        {"symbol": "IBM", "open": 10, "high": 15, "close": 15},
    )
    return written(shell, "mixed.ndjson", rows + '{"symbol": "AAPL", "timesta\n')


def test_counts_by_reason_and_rejects_in_every_format(shell: Shell) -> None:
    mixed(shell)
    ended = shell.run("validate", "mixed.ndjson", "--dataset", "price_data", "--rejects", "bad.parquet", "--json")
    assert ended.code == 0, ended.err
    assert ended.err == ""
    document = ended.document
    assert document["dataset"] == "price_data"
    (one,) = document["files"]
    assert one["rows"] == {"read": 8, "quarantined": 4, "superseded": 1, "valid": 3}
    assert one["reasons"] == {
        "ohlc_relation": 2,
        "price_range": 1,
        "symbol_format": 1,
        "timestamp_invalid": 1,
        "undecodable": 1,
    }
    assert one["anomalies"] == {"extreme_price_movement": 1}
    assert one["refused"] is None
    assert one["rows_per_second"] > 0
    assert {**document["total"], "file": "mixed.ndjson"} == one

    expected = [
        ("mixed.ndjson", 4, "symbol_format,price_range,ohlc_relation"),
        ("mixed.ndjson", 5, "timestamp_invalid"),
        ("mixed.ndjson", 6, "ohlc_relation"),
        ("mixed.ndjson", 8, "undecodable"),
    ]
    rejects = parquet.read_table(shell.folder / "bad.parquet").to_pylist()
    assert [(row["object_key"], row["object_row"], row["reasons"]) for row in rejects] == expected
    assert rejects[3]["raw"] == '{"symbol": "AAPL", "timesta'
    assert json.loads(rejects[0]["raw"])["symbol"] == "TOOLONG"

    text = shell.run("validate", "mixed.ndjson", "--dataset", "price_data", "--rejects", "bad.csv")
    assert "ohlc_relation 2" in text.out
    assert "The bad rows are in bad.csv." in text.out
    with (shell.folder / "bad.csv").open(newline="") as file:
        assert [{**row, "object_row": int(row["object_row"])} for row in csv.DictReader(file)] == rejects
    assert shell.run("validate", "mixed.ndjson", "--dataset", "price_data", "--rejects", "bad.json").code == 0
    assert json.loads((shell.folder / "bad.json").read_text()) == rejects


def test_it_starts_without_the_libraries_that_it_does_not_need(shell: Shell) -> None:
    mixed(shell)
    words = ["validate", "mixed.ndjson", "--dataset", "price_data", "--json"]
    ended = shell.execute([sys.executable, "-X", "importtime", "-m", "etl_daemon", *words])
    assert ended.code == 0, ended.err
    imported = {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}
    assert "pyarrow" in imported
    assert not imported & {"pandas", "structlog", "boto3", "etl_daemon.adapters.duckdb"}


def test_a_refused_or_missing_file_ends_with_1_and_costs_that_file_only(shell: Shell) -> None:
    written(shell, "good.ndjson", lines({}, {"symbol": "MSFT"}))
    cut = written(shell, "cut.ndjson.gz", lines(*[{"volume": at} for at in range(1000)]))
    cut.write_bytes(cut.read_bytes()[:-20])
    written(shell, "empty.csv", "")
    names = ["good.ndjson", "cut.ndjson.gz", "empty.csv", "missing.csv"]
    ended = shell.run("validate", *names, "--dataset", "price_data", "--rejects", "none.json", "--json")
    assert ended.code == 1
    refused = {each["file"]: each["refused"] and each["refused"]["reason"] for each in ended.document["files"]}
    assert refused == {
        "good.ndjson": None,
        "cut.ndjson.gz": "undecodable",
        "empty.csv": None,
        "missing.csv": "unreadable",
    }
    assert ended.document["files"][0]["rows"]["valid"] == 2
    assert json.loads((shell.folder / "none.json").read_text()) == []
    text = shell.run("validate", *names, "--dataset", "price_data")
    assert text.code == 1
    assert "missing.csv: refused: unreadable. No such file or directory" in text.out
    assert "cut.ndjson.gz: refused: undecodable." in text.out


def test_options_describe_files_of_other_shapes(shell: Shell) -> None:
    other = 'When;O;H;L;C;V\n"02/06/2025 16:30";10;11;9;10.5;100\n'
    path = shell.folder / "NYSE"
    path.mkdir()
    (path / "GE.csv").write_text(other)
    words = [
        f"--map={source}={column}"
        for source, column in zip("OHLCV", ["open", "high", "low", "close", "volume"], strict=True)
    ]
    words += ["--map", "When=timestamp", "--symbol-from-key", r"NYSE/(\w+)", "--timestamp-format", "%d/%m/%Y %H:%M"]
    ended = shell.run("validate", "NYSE/GE.csv", "--dataset", "price_data", *words, "--json")
    assert ended.code == 0, ended.out
    assert ended.document["total"]["rows"]["valid"] == 1, ended.out

    written(shell, "nested.json", json.dumps({"data": {"bars": [GOOD, {**GOOD, "symbol": "MSFT"}]}}))
    ended = shell.run("validate", "nested.json", "--dataset", "price_data", "--records-path", "data.bars", "--json")
    assert ended.document["total"]["rows"]["valid"] == 2, ended.out
    assert shell.run("validate", "nested.json", "--dataset", "price_data").code == 1


def test_settings_of_rules_count_and_others_are_not_needed(shell: Shell) -> None:
    mixed(shell)
    words = ["validate", "mixed.ndjson", "--dataset", "price_data", "--json"]
    ended = shell.run(*words, SYMBOL_PATTERN="any", ETL_SOURCE="s3", S3_BUCKET="")
    assert "symbol_format" not in ended.document["total"]["reasons"]
    (shell.folder / "etl-config.env").write_text("EXTREME_MOVE_PERCENT=90\nREFUSE_ABOVE_SHARE=0.4\n")
    ended = shell.run(*words)
    assert ended.code == 1
    assert ended.document["total"]["anomalies"] == {}
    assert ended.document["files"][0]["refused"]["reason"] == "reject_share"
    assert shell.run(*words, ETL_BATCH_SIZE="many").code == 78


def test_a_file_is_as_old_as_its_last_change(shell: Shell) -> None:
    path = written(shell, "old.ndjson", lines({}))
    words = ["validate", "old.ndjson", "--dataset", "price_data", "--json"]
    assert shell.run(*words).document["total"]["reasons"] == {}
    at = datetime(2025, 5, 30, tzinfo=UTC).timestamp()
    os.utime(path, (at, at))
    assert shell.run(*words).document["total"]["reasons"] == {"timestamp_future": 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "prices"], "price_data"),
        (["--dataset", "price_data", "--map", "Name=ticker"], "symbol"),
        (["--dataset", "price_data", "--symbol-from-key", "[A-Z]+"], "group"),
        (["--dataset", "price_data", "--symbol-from-key", "("], "--symbol-from-key"),
        (["--dataset", "price_data", "--rejects", "bad.txt"], ".parquet"),
        ([], "--dataset"),
    ],
)
def test_wrong_usage_ends_with_2(shell: Shell, words: list[str], said: str) -> None:
    written(shell, "good.ndjson", lines({}))
    ended = shell.run("validate", "good.ndjson", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_any_other_table(shell: Shell) -> None:
    toml = "[datasets.trades]\nprefix = 'p'\ntable = 's.t'\nprimary_key = ['id']\ntypes = { cost = 'NUMBER(20,4)' }\n"
    settings = {"ETL_DATASETS_FILE": written(shell, "datasets.toml", toml)}
    path = written(shell, "a.csv", "id,price\n1,2.5\n1,3\n2,x\n,5\n")
    done = shell.run("validate", path, "--dataset", "trades", "--map", "price=cost", "--json", **settings)
    (found,) = done.document["files"]
    assert found["rows"] == {"read": 4, "valid": 1, "quarantined": 2, "superseded": 1}
    assert found["reasons"] == {"missing_field": 1, "type_mismatch": 1}
