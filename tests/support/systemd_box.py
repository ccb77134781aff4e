"""A machine of its own with a real systemd: see ``systemd-box.sh`` beside this module."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("systemd-box.sh")
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Box:
    """Commands inside run as root, in a clean environment; ``/tmp`` and ``/run`` are the box's own."""

    folder: Path

    @property
    def root(self) -> Path:
        """The files of the box, seen from outside."""
        return Path("/proc", (self.folder / "leader").read_text().strip(), "root")

    def attempt(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        given = [f"{name}={value}" for name, value in environment.items()]
        command = [SCRIPT, "run", self.folder, "env", *given, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)

    def run(self, *words: str, **environment: str) -> str:
        done = self.attempt(*words, **environment)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def shown(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def journal(self, *selection: str) -> list[dict[str, Any]]:
        out = self.run("journalctl", "--output=json", "--no-pager", *selection)
        return [json.loads(line) for line in out.splitlines()]


@contextmanager
def box(folder: Path) -> Iterator[Box]:
    """A box that has booted, thrown away afterwards."""
    try:
        subprocess.run([SCRIPT, "up", folder], check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        yield Box(folder)
    finally:
        subprocess.run([SCRIPT, "down", folder], check=False, capture_output=True, timeout=PATIENCE_SECONDS)


def available() -> bool:
    """Whether this machine can make one."""
    return Path("/lib/systemd/systemd").exists() and shutil.which("unshare") is not None
