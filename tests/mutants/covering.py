"""Which tests run which lines of the core, and how long each takes: from one run of the quick tests under coverage."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coverage import CoverageData

from tests.mutants.cpu import PROPERTY

CORE = Path("etl_daemon/core")
WORKING = ("silver", "operations", "table_datasets", "plan", "verify", "shares")
"""What is tested at work only: as a whole, in this process."""
TESTS = ("tests/unit", "tests/property", "tests/contract", *(f"tests/integration/test_{each}.py" for each in WORKING))
QUICK = ["-k", "not snowflake and not dbt and not quickly", *TESTS]
"""Nothing that needs a server or a process: what runs there is not what was changed here."""
FEW_EXAMPLES = {"ETL_HYPOTHESIS_PROFILE": "few"}


@dataclass(frozen=True, slots=True)
class Covering:
    by_line: dict[str, dict[int, set[str]]]
    """Of each module: line -> tests. What importing it runs has no tests there."""
    seconds: dict[str, float]
    """Of a processor, for each test."""

    def tests(self, path: Path, lines: range) -> list[str]:
        """Those that run any of the lines, else any of the module; its own first, and then the fastest."""
        lines_of_module = self.by_line.get(str(path), {})
        found = _union(lines_of_module.get(line, set()) for line in lines) or _union(lines_of_module.values())
        return sorted(found, key=lambda test: (f"test_{path.stem}.py" not in test, self.seconds.get(test, 0.0), test))


def covering(folder: Path, workers: int) -> Covering:
    """Run the tests, unless nothing has changed since they ran last; ends the program where one fails."""
    data, report = folder / "coverage", folder / "durations.xml"
    version = folder / "version"
    if not version.exists() or version.read_text() != _version():
        command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "--cov", str(CORE), "--cov-context=test"]
        command += ["-p", "tests.mutants.cpu"]
        done = subprocess.run(
            [*command, "--cov-report=", f"--junitxml={report}", *QUICK],
            env={**os.environ, **FEW_EXAMPLES, "COVERAGE_FILE": str(data)},
            check=False,
        )
        if done.returncode:
            sys.exit("make mutants: the tests fail before anything is changed, see above")
        version.write_text(_version())
    return Covering(_by_line(data), _seconds(report))


def _version() -> str:
    files = sorted(path for root in ("etl_daemon", "tests") for path in Path(root).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _by_line(path: Path) -> dict[str, dict[int, set[str]]]:
    data = CoverageData(str(path))
    data.read()
    found = {}
    for file in data.measured_files():
        lines = {line: {_test(each) for each in names if each} for line, names in data.contexts_by_lineno(file).items()}
        found[str(Path(file).relative_to(Path.cwd()))] = lines
    return found


def _test(context: str) -> str:
    return context.rpartition("|")[0]


def _seconds(report: Path) -> dict[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for case in ET.parse(report).iter("testcase"):
        took = sum(float(each.get("value", 0)) for each in case.iter("property") if each.get("name") == PROPERTY)
        found[f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"] += took
    return found


def _union(sets: Iterable[set[str]]) -> set[str]:
    return set().union(*sets)
