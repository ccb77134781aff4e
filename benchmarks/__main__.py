"""`python -m benchmarks`: etl_daemon against others, side by side in one run, as ratios.

Absolute figures depend on the machine, and on what else it does; ratios of work done in turn do much less.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks import plot, stored, table
from benchmarks.contests import CONTESTS
from benchmarks.processes import PEERS
from benchmarks.race import Given, Outcome, run

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
OURS, THEIRS = ("duckdb", "numpy", "pandas", "pyarrow"), ("dlt", "pandera")


def main() -> int:
    """Measure, print, and compare or store as asked."""
    given = _arguments().parse_args()
    unknown = sorted(set(given.contests) - set(CONTESTS))
    if unknown:
        print(f"There is no contest {', '.join(unknown)}; there are {', '.join(CONTESTS)}.", file=sys.stderr)
        return 2
    outcomes = list(_measured(given))
    forms, form = stored.read(RESULTS), "short" if given.short else "full"
    print("\n".join(["", *table.ratios(outcomes), "", *table.seconds(outcomes)]))
    if given.store:
        forms[form] = forms[form].merged(_conditions(given.threads), outcomes, list(CONTESTS))
        _store(forms)
    missed = stored.slower(outcomes, forms[form].outcomes, given.margin) if given.check else []
    print("\n".join(["", *missed]) if missed else "", end="\n" if missed else "")
    return 1 if missed else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("contests", nargs="*", help=f"of {', '.join(CONTESTS)}; all of them if none is named")
    parser.add_argument("--runs", type=int, help="runs that count, after one to warm up (5; short form 3)")
    parser.add_argument("--rows", type=int, help="rows of each contest that can be given them; else its own")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="cores for every contender")
    parser.add_argument("--short", action="store_true", help="fewer rows and runs")
    parser.add_argument("--store", action="store_true", help="keep the results in benchmarks/, page and picture too")
    parser.add_argument("--check", action="store_true", help="fail where a ratio is far below the stored one")
    parser.add_argument("--margin", type=float, default=stored.MARGIN, help="how far, as a share (%(default)s)")
    return parser


def _measured(given: argparse.Namespace) -> Iterator[Outcome]:
    for name in [name for name in CONTESTS if name in (given.contests or CONTESTS)]:
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            for heat in CONTESTS[name](Given(Path(folder), given.threads, given.short, given.rows)):
                outcome = run(name, heat, given.runs or (3 if given.short else 5))
                for ratio in outcome.ratios:
                    print(f"{name}: {heat.work}: {ratio.times.median:.2f} times {ratio.against}", flush=True)
                yield outcome


def _conditions(threads: int) -> dict[str, str]:
    """Versions and threads; nothing that tells the machine."""
    code = f"from importlib.metadata import version; print(*map(version, {THEIRS}))"
    peers = subprocess.run([str(PEERS), "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return {
        "threads": str(threads),
        "Python": platform.python_version(),
        **{name: version(name) for name in OURS},
        **dict(zip(THEIRS, peers, strict=True)),
    }


def _store(forms: dict[str, stored.Stored]) -> None:
    stored.write(RESULTS, forms)
    (FOLDER / "RESULTS.md").write_text(table.page(forms))
    (FOLDER / "results.svg").write_text(plot.picture(forms["full"].outcomes))


if __name__ == "__main__":
    sys.exit(main())
