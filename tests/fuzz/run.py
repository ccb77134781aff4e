"""Fuzz one target, guided by what it covers: ``python -m tests.fuzz.run TARGET RUNS FOLDER`` (`make fuzz`).

What was found worth keeping stays in the folder, for the next time. An input that fails ends the run with its file: put
it in ``tests/fuzz/found/TARGET``, where `make test` tries it from then on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RUNS_EACH = 25_000
"""Of one process: what guides it takes memory that it never gives back, some 50 KB for each input."""
SHARES = {"words": 10}
"""Of these targets an input takes longer than of others: they get a share of the inputs, one in so many."""
SECONDS_EACH = 20
"""An input that takes longer hangs."""


def main() -> int:
    name, asked, folder = sys.argv[1:]
    runs = max(int(asked) // SHARES.get(name, 1), 1)
    kept = Path(folder, name)
    kept.mkdir(parents=True, exist_ok=True)
    for begun in range(0, runs, RUNS_EACH):
        count = min(RUNS_EACH, runs - begun)
        command = [sys.executable, "-m", "tests.fuzz.run", name, str(count), str(kept)]
        done = subprocess.run(command, env={**os.environ, "FUZZING": "1"}, check=False)
        if done.returncode:
            return done.returncode
    print(f"{name}: {runs:,} inputs")
    return 0


def fuzz(name: str, runs: str, kept: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["etl_daemon"]):
        from tests.fuzz.targets import SEEDS, TARGETS

    for place, seed in enumerate(SEEDS[name]):
        (kept / f"seed-{place}").write_bytes(seed)
    bounds = [f"-runs={runs}", f"-timeout={SECONDS_EACH}", "-rss_limit_mb=4096", "-max_len=4096", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *bounds, f"-artifact_prefix={kept.parent}/{name}-", str(kept)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if os.environ.get("FUZZING"):
        fuzz(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(main())
