"""What `make coverage` demands of a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.mutants.bounds import main


def summary(lines: tuple[int, int], branches: tuple[int, int]) -> dict[str, dict[str, int | str]]:
    names = ("covered_lines", "num_statements", "covered_branches", "num_branches")
    return {"summary": {**dict(zip(names, (*lines, *branches), strict=True)), "percent_covered_display": "1"}}


@pytest.mark.parametrize(
    ("core", "rest", "code"),
    [
        (summary((100, 100), (19, 20)), summary((70, 100), (19, 20)), 1),
        (summary((100, 100), (19, 20)), summary((80, 100), (15, 20)), 0),
        (summary((100, 100), (18, 20)), summary((100, 100), (20, 20)), 1),
    ],
)
def test_branches_of_the_core_and_all_of_the_whole(tmp_path: Path, core, rest, code):
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"files": {"etl_daemon/core/a.py": core, "etl_daemon/cli/b.py": rest}}))
    assert main(report) == code
