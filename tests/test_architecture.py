"""Layers, names and sizes hold, and the layer contracts fail when they are crossed."""

from __future__ import annotations

import ast
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "etl_daemon"
MODULES = sorted(PACKAGE.rglob("*.py"))
NESTING = ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try | ast.TryStar | ast.Match
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def lint_imports(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command as main; main()"
    command = [sys.executable, "-c", program, "--no-cache", "--no-logo", *args]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, FUNCTION):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


# ---------------------------------------------------------------- layers


def test_imports_point_down_only() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The same modules without their content, and those of the design that are not there yet, all as packages."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    packages = {path.parent.relative_to(ROOT) for path in PACKAGE.rglob("__init__.py")}
    named = [
        "api",
        "bootstrap",
        "daemon",
        "server",
        "pipeline",
        "ports",
        "errors",
        "adapters/spool",
        "adapters/s3",
        "adapters/aws",
    ]
    for folder in packages | {Path("etl_daemon", name) for name in named}:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "__init__.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("contract", "module", "line"),
    [
        ("layers", "core/offender", "from etl_daemon import ports"),
        ("layers", "core/offender", "import etl_daemon.adapters.local"),
        ("layers", "config/offender", "from etl_daemon.core import model"),
        ("layers", "errors/offender", "from etl_daemon import config"),
        ("layers", "ports/offender", "import etl_daemon.adapters.memory"),
        ("layers", "adapters/local/offender", "from etl_daemon import pipeline"),
        ("layers", "pipeline/offender", "import etl_daemon.adapters.local"),
        ("layers", "daemon/offender", "import etl_daemon.server"),
        ("layers", "daemon/offender", "import etl_daemon.bootstrap"),
        ("layers", "helpers", "import json"),
        ("adapters", "adapters/local/offender", "import etl_daemon.adapters.s3"),
        ("adapters", "adapters/sqs/offender", "import etl_daemon.adapters.s3"),
        ("layers", "inbox/offender", "import etl_daemon.adapters.sqs"),
        ("adapters", "adapters/duckdb/offender", "import etl_daemon.adapters.decode"),
        ("pure-core", "core/offender", "import duckdb"),
        ("pure-core", "core/offender", "import boto3"),
        ("pure-core", "core/offender", "import obstore"),
        ("pure-core", "core/offender", "import snowflake.connector"),
        ("pure-core", "core/offender", "import pydantic"),
        ("pure-core", "core/offender", "import prometheus_client"),
        ("rows", "core/rules/offender", "from etl_daemon.core import events"),
        ("rows", "core/tables/offender", "from etl_daemon.core.status import progress"),
        ("aws", "adapters/local/offender", "import boto3"),
        ("aws", "adapters/duckdb/offender", "import obstore"),
        ("aws", "adapters/systemd/offender", "import botocore"),
        ("aws", "vault/offender", "import boto3"),
        ("adapters", "adapters/ssm/offender", "import etl_daemon.adapters.secretsmanager"),
        ("layers", "vault/offender", "from etl_daemon import bootstrap"),
        ("duckdb", "adapters/s3/offender", "import duckdb"),
        ("snowflake", "adapters/duckdb/offender", "import snowflake.connector"),
        ("snowflake", "config/offender", "import cryptography"),
        ("prometheus", "server/offender", "import prometheus_client"),
        ("http", "daemon/offender", "import waitress"),
        ("sqlite", "adapters/observers/offender", "import sqlite3"),
        ("calendars", "adapters/destination/offender", "import exchange_calendars"),
        ("pure-core", "core/offender", "import exchange_calendars"),
        ("lineage", "daemon/offender", "import openlineage.client"),
        ("lineage", "adapters/observers/offender", "import requests"),
    ],
)
def test_a_crossed_contract_fails(tree: Path, contract: str, module: str, line: str) -> None:
    before = lint_imports(tree, "--contract", contract)
    assert before.returncode == 0, before.stdout + before.stderr

    (tree / "etl_daemon" / f"{module}.py").write_text(f"{line}\n")
    after = lint_imports(tree, "--contract", contract)
    assert after.returncode != 0
    assert "BROKEN" in after.stdout, after.stdout + after.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("adapters/s3/newcomer", "import boto3, obstore"),
        ("adapters/ssm/newcomer", "import botocore.exceptions\nfrom etl_daemon.adapters import aws"),
        ("adapters/cloudwatch/newcomer", "import botocore.exceptions\nfrom etl_daemon.adapters import aws"),
        ("adapters/sqs/newcomer", "import boto3, botocore"),
        ("adapters/decode/newcomer", "import duckdb"),
        ("adapters/duckdb/newcomer", "import duckdb\nfrom etl_daemon.adapters import spool"),
        ("adapters/snowflake/newcomer", "import cryptography, snowflake.connector"),
        ("adapters/observers/newcomer", "import prometheus_client"),
        ("server/newcomer", "import waitress"),
        ("adapters/sqlite/newcomer", "import sqlite3"),
        ("adapters/lineage/newcomer", "import openlineage.client, requests"),
    ],
)
def test_each_technology_has_its_folder(tree: Path, module: str, line: str) -> None:
    (tree / "etl_daemon" / f"{module}.py").write_text(f"{line}\n")
    result = lint_imports(tree)
    assert result.returncode == 0, result.stdout + result.stderr


def test_core_imports_numpy_pyarrow_pandas_and_nothing_else() -> None:
    allowed = {"numpy", "pyarrow", "pandas", "etl_daemon"} | sys.stdlib_module_names
    found = set()
    for path in [*(PACKAGE / "core").rglob("*.py"), *(PACKAGE / "ports").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).split(".")[0])
    assert "pyarrow" in found
    assert found <= allowed, f"not for the core: {sorted(found - allowed)}"


def test_every_room_of_the_core_is_described_with_modules_that_are_there() -> None:
    rooms = {path.parent.name: path.parent for path in (PACKAGE / "core").glob("*/__init__.py")}
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("| room of `core/` |")[1].split("\n\n")[0]
    described = set()
    for row in text.splitlines()[2:]:
        names, says = row.strip("| ").split(" | ")
        here = [name.strip("`/") for name in names.split()]
        described |= set(here)
        known = {path.stem for name in here for path in rooms[name].glob("*.py")}
        told = set(re.findall(r"`(\w+)`", says))
        assert told <= known, f"{here}: {sorted(told - known)}"
    assert described == rooms.keys()


def test_commands_that_may_log_in_take_settings_from_the_stores_too() -> None:
    offline = {"etl_daemon/cli/validate.py", "etl_daemon/cli/completion.py"}
    pure = {
        str(path.relative_to(ROOT))
        for path in [*(PACKAGE / "cli").rglob("*.py"), *(PACKAGE / "api").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "etl_daemon.config"
        if {"load_settings", "settings_from"} & {alias.name for alias in node.names}
    }
    assert pure - offline - {"etl_daemon/cli/demo/__init__.py"} == set(), "import it from etl_daemon.vault"


# ---------------------------------------------------------------- names


def test_no_module_is_a_junk_drawer() -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
    assert [str(path) for path in MODULES if banned & {path.stem, path.parent.name}] == []


def test_no_class_is_a_manager() -> None:
    classes = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert classes
    assert [name for name in classes if name.endswith(("Manager", "Handler", "Service", "Helper", "Util"))] == []


def test_the_top_level_holds_documented_names_only() -> None:
    documented = {
        *("etl_daemon", "scripts", "deploy", "systemd", "tests", "docs", "benchmarks", ".ci"),
        *("etl-config.env.template", "pyproject.toml", "Makefile"),
        *("requirements.txt", "requirements-build.txt", "requirements-dev.txt"),
        *("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".gitignore", ".git"),
        *(".github", ".pre-commit-config.yaml"),
    }
    ignored = [line.strip().rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.strip()]
    names = {path.name for path in ROOT.iterdir() if not any(fnmatch(path.name, pattern) for pattern in ignored)}
    assert names - documented == set()


# ---------------------------------------------------------------- sizes


def test_modules_have_300_lines_at_most() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    sizes = [count for count in lines.values() if count]
    print(f"{len(sizes)} modules, median {statistics.median(sizes):.0f} lines, greatest {max(sizes)}")
    assert {name: count for name, count in lines.items() if count > 300} == {}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_nine_functions_in_ten_have_25_lines_at_most() -> None:
    lengths = sorted((body_lines(node), name) for name, node in functions())
    p90 = lengths[int(len(lengths) * 0.9)][0]
    assert p90 <= 25, f"p90 is {p90} lines; the longest: {lengths[-10:]}"


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    names = [item.arg for item in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
    return names[1:] if names and names[0] in {"self", "cls"} else names


def test_functions_take_five_parameters_at_most() -> None:
    counts = {name: len(parameters(node)) for name, node in functions()}
    assert {name: count for name, count in counts.items() if count > 5} == {}


def depth(node: ast.AST, *, is_elif: bool = False) -> int:
    """Levels of nested statements; ``elif`` is no level of its own, and a nested function starts anew."""
    own = 0 if is_elif or not isinstance(node, NESTING) else 1
    below = 0
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, FUNCTION | ast.ClassDef):
            chained = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
            below = max(below, depth(child, is_elif=chained))
    return own + below


@pytest.mark.parametrize(
    ("source", "levels"),
    [
        ("pass", 0),
        ("if a: pass", 1),
        ("if a: pass\nelif b: pass\nelif c: pass", 1),
        ("for x in y:\n  if x:\n    with z: pass", 3),
        ("try:\n  while a:\n    if b:\n      for c in d: pass\nexcept E: pass", 4),
        ("match a:\n  case 1:\n    if b: pass", 2),
    ],
)
def test_depth_counts_levels(source: str, levels: int) -> None:
    assert depth(ast.parse(source)) == levels


def test_statements_nest_three_levels_at_most() -> None:
    depths = {name: depth(node) for name, node in functions()}
    assert {name: levels for name, levels in depths.items() if levels > 3} == {}


def test_documented_scripts_have_15_lines_at_most() -> None:
    scripts = [path for path in ROOT.glob("scripts/*") if path.suffix in {".py", ".sh"}]
    longer = {path.name for path in scripts if len(path.read_text("utf-8").splitlines()) > 15}
    assert longer <= {"deploy-etl-pipeline.sh"}


@pytest.mark.xdist_group("one-worker")
def test_tests_of_a_group_have_one_worker_where_tests_are_spread(request: pytest.FixtureRequest) -> None:
    spread = request.config.getoption("loadgroup", False)
    assert request.node.nodeid.endswith("@one-worker") or not spread
