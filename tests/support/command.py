"""The console script as a process of its own, with settings of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import AWS_ENVIRONMENT
from tests.support.starter import can_start, starter

COMMAND = Path(sys.executable).with_name("etl-daemon")
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, which is one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The JSON lines of standard error."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]


@dataclass(frozen=True)
class Shell:
    """Runs ``etl-daemon`` in ``folder`` with ``settings`` and nothing of the developer's environment.

    Without a port of their own the processes do not listen: many run at the same time.
    """

    folder: Path
    settings: Mapping[str, object]
    patience_seconds: float = _PATIENCE_SECONDS

    @classmethod
    def embedded(cls, folder: Path, **more: object) -> Shell:
        """All of it below ``folder``: a bucket, where prices are looked for, a DuckDB file and the state."""
        (folder / "bucket/processed/price_data").mkdir(parents=True)
        settings = {
            "ETL_SOURCE": "local",
            "ETL_LOCAL_DIR": folder / "bucket",
            "ETL_DUCKDB_PATH": folder / "etl.duckdb",
            "ETL_STATE_DIR": folder / "state",
        }
        return cls(folder, {**settings, **more})

    def environment(self, **more: object) -> dict[str, str]:
        inherited = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ
        }
        given = {name: str(value) for name, value in {**self.settings, **more}.items()}
        return {**inherited, **AWS_ENVIRONMENT, "ETL_HTTP_PORT": "0", **given}

    def run(self, *words: object, **settings: object) -> Ended:
        return self.run_module("etl_daemon", *words, **settings)

    def run_module(self, program: str, *words: object, **settings: object) -> Ended:
        environment, arguments = self.environment(**settings), [*map(str, words)]
        if not can_start(environment):
            return self.execute([sys.executable, "-m", program, *arguments], **settings)
        return Ended(*starter().run(program, arguments, self.folder, environment, self.patience_seconds))

    def importing(self, *words: object, **settings: object) -> tuple[Ended, set[str]]:
        """How the command ended, and the packages that it imported."""
        program = "import sys; sys.argv[0] = 'etl-daemon'\nfrom etl_daemon.cli import main; main()"
        ended = self.execute([sys.executable, "-X", "importtime", "-c", program, *map(str, words)], **settings)
        told = (line.rpartition("|")[2].strip() for line in ended.err.splitlines() if line.startswith("import time:"))
        return ended, {name.partition(".")[0] for name in told}

    def execute(self, command: Sequence[str], **settings: object) -> Ended:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            timeout=self.patience_seconds,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *words: object, **settings: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(COMMAND), *map(str, words)],
            cwd=self.folder,
            env={**self.environment(**settings), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
