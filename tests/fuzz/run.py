"""Fuzz one target, guided by what it covers: ``python -m tests.fuzz.run TARGET RUNS FOLDER`` (`make fuzz`).

What was found worth keeping stays in the folder, for the next time. An input that fails ends the run with its file: put
it in ``tests/fuzz/found/TARGET``, where `make test` tries it from then on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["etl_daemon"]):
    from tests.fuzz.targets import SEEDS, TARGETS

SECONDS_EACH = 20
"""An input that takes longer hangs."""


def main() -> None:
    name, runs, folder = sys.argv[1:]
    kept = Path(folder, name)
    kept.mkdir(parents=True, exist_ok=True)
    for place, seed in enumerate(SEEDS[name]):
        (kept / f"seed-{place}").write_bytes(seed)
    flags = [f"-runs={runs}", f"-timeout={SECONDS_EACH}", "-rss_limit_mb=4096", "-max_len=4096", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={kept.parent}/{name}-", str(kept)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
