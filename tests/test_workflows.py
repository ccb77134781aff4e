"""What GitHub runs: files that it takes, actions pinned by commit, targets and Pythons that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SCHEMAS = {"dependabot": [ROOT / ".github/dependabot.yml"], "github-workflows": WORKFLOWS}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def of(path: Path) -> dict:
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_github_takes_them(schema):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *SCHEMAS[schema]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_rights_are_few(path):
    used = re.findall(r"uses: (\S+)(.*)", path.read_text("utf-8"))
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), "dependabot reads the version there"
    assert of(path)["permissions"] == {"contents": "read"}, "a job that takes more says so itself"


def test_they_make_what_can_be_made():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    steps = [step for path in WORKFLOWS for job in of(path)["jobs"].values() for step in job["steps"]]
    run = "\n".join(step.get("run", "") for step in steps)
    named = {word for words in re.findall(r"^make (.*)", run, re.MULTILINE) for word in words.split() if word.isalpha()}
    proofs = of(ROOT / ".github/workflows/nightly.yml")["jobs"]["proof"]["strategy"]["matrix"]["target"]
    assert {"check", "test", "release", "lock"} <= named
    assert (named | set(proofs)) - targets == set()
    assert ".ci/run" in run


def test_every_python_that_is_supported_is_tried():
    tried = of(ROOT / ".github/workflows/checks.yml")["jobs"]["python"]["strategy"]["matrix"]["python"]
    assert f'requires-python = ">={tried[0]}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert tried == [f"3.{minor}" for minor in range(11, 11 + len(tried))]
