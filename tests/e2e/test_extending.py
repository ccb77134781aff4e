"""The examples of docs/extending.md do what they say: each in a folder and, where it changes code, on a copy of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import AWS_ENVIRONMENT

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text("utf-8")
PARTS = {
    part.partition("\n")[0]: re.findall(r"```(\w+)\n(.*?)```", part, re.DOTALL) for part in TEXT.split("\n## ")[1:]
}
"""By heading: kind and text of each block."""


class Part:
    """A part of the document at work; what a shell exports stays for the next one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.copy = folder / "copy"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {"PATH": path, "HOME": str(folder), **AWS_ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, kind: str, text: str) -> None:
        {"toml": self._write, "diff": self._patch, "sh": self._shell, "python": self._python}[kind](text)

    def _write(self, text: str) -> None:
        (self.folder / text.partition("\n")[0].removeprefix("# ")).write_text(text)

    def _patch(self, text: str) -> None:
        shutil.copytree(ROOT / "etl_daemon", self.copy / "etl_daemon", ignore=shutil.ignore_patterns("__pycache__"))
        self.environment["PYTHONPATH"] = str(self.copy)
        for change in text.split("--- ")[1:]:
            name, _, lines = change.partition("\n")
            self._change(self.copy / name, lines.splitlines())

    def _change(self, file: Path, lines: list[str]) -> None:
        before, after = ("\n".join(line[1:] for line in lines if line[0] in marks) for marks in (" -", " +"))
        content = file.read_text("utf-8")
        assert content.count(before) == 1, f"{file}: {before}"
        file.write_text(content.replace(before, after), "utf-8")

    def _shell(self, text: str) -> None:
        self._call(["bash", "-euo", "pipefail"], text, self.folder)

    def _python(self, text: str) -> None:
        self._call([sys.executable, "-"], text, self.folder)

    def _call(self, command: list[str], text: str, folder: Path) -> None:
        done = subprocess.run(
            command,
            input=text,
            cwd=folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_all_ways_to_extend_it_are_there() -> None:
    assert list(PARTS) == ["A new table", "A new rule", "A transformation", "A metric", "A source", "A destination"]
    assert all(any(kind == "python" and "assert" in text for kind, text in blocks) for blocks in PARTS.values())


@pytest.mark.parametrize("heading", PARTS)
def test_the_example_does_what_it_says(heading: str, tmp_path: Path) -> None:
    part = Part(tmp_path)
    for kind, text in PARTS[heading]:
        part.run(kind, text)
