"""The demo: real prices through the corridor, with nothing installed but the package."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.support.command import Shell

TICKERS = "AAPL, FB, GOOG, IBM, MSFT"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "work").mkdir()
    elsewhere = {"S3_BUCKET": "not-this-one", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_PROFILE": "none"}
    return Shell(tmp_path / "work", {"TMPDIR": tmp_path / "tmp", **elsewhere})


def test_it_loads_real_prices_twice_and_leaves_nothing_behind(shell: Shell) -> None:
    ended = shell.run("demo")
    assert ended.code == 0, ended.out + ended.err
    assert ended.err == ""
    assert TICKERS in ended.out
    rows = {line.split()[0]: line.split() for line in ended.out.splitlines() if re.match(r" +\w+ +\d+ +\d+ +\d", line)}
    assert rows["price_data"][1:6] == ["64", "3", "12,200", "12,154", "6"]
    assert rows["technical_indicators"][2:4] == ["0", rows["technical_indicators"][3]]
    assert int(rows["anomalies"][4]) > 10
    for reason in ("price_range", "ohlc_relation", "price_not_numeric", "undecodable", "timestamp_future", "rsi_range"):
        assert re.search(rf"{reason} \d", ended.out), reason
    for name in ("truncated.csv.gz: undecodable", "unknown.zip: unsupported_format", "no-symbol.csv: missing_columns"):
        assert f"refused processed/price_data/broken/{name}" in ended.out
    assert "Second cycle: 0 objects to load." in ended.out
    assert re.search(r"AAPL +2013-03-01 00:00:00 +430.47000000", ended.out)
    assert "WRONG" not in ended.out
    assert "is deleted now. To keep it: etl-daemon demo --keep" in ended.out
    assert list((shell.folder.parent / "tmp").glob("etl-demo-*")) == []
    assert list(shell.folder.iterdir()) == []


def test_it_serves_until_told_to_stop_and_can_be_explored(shell: Shell) -> None:
    folder = shell.folder / "kept"
    process = shell.start("demo", "--serve", "--dir", folder)
    assert process.stdout
    live: list[str] = []
    try:
        for line in process.stdout:
            if "/live/" in line:
                live.append(line)
            if len(live) == 2:
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert re.search(r"\d\d:\d\d:\d\d price_data: 4 of 4 rows loaded from \S+/live/2012-03-02.ndjson", live[0]), live
    settings = re.search(r"export ETL_CONFIG_FILE=(\S+)", out)
    assert settings, out

    kept = Shell(shell.folder, {"ETL_CONFIG_FILE": settings[1]})
    prices = kept.run("status", "--json").document["datasets"]["price_data"]
    assert 10_966 <= prices["rows"] < 12_154
    assert sum(prices["objects_refused"].values()) == 3
    assert kept.run("check", "--json").document["ok"] is True
    report = re.search(r"^  etl-daemon (report .*)$", out, re.MULTILINE)
    assert report, out
    assert f" {prices['rows']:,} " in kept.run(*report[1].split()).out
    program = re.search(r"python -c '(import duckdb.*)'$", out, re.MULTILINE)
    assert program, out
    shown = kept.execute([sys.executable, "-c", program[1]])
    assert re.search(r"AAPL +│ 2012-03-\d\d 00:00:00 │ +5\d\d\.\d{8} ", shown.out), shown.out + shown.err
    again = shell.run("demo", "--dir", folder)
    assert again.code == 1
    assert "holds a demo already" in again.err


@pytest.mark.parametrize("package", ["moto.server", "bokeh_sampledata"])
def test_what_is_missing_is_named(shell: Shell, package: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; sys.argv = ['etl-daemon', 'demo']\n"
    ended = shell.execute([sys.executable, "-c", program + "from etl_daemon.cli import main; main()"])
    assert ended.code == 1
    assert "Hint: pip install 'etl_daemon[demo]'" in ended.err
    assert "Traceback" not in ended.err


def test_a_demo_that_misbehaves_ends_with_1(shell: Shell) -> None:
    fault = "import etl_daemon.cli.demo.data as data\ndata.PRICES = 'processed/price_data'\n"
    fault += "whole = data.deliveries\ndef more(bars):\n    made = whole(bars)\n"
    fault += "    made['price_data'][0] = data.Delivery(made['price_data'][0].key, made['price_data'][0].body, 1)\n"
    fault += "    return made\ndata.deliveries = more\n"
    program = f"{fault}import sys; sys.argv = ['etl-daemon', 'demo']\nfrom etl_daemon.cli import main; main()"
    ended = shell.execute([sys.executable, "-c", program])
    assert ended.code == 1, ended.out
    wrong = [line for line in ended.out.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == 1, ended.out
    assert "AAPL/2000.ndjson: of 1 rows these are accounted for: Counts(read=" in wrong[0]
