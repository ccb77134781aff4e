"""Hold what the tests cover against what they have to: ``python -m tests.mutants.bounds REPORT`` (`make coverage`)."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

CORE_BRANCHES = 0.95
ALL = 0.88
"""Of lines and branches."""


def main(report: Path) -> int:
    files = json.loads(report.read_text("utf-8"))["files"]
    core = sum((Counter(each["summary"]) for name, each in files.items() if "etl_daemon/core/" in name), Counter())
    whole = sum((Counter(each["summary"]) for each in files.values()), Counter())
    branches = core["covered_branches"] / core["num_branches"]
    both = (whole["covered_lines"] + whole["covered_branches"]) / (whole["num_statements"] + whole["num_branches"])
    print(f"core: {branches:.1%} of {core['num_branches']} branches, at least {CORE_BRANCHES:.0%}")
    print(
        f"all: {both:.1%} of {whole['num_statements']} lines and {whole['num_branches']} branches, at least {ALL:.0%}"
    )
    return int(branches < CORE_BRANCHES or both < ALL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
