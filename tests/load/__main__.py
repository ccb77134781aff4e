"""`make load`: many datasets, a long ledger, and objects that come all the while; 1 if a bound is broken.

A real daemon loads from a store beside it into a DuckDB file. A writer puts objects at its own pace, whatever the
daemon does, and another look at the file says in the end what came of them. ``--folder`` keeps samples, report and log.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.load.feed import Feed
from tests.load.judging import MIB, Bounds, Line
from tests.load.running import Run, carried_out


def main() -> int:
    """0 if all bounds hold."""
    run = _asked()
    report = "\n".join(map(_text, lines := carried_out(run)))
    (run.folder / "report.txt").write_text(f"{report}\n")
    print(report)
    return int(any(line.wrong for line in lines))


def _text(line: Line) -> str:
    return f"{line.what:62}  {line.figure}" + f"   WRONG: {line.wrong}" * bool(line.wrong)


def _asked() -> Run:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--datasets", type=int, default=100)
    parser.add_argument("--versions", type=int, default=1_000_000, help="object versions that the ledger has at first")
    parser.add_argument("--rate", type=float, default=50, help="objects a second")
    parser.add_argument("--poll", type=float, default=15, help="ETL_POLL_INTERVAL_SECONDS")
    parser.add_argument("--lag", type=float, default=120, help="seconds until a version can be queried, at most")
    parser.add_argument("--memory", type=int, default=1024, help="MEMORY_LIMIT_MB, and MiB at most")
    parser.add_argument("--answer", type=float, default=1, help="seconds that 99 answers of 100 may take")
    parser.add_argument("--folder", type=Path, default=Path("build/load"))
    given = parser.parse_args()
    bounds = Bounds(given.poll, given.lag, given.memory * MIB, given.answer)
    feed = Feed(given.datasets, given.versions, given.rate, datetime.now(UTC))
    return Run(given.minutes, feed, bounds, given.folder.resolve())


if __name__ == "__main__":
    sys.exit(main())
