"""Each line of the threat model names a test that exists; and what stands against threats outside of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import duckdb
import pytest

from etl_daemon.adapters.decode.scratch import CONFIG
from etl_daemon.adapters.duckdb.session import DuckDBFile

ROOT = Path(__file__).resolve().parent.parent
DOC = (ROOT / "docs/security.md").read_text("utf-8")
LINES = [line for line in DOC.splitlines() if line.startswith("| ") and "what is at stake" not in line]
ROWS = [line.strip("| ").split(" | ") for line in LINES]


def named_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_each_line_names_a_test_that_exists() -> None:
    assert len(ROWS) > 40
    assert [row for row in ROWS if len(row) != 3 or not all(row)] == []
    there = {f"{path.name}::{name}" for path in ROOT.glob("tests/**/test_*.py") for name in named_in(path)}
    named = [cell.strip("`") for *_, cell in ROWS]
    assert [name for name in named if name not in there] == []


UNITS = sorted(ROOT.glob("systemd/etl-pipeline*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_leave_no_core_and_nothing_for_others(unit: Path) -> None:
    text = unit.read_text("utf-8")
    assert "NoNewPrivileges=yes" in text
    assert "ProtectSystem=strict" in text
    if "etl-daemon" in text:  # the unit that tells of failures runs none of our code
        assert {"LimitCORE=0", "UMask=0077", "User=etl"} <= set(text.splitlines())
    assert not re.search(r"^Environment=.*(PASSWORD|TOKEN|SECRET|KEY)", text, re.MULTILINE)


def test_the_deploy_script_gives_others_no_settings() -> None:
    """`make test-systemd` looks at the files; here, that modes are said and not left to the umask."""
    script = (ROOT / "scripts/deploy-etl-pipeline.sh").read_text("utf-8")
    assert re.findall(r"put \"\$CONFIG/etl-config.env\" (\d+)", script) == ["0640"]
    assert re.findall(r"install -d -m (\d+) -o root -g \"\$OWNER\" \"\$CONFIG\"", script) == ["0750"]
    assert re.findall(r"install -d -m (\d+) -o \"\$OWNER\" -g \"\$OWNER\" \"\$STATE\"", script) == ["0750"]
    assert (
        re.findall(r"^ *(?:run )?(?:mkdir|touch|cp|cat >(?!/dev/null)) .*\$(?:CONFIG|STATE|LOGS)", script, re.MULTILINE)
        == []
    )


def test_duckdb_fetches_no_code(tmp_path: Path) -> None:
    installs = "SELECT current_setting('autoinstall_known_extensions')"
    with duckdb.connect(config=CONFIG) as scratch:
        assert scratch.execute(installs).fetchall() == [(False,)]
        assert scratch.execute("SELECT current_setting('autoload_known_extensions')").fetchall() == [(False,)]
    with DuckDBFile(tmp_path / "a.duckdb", "D").connection() as connection:
        assert connection.execute(installs).fetchall() == [(False,)]
