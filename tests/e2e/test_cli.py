"""The words of the command line as processes of their own: what they print, what they leave behind, how they end."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.support.command import COMMAND, Shell

ROOT = Path(__file__).resolve().parents[2]
PRICES = "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA"
OTHER_WAYS = {
    *("boto3", "botocore", "obstore", "snowflake", "cryptography", "httpx", "requests", "apprise", "openlineage"),
    *("prometheus_client", "waitress", "psycopg", "pymysql", "sqlalchemy", "zstandard", "smtplib", "moto"),
}
"""What a folder and a DuckDB file do without: each takes as long to import as the work of an idle cycle."""
GOOD = {"open": "100.5", "high": "101.25", "low": "99.75", "close": "100.87654321", "volume": "1500"}


def bar(symbol: str, day: str, **values: str) -> str:
    """A JSON line whose numbers have exactly these digits."""
    numbers = ",".join(f'"{name}":{value}' for name, value in {**GOOD, **values}.items())
    return f'{{"symbol":"{symbol}","timestamp":"{day}",{numbers}}}\n'


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.embedded(tmp_path, ETL_TIMEOUT=1, ETL_MAX_RETRIES=0)


def price_file(shell: Shell, name: str) -> Path:
    return shell.folder / "bucket/processed/price_data" / name


def query(shell: Shell, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{shell.folder / 'etl.duckdb'}' AS FINANCIAL_DATA (READ_ONLY)")
        return connection.execute(sql).fetchall()


def deliver_mix(shell: Shell) -> None:
    lines = bar("AAPL", "2025-06-02", close="100.12345678") + bar("AAPL", "2025-06-03", low="-1") + '{"symbol":"AA\n'
    price_file(shell, "a.ndjson").write_text(lines)
    header, row = "Ticker,Date,Open,High,Low,Close,Volume,Note\n", "MSFT,2025-06-02,27.1,28,27,27.77,1500,x\n"
    price_file(shell, "b.csv.gz").write_bytes(gzip.compress((header + row).encode()))
    table = pa.table(
        {
            "symbol": ["IBM"],
            "timestamp": pa.array(["2025-06-02"]).cast(pa.date32()),
            **{name: [Decimal("123456.12345678")] for name in ("open", "high", "low", "close")},
            "volume": [7],
        }
    )
    parquet.write_table(table, price_file(shell, "c.parquet"))
    with zipfile.ZipFile(price_file(shell, "d.zip"), "w") as archive:
        archive.writestr("x.csv", header)
    price_file(shell, "old.ndjson").write_text(bar("GE", "2025-06-02"))
    os.utime(price_file(shell, "old.ndjson"), (time.time() - 86_400,) * 2)


def test_loading_takes_no_more_than_it_needs(shell: Shell) -> None:
    deliver_mix(shell)
    price_file(shell, "again.ndjson").write_text(bar("AAPL", "2025-06-02", high="1000") + bar("AAPL", "2025-06-03"))
    done, imported = shell.importing("once")
    assert done.code == 0, done.err
    assert {"pyarrow", "duckdb"} <= imported
    assert "pandas" not in imported  # importing it takes longer than many a file, and holds the daemon's answers up
    assert imported & OTHER_WAYS == set()


def test_once_loads_exactly_once_and_tells_what_it_left_alone(shell: Shell) -> None:
    deliver_mix(shell)
    first = shell.run("once", "--json")
    assert first.code == 0, first.err
    assert len(first.log) == len(first.err.splitlines()), first.err  # nothing else, at the very end either
    assert first.document["failed"] is False
    prices, indicators, anomalies = first.document["datasets"]
    assert prices["dataset"] == "price_data"
    settled = {"loaded": 3, "refused": 1, "superseded": 0}
    assert prices["objects"] == {"pending": 4, **settled, "deferred": 0, "ignored": 1}
    assert prices["rows"] == {"read": 5, "loaded": 3, "quarantined": 2, "superseded": 0, "filtered": 0, "replaced": 0}
    assert prices["reasons"] == {"undecodable": 1, "price_range": 1} | prices["reasons"]
    assert [each["reason"] for each in prices["refused"]] == ["unsupported_format"]
    assert prices["refused"][0]["key"] == "processed/price_data/d.zip"
    assert prices["extra_columns"] == ["Note"]
    assert prices["rows_per_second"] > 0
    assert {indicators["objects"]["pending"], anomalies["objects"]["pending"]} == {0}
    assert query(shell, f"SELECT SYMBOL, CLOSE_PRICE, TIMESTAMP::VARCHAR FROM {PRICES} ORDER BY ALL") == [
        ("AAPL", Decimal("100.12345678"), "2025-06-02 00:00:00"),
        ("IBM", Decimal("123456.12345678"), "2025-06-02 00:00:00"),
        ("MSFT", Decimal("27.77000000"), "2025-06-02 00:00:00"),
    ]
    settings = first.log[0]
    assert (settings["event"], settings["level"], settings["ETL_SOURCE"]) == ("settings", "info", "local")
    assert "object_refused" in {line["event"] for line in first.log}

    second = shell.run("once", "--dataset", "price_data")
    assert second.code == 0, second.err
    assert re.search(r"price_data +0 +0 +0 +0 +0 ", second.out), second.out
    assert "technical_indicators" not in second.out
    hint = re.search(r"1 objects older than the window .* to load them: etl-daemon (once .*)", second.out)
    assert hint, second.out
    assert query(shell, f"SELECT count(*) FROM {PRICES}") == [(3,)]

    third = shell.run(*hint[1].split(), "--json")  # what the message says to type
    assert third.document["datasets"][0]["objects"] | {"deferred": 0} == {
        "pending": 2,
        "loaded": 1,
        "refused": 1,  # looking back reads refused objects again
        "superseded": 0,
        "deferred": 0,
        "ignored": 0,
    }
    assert query(shell, f"SELECT count(*) FROM {PRICES} WHERE SYMBOL = 'GE'") == [(1,)]
    assert shell.run("once", "--hours-back", "48", "--json").document["datasets"][0]["objects"]["loaded"] == 0


def test_once_ends_with_1_where_a_dataset_failed(shell: Shell) -> None:
    price_file(shell, "a.ndjson").write_text(bar("AAPL", "2025-06-02"))
    refs = "import etl_daemon.adapters.local.source as s\nfrom etl_daemon.errors import TransientError\n"
    fault = "def fail(self, ref): raise TransientError('no answer')\ns.LocalSource.fetch = fail\n"
    program = f"{refs}{fault}import sys; sys.argv = ['etl-daemon', 'once']\nfrom etl_daemon.cli import main; main()"
    ended = shell.execute([sys.executable, "-c", program])
    assert ended.code == 1, ended.err
    assert "price_data: put off processed/price_data/a.ndjson: TransientError: no answer" in ended.out


def test_an_unexpected_error_is_one_message_without_traceback(shell: Shell) -> None:
    fault = "import etl_daemon.daemon as d\ndef fail(*_): raise KeyError('odd')\nd.Daemon.cycle = fail\n"
    program = f"{fault}import sys; sys.argv = ['etl-daemon', 'once', '--json']\nfrom etl_daemon.cli import main; main()"
    ended = shell.execute([sys.executable, "-c", program])
    assert ended.code == 1
    hint = "LOG_LEVEL=DEBUG shows where it happened; please report it"
    place = "docs/runbook.md#unexpectederror"
    told = {"kind": "KeyError", "detail": "'odd'", "hint": hint, "runbook": place, "exit_code": 1}
    assert ended.document["error"] == told
    assert "Error: KeyError: 'odd'" in ended.err
    assert "Hint: LOG_LEVEL=DEBUG shows where" in ended.err
    assert f"Runbook: {place}" in ended.err
    assert "Traceback" not in ended.err
    assert "Traceback" in shell.execute([sys.executable, "-c", program], LOG_LEVEL="DEBUG").err


def test_wrong_settings_are_all_listed_and_end_with_78(shell: Shell) -> None:
    wrong = {"ETL_LOCAL_DIR": "", "ETL_BATCH_SIZE": "many", "LOG_LEVEL": "loud"}
    for words in (["once"], ["run"], ["check"]):
        ended = shell.run(*words, **wrong)
        assert ended.code == 78, ended.err
        said = ended.err + ended.out
        assert re.search(r"ETL_LOCAL_DIR: must be set", said), said
        assert re.search(r"ETL_BATCH_SIZE='many' \(environment\)", said)
        assert re.search(r"LOG_LEVEL='LOUD' \(environment\)", said, re.IGNORECASE)
        assert re.search(r"[Hh]int: correct the environment", said)
        assert "Traceback" not in said
    ended = shell.run("once", "--json", **wrong)
    assert ended.code == 78
    assert ended.document["error"]["kind"] == "ConfigError"
    assert ended.document["error"]["exit_code"] == 78
    assert "Traceback" in shell.run("init", ETL_BATCH_SIZE="many", LOG_LEVEL="DEBUG").err


def test_what_cannot_work_ends_with_78_before_anything_starts(shell: Shell) -> None:
    (shell.folder / "same.toml").write_text("[datasets.anomalies]\ntable = 'MARKET_DATA.PRICE_DATA'\n")
    s3 = {"ETL_SOURCE": "s3", "S3_BUCKET": "b", "S3_REGION": "us-east-1"}
    for wrong, said in (
        ({"LOG_FILE": "missing/etl.log"}, "LOG_FILE='missing/etl.log'"),
        ({"ETL_SWEEP_HOURS": "1e300"}, "ETL_SWEEP_HOURS='1e300'"),
        ({"ETL_DUCKDB_PATH": ":memory:"}, "ETL_DUCKDB_PATH=':memory:'"),
        ({"SNOWFLAKE_DATABASE": "temp"}, "SNOWFLAKE_DATABASE='temp'"),
        ({"ETL_DATASETS_FILE": "same.toml"}, "price_data, anomalies: table FINANCIAL_DATA.MARKET_DATA.PRICE_DATA"),
        ({**s3, "AWS_ENDPOINT_URL": "not a url"}, "AWS_ENDPOINT_URL"),
    ):
        ended = shell.run("once", **wrong)
        assert ended.code == 78, ended.err
        assert said in ended.err
        assert "Hint: correct" in ended.err


def test_a_file_that_is_no_database_is_named_as_such(shell: Shell) -> None:
    (shell.folder / "etl.duckdb").write_text("no database")
    ended = shell.run("once")
    assert ended.code == 1
    assert "etl.duckdb is no DuckDB file." in ended.err
    assert "Hint: name another file with ETL_DUCKDB_PATH" in ended.err


def test_wrong_usage_ends_with_2(shell: Shell) -> None:
    unknown_word = shell.run("nonsense")
    assert (unknown_word.code, unknown_word.out) == (2, "")
    assert "nonsense" in unknown_word.err
    unknown_dataset = shell.run("once", "--dataset", "prices")
    assert unknown_dataset.code == 2
    assert "price_data" in unknown_dataset.err
    price_file(shell, "a.ndjson").write_text(bar("AAPL", "2025-06-02"))
    words = ["validate", price_file(shell, "a.ndjson"), "--dataset", "price_data", "--timestamp-format"]
    wrong_format = shell.run(*words, "%d/%m/%Q")
    assert wrong_format.code == 2
    assert "--timestamp-format" in wrong_format.err
    assert shell.run(*words, "epoch_ms").code == 0


def test_a_held_file_ends_with_75(shell: Shell) -> None:
    assert shell.run("init").code == 0
    with duckdb.connect(str(shell.folder / "etl.duckdb")):
        for words in (["once"], ["status"]):
            ended = shell.run(*words)
            assert ended.code == 75, ended.err
            assert "Error: Another process holds" in ended.err
            assert "Hint: wait for it to end, or raise ETL_TIMEOUT" in ended.err
        check = shell.run("check")
        assert check.code == 1
        assert re.search(r"^fail destination: Another process holds", check.out, re.MULTILINE), check.out
    assert shell.run("status").code == 0


def test_status_and_check_before_and_after_init(shell: Shell) -> None:
    before = shell.run("status")
    assert (before.code, before.err) == (0, "")
    assert "does not exist yet. To make it: etl-daemon init" in before.out
    assert shell.run("status", "--json").document["exists"] is False
    unready = shell.run("check", "--json")
    assert (unready.code, unready.document["ok"]) == (0, True), unready.out
    states = {line["name"]: line["state"] for line in unready.document["checks"]}
    assert states == {
        "settings": "ok",
        "source price_data": "warn",
        "source technical_indicators": "warn",
        "source anomalies": "warn",
        "lease": "ok",
        "destination": "ok",
        "tables": "warn",
        "folders": "ok",
        "clock": "ok",
    } | {name: "ok" for name in states if name.startswith("disk ")}
    assert not (shell.folder / "etl.duckdb").exists(), "status and check make nothing"

    made = shell.run("init")
    assert made.code == 0, made.err
    assert re.search(rf"{re.escape(PRICES)} +0 +created", made.out), made.out
    again = shell.run("init", "--json").document
    assert len(again["tables"]) == 9
    assert again["tables"][PRICES] == {"rows": 0, "created": False}

    deliver_mix(shell)
    assert shell.run("once", "--dataset", "price_data").code == 0
    ready = shell.run("check")
    assert ready.code == 0, ready.out
    assert re.search(r"^ok +source price_data: .*: 5 objects", ready.out, re.MULTILINE), ready.out
    assert re.search(r"^ok +source read: processed/price_data/\S+ can be read", ready.out, re.MULTILINE), ready.out
    assert re.search(r"^ok +disk /", ready.out, re.MULTILINE), ready.out
    assert re.search(r"^ok +tables: All 9 tables", ready.out, re.MULTILINE)
    assert "\x1b" not in ready.out, "no colour away from a terminal"


def test_init_print_prints_what_init_applies_and_applies_nothing(shell: Shell) -> None:
    printed = shell.run("init", "--print", ETL_SOURCE="s3")
    assert (printed.code, printed.err) == (0, "")
    assert list(shell.folder.glob("*.duckdb")) == []
    statements = shell.run("init", "--print", "--json").document
    assert statements == {"dialect": "duckdb", "statements": printed.out.removesuffix(";\n").split(";\n\n")}

    columns = "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns ORDER BY ALL"
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS FINANCIAL_DATA")
        connection.execute(printed.out)
        by_hand = connection.execute(columns).fetchall()
    assert shell.run("init").code == 0
    assert query(shell, columns) == by_hand
    assert len({name for _, name, *_ in by_hand}) == 9


def test_status_tells_how_far_each_dataset_is(shell: Shell) -> None:
    deliver_mix(shell)
    assert shell.run("once").code == 0
    told = shell.run("status", "--json").document
    assert (told["exists"], told["ready"], list(told["datasets"])) == (
        True,
        True,
        ["price_data", "technical_indicators", "anomalies"],
    )
    prices = told["datasets"]["price_data"]
    assert prices["objects_loaded"] == 3
    assert prices["objects_refused"] == {"unsupported_format": 1}
    assert (prices["rows"], prices["rows_quarantined"]) == (3, 2)
    assert prices["reasons"] == {"price_range": 1, "undecodable": 1} | prices["reasons"]
    assert prices["generation"] == 1
    assert re.fullmatch(r".+:\d+:[0-9a-f]{8}", prices["holder"])
    assert prices["watermark"]
    assert prices["last_commit"]
    assert told["datasets"]["anomalies"]["last_commit"] is None
    text = shell.run("status").out
    assert re.search(r"price_data +\S+ +3 +unsupported_format 1 +3 +2 ", text), text


def test_check_fails_with_a_hint(shell: Shell) -> None:
    ended = shell.run("check", ETL_DUCKDB_PATH=shell.folder / "missing" / "etl.duckdb")
    assert ended.code == 1
    assert re.search(r"^fail destination: \S+/missing is no writable folder.\n +hint: ", ended.out, re.MULTILINE), (
        ended.out
    )
    unreachable = {"ETL_SOURCE": "s3", "S3_BUCKET": "b", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    ended = shell.run("check", "--json", **unreachable)
    assert ended.code == 1
    lines = {line["name"]: line for line in ended.document["checks"]}
    assert lines["source price_data"]["state"] == "fail"
    assert "AWS_ENDPOINT_URL" in lines["source price_data"]["hint"]
    assert lines["destination"]["state"] == "ok", "one failure does not hide the other checks"


def test_check_warns_of_a_clock_that_is_behind(shell: Shell) -> None:
    file = price_file(shell, "tomorrow.ndjson")
    file.write_text(bar("AAPL", "2025-06-02"))
    os.utime(file, (time.time() + 86_400,) * 2)
    assert re.search(r"^warn clock: .*ahead of that.\n +hint: .*NTP", shell.run("check").out, re.MULTILINE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_loads_what_arrives_and_ends_with_0_when_told_to_stop(shell: Shell, number: signal.Signals) -> None:
    price_file(shell, "a.ndjson").write_text(bar("AAPL", "2025-06-02"))
    process = shell.start("run", ETL_POLL_INTERVAL_SECONDS=0.2)
    assert process.stderr
    events: list[str] = []
    try:
        for line in process.stderr:
            events.append(json.loads(line)["event"])
            if events.count("batch_committed") == 1 and not price_file(shell, "b.ndjson").exists():
                price_file(shell, "b.ndjson").write_text(bar("MSFT", "2025-06-02"))
            elif events.count("batch_committed") == 2:
                process.send_signal(number)
                break
        out, rest = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, rest
    assert out == ""
    assert events[:2] == ["settings", "started"]
    assert [json.loads(line)["event"] for line in rest.splitlines()[-2:]] == ["stopped", "lease_released"]
    assert query(shell, f"SELECT SYMBOL FROM {PRICES} ORDER BY ALL") == [("AAPL",), ("MSFT",)]


def test_run_finishes_the_batch_in_hand(shell: Shell) -> None:
    price_file(shell, "a.ndjson").write_text(bar("AAPL", "2025-06-02"))
    slow = "import time, pathlib\nfrom etl_daemon.adapters.local.source import LocalSource\nfetch = LocalSource.fetch\n"
    slow += (
        "def slowly(self, ref):\n    pathlib.Path('fetching').touch()\n    time.sleep(1)\n    return fetch(self, ref)\n"
    )
    program = f"{slow}LocalSource.fetch = slowly\nimport sys; sys.argv = ['etl-daemon', 'run']\n"
    command = [sys.executable, "-c", f"{program}from etl_daemon.cli import main; main()"]
    with subprocess.Popen(command, cwd=shell.folder, env=shell.environment(), stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while not (shell.folder / "fetching").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert query(shell, f"SELECT SYMBOL FROM {PRICES}") == [("AAPL",)]


def test_help_and_version_need_nothing_slow(shell: Shell) -> None:
    ended, imported = shell.importing("--help")
    assert ended.code == 0
    assert "typer" in imported
    assert imported & {"pandas", "duckdb", "boto3", "botocore", "pyarrow", "numpy", "pydantic", "structlog"} == set()
    words = re.findall(r"^│ ([a-z]+) {2,}", ended.out, re.MULTILINE)
    known = "demo once plan run check monitor init status validate audit backfill upload explain verify"
    assert " ".join(words) == f"{known} report teardown quarantine extract models"
    assert shell.execute([sys.executable, "-m", "etl_daemon", "--version"]).out.strip() == "0.1.0"


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_on_a_terminal_only_and_never_with_no_color(shell: Shell, more: dict[str, str], coloured: bool) -> None:
    ours, theirs = os.openpty()
    environment = {**shell.environment(**more), "TERM": "xterm-256color"}
    with subprocess.Popen([COMMAND, "check"], cwd=shell.folder, env=environment, stdout=theirs) as process:
        process.wait(60)
    os.close(theirs)
    text = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "settings" in text
    assert ("\x1b[32m" in text) is coloured


def test_the_documented_scripts_run(shell: Shell) -> None:
    price_file(shell, "a.ndjson").write_text(bar("AAPL", "2025-06-02"))
    file = shell.folder / "my.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in shell.settings.items()))
    bare = Shell(shell.folder, {"ETL_CONFIG_FILE": file})
    ended = bare.execute([sys.executable, str(ROOT / "scripts/etl-s3-to-snowflake.py"), "--json"])
    assert ended.code == 0, ended.err
    assert ended.document["datasets"][0]["rows"]["loaded"] == 1
    program = "from data_transformer import DataTransformer; print(DataTransformer.__module__)"
    same = bare.execute([sys.executable, "-c", program], PYTHONPATH=ROOT / "scripts")
    assert same.out.strip() == "etl_daemon.core.frames.transformer", same.err
