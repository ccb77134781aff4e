"""Hold what the tests cover against what they have to: ``python -m tests.mutants.bounds REPORT`` (`make coverage`)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CORE_BRANCHES = 0.95
ALL = 0.88
"""Of lines and branches."""


def main(report: Path) -> int:
    files = json.loads(report.read_text("utf-8"))["files"]
    core = {name: each for name, each in files.items() if "etl_daemon/core/" in name}
    branches = total(core, "covered_branches") / total(core, "num_branches")
    whole = total(files, "num_statements") + total(files, "num_branches")
    both = (total(files, "covered_lines") + total(files, "covered_branches")) / whole
    print(f"core: {branches:.1%} of {total(core, 'num_branches')} branches, at least {CORE_BRANCHES:.0%}")
    print(f"all: {both:.1%} of {whole} lines and branches, at least {ALL:.0%}")
    return int(branches < CORE_BRANCHES or both < ALL)


def total(files: dict[str, Any], figure: str) -> int:
    return sum(each["summary"][figure] for each in files.values())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
