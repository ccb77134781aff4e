"""README and docs say what the code does: blocks run, names match."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from typer.main import get_command

from etl_daemon.adapters.decode import ObjectDecoder
from etl_daemon.cli.app import app
from etl_daemon.config import load_settings, read_datasets_file
from etl_daemon.core.rules.reasons import CODES
from etl_daemon.core.sql.tables import CONTROL_TABLES
from etl_daemon.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_shell_and_python_blocks_run_in_order(tmp_path):
    """One after the other, all but the make commands, which make .venv and run this very suite."""
    shell = [block for block in blocks("sh") if not block.startswith("make ")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "LOG_LEVEL": "ERROR", "LC_ALL": "C.UTF-8"}
    script = "set -e\n" + "\n".join(shell)
    done = run(["bash", "-c", script], tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert "AAPL" in done.stdout
    assert "ohlc_relation (row)" in done.stdout
    work = tmp_path / "build" / "first"

    checks = [
        "assert list(clean['symbol']) == ['AAPL', 'MSFT'] and stats['ohlc_relation'] == stats['invalid_records'] == 1",
        "assert len(raw) == 3 and list(prices['symbol']) == ['AAPL', 'MSFT']",
    ]
    code = "\n".join(part for pair in zip(blocks("python"), checks, strict=True) for part in pair)
    ran = run([sys.executable, "-c", code], work, environment)
    assert ran.returncode == 0, ran.stderr

    query = (
        "import duckdb; c = duckdb.connect(); c.execute(\"ATTACH 'market.duckdb' AS FINANCIAL_DATA (READ_ONLY)\");"
        "print(c.sql('SELECT count(*) FROM FINANCIAL_DATA.MARKET_DATA.PRICE_DATA').fetchall(),"
        "c.sql('SELECT REASONS FROM FINANCIAL_DATA.ETL_CONTROL.ETL_QUARANTINE').fetchall())"
    )
    shown = run([sys.executable, "-c", query], work, environment)
    assert shown.stdout.strip() == "[(2,)] [('ohlc_relation',)]"


def test_the_way_to_snowflake_asks_for_all_that_it_takes(tmp_path):
    """The settings as they stand there, with a key; docs/snowflake.md and deploy/snowflake are tested elsewhere."""
    (given,) = re.findall(r"```ini\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "etl-config.env"
    file.write_text(textwrap.dedent(given).replace("etl_daemon.p8", str(tmp_path / "etl_daemon.p8")))
    with pytest.raises(ConfigError, match=r"etl_daemon\.p8"):
        load_settings({}, file)
    (tmp_path / "etl_daemon.p8").write_text("a key")

    settings = load_settings({}, file)
    assert (settings.etl_destination, settings.s3_bucket) == ("snowflake", "my-market-data")


def test_the_readme_is_short():
    assert len(README.splitlines()) < 200


def test_the_datasets_example_is_valid(tmp_path):
    (example,) = blocks("toml")
    path = tmp_path / "datasets.toml"
    path.write_text(example)

    found = read_datasets_file(path)
    assert found.problems == ()
    assert set(found.options) == {"crypto"}


def test_every_command_is_in_the_readme():
    words = set(get_command(app).commands)

    assert words == set(re.findall(r"\| `etl-daemon (\w+)", README))


def test_every_reason_is_in_the_rules():
    rules = (ROOT / "docs" / "rules.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (?:all|prices|indicators|anomalies|table) \|", rules, re.MULTILINE)

    assert sorted(listed) == sorted(CODES)


def test_every_refusal_of_the_code_is_in_the_rules():
    rules = (ROOT / "docs" / "rules.md").read_text("utf-8")
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "etl_daemon").rglob("*.py"))
    raised = set(re.findall(r'(?:DataError\(|Refusal\(ref, )\s*"(\w+)"', code))

    assert ObjectDecoder is not None
    assert {"undecodable", "missing_columns", "reject_share"} <= raised
    assert {reason for reason in raised if f"`{reason}`" not in rules} == set()


def test_every_control_table_is_described():
    text = (ROOT / "docs" / "control-tables.md").read_text("utf-8")

    assert re.findall(r"^\| `(ETL_\w+)`", text, re.MULTILINE) == list(CONTROL_TABLES)
