"""Change the core in one place after the other, and see whether a test notices: `make mutants`.

For each change a process is forked that has all libraries loaded and nothing of this project. There the changed module
is imported in place of the one on disk, and the tests that run the changed lines are run, until one fails.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import random
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import NoReturn

import pytest

from tests.mutants.covering import CORE, FEW_EXAMPLES, QUICK, Covering, covering
from tests.mutants.places import Mutant, mutants

SECONDS_OF_TESTS = 10.0
"""So much of tests, of a processor, is given to a mutant; what would have found it later counts for nothing."""
FIRST = 25
"""Tests of those are collected and run apart: most mutants get no further."""
PATIENCE_SECONDS = 20
"""Of a core, beside five times what the tests took: a busy machine kills nothing. By the clock it is ten times that."""
VALUES = "tests/unit/test_values.py::test_values_are_frozen_and_small"
"""Holds for every module."""
LEAST = 0.85
BYTES = 4 << 30
"""Of memory, for one mutant."""


class Swapped(SourceFileLoader):
    """Gives one module other code than its file has."""

    def __init__(self, name: str, path: Path, code: str):
        super().__init__(name, str(path))
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._code, self.path, "exec", dont_inherit=True)

    def find_spec(self, fullname: str, *_: object) -> object:
        return (
            importlib.util.spec_from_file_location(fullname, self.path, loader=self) if fullname == self.name else None
        )


def main() -> int:
    words = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    words.add_argument(
        "modules", nargs="*", help="modules or rooms of the core, as rules.checks or rules; all by default"
    )
    words.add_argument("--share", type=float, default=1.0, help="of the places of each module, 0 to 1")
    words.add_argument("--seed", type=int, default=1, help="draws the places and what is done there")
    words.add_argument("--workers", type=int, default=2)
    asked = words.parse_args()
    folder = Path("build/mutants")
    folder.mkdir(parents=True, exist_ok=True)
    known = covering(folder, asked.workers)
    load_libraries()
    drawn = [mutant for path in modules(asked.modules) for mutant in draw(path, asked.share, asked.seed)]
    outcomes: defaultdict[Path, Counter[str]] = defaultdict(Counter)
    with (folder / "survivors.txt").open("w", encoding="utf-8") as survivors:
        for mutant, outcome in tried(drawn, known, asked.workers):
            outcomes[mutant.path][outcome] += 1
            if (done := sum(map(Counter.total, outcomes.values()))) % 100 == 0:
                print(f"{done} of {len(drawn)} at most", flush=True)
            if outcome != "killed":
                print(f"{outcome}: {mutant.path}:{mutant.lines.start}", mutant.difference(), file=survivors, flush=True)
    return report(outcomes)


def modules(names: list[str]) -> list[Path]:
    """Those that are named, or all; ends the program where there is none of a name."""
    found = []
    for place in [CORE / name.replace(".", "/") for name in names] or [CORE]:
        file = place.with_suffix(".py")
        paths = [file] if file.exists() else sorted(place.rglob("*.py"))
        if not paths:
            sys.exit(f"make mutants: there is no {place} or {file}")
        found += paths
    return found


def draw(path: Path, share: float, seed: int) -> list[Mutant]:
    """The same for a module alone and for all."""
    chance = random.Random(f"{seed} {path}")
    found = mutants(path, chance)
    return sorted(chance.sample(found, round(len(found) * share)), key=lambda mutant: mutant.lines.start)


def load_libraries() -> None:
    """Import what the tests import, and forget what is of this project."""
    os.environ |= FEW_EXAMPLES
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        pytest.main(["--collect-only", "--quiet", *QUICK])
    for name in [name for name in sys.modules if name.split(".")[0] in {"etl_daemon", "tests"}]:
        if not name.startswith("tests.mutants"):
            del sys.modules[name]
    gc.freeze()


def tried(drawn: list[Mutant], known: Covering, workers: int) -> Iterator[tuple[Mutant, str]]:
    """Each with what became of it: killed, timeout or survived."""
    running: dict[int, tuple[Mutant, float]] = {}
    for mutant in drawn:
        code = mutant.code()
        if code is None:
            continue
        tests, seconds = given(mutant, known)
        patience = PATIENCE_SECONDS + int(5 * seconds)
        while len(running) == workers:
            yield from ended(running)
        pid = os.fork()
        if not pid:
            run_tests(mutant, code, tests, patience)
        os.setpgid(pid, pid)
        running[pid] = mutant, time.monotonic() + 10 * patience
    while running:
        yield from ended(running)


def given(mutant: Mutant, known: Covering) -> tuple[list[str], float]:
    """The tests that a mutant has to pass, and how long they take."""
    tests, seconds = [f"{VALUES}[{mutant.module}]"], 0.0
    for test in known.tests(mutant.path, mutant.lines):
        seconds += known.seconds.get(test, 0.0)
        if seconds > SECONDS_OF_TESTS:
            break
        tests.append(test)
    return tests, seconds


def ended(running: dict[int, tuple[Mutant, float]]) -> Iterator[tuple[Mutant, str]]:
    """Those that have ended meanwhile, or had their time."""
    time.sleep(0.01)
    for pid, (mutant, deadline) in list(running.items()):
        done, status = os.waitpid(pid, os.WNOHANG)
        if not done and time.monotonic() < deadline:
            continue
        if not done:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        del running[pid]
        late = not done or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU)
        yield mutant, "timeout" if late else "killed" if status else "survived"


def run_tests(mutant: Mutant, code: str, tests: list[str], seconds: int) -> NoReturn:
    """In the fork: 0 where all pass."""
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        sys.meta_path.insert(0, Swapped(mutant.module, mutant.path, code))
        for part in filter(None, (tests[:FIRST], tests[FIRST:])):
            status = int(pytest.main(["--exitfirst", "--quiet", "-p", "no:cacheprovider", *part]))
            if status:
                break
    finally:
        os._exit(status)


def report(outcomes: dict[Path, Counter[str]]) -> int:
    """Print what became of the mutants of each module; 1 where too few of all were killed."""
    print(f"{'module':44} {'tried':>6} {'killed':>6} {'timeout':>7} {'survived':>8} {'%':>6}")
    share = 0.0
    for path, counts in [*sorted(outcomes.items()), (Path("all"), sum(outcomes.values(), Counter()))]:
        share = 1 - counts["survived"] / max(1, counts.total())
        figures = f"{counts.total():6} {counts['killed']:6} {counts['timeout']:7} {counts['survived']:8}"
        print(f"{path!s:44} {figures} {100 * share:6.1f}")
    if share < LEAST:
        why = f"less than {LEAST:.0%} were killed; build/mutants/survivors.txt has the others"
        print(f"make mutants: {why}", file=sys.stderr)
    return int(share < LEAST)


if __name__ == "__main__":
    ended_with = main()
    sys.stdout.flush()
    os._exit(ended_with)  # DuckDB's bindings, imported and forgotten, would complain at length
