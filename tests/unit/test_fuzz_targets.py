"""What is fuzzed by `make fuzz`: the seeds, and all that was found, go through at each run of the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import SEEDS, TARGETS

FOUND = Path(__file__).parents[1] / "fuzz/found"
CASES = {f"{name} seed {place}": (name, seed) for name, seeds in SEEDS.items() for place, seed in enumerate(seeds)}
CASES |= {f"{path.parent.name} {path.name}": (path.parent.name, path.read_bytes()) for path in FOUND.glob("*/*")}


def test_each_target_has_seeds():
    assert set(SEEDS) == set(TARGETS)
    assert all(SEEDS.values())


@pytest.mark.parametrize(
    ("name", "data"),
    [pytest.param(*case, id=each) for each, case in CASES.items() if case[0] != "words"],
)
def test_a_known_input_goes_through(name, data):
    TARGETS[name](data)


def test_known_words_go_through():
    """In a process of their own, since a command sets its process up."""
    known = [data for name, data in CASES.values() if name == "words"]
    program = f"from tests.fuzz.words import words\nfor data in {known!r}: words(data)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_words_are_carried_out_and_a_code_that_is_not_in_the_table_is_found():
    program = (
        "from tests.fuzz import words\n"
        "with words._desk(): print(words._carried_out(['quarantine', 'list', '--json'])[1].count('price_range'))\n"
        "words.CODES = frozenset({75})\n"
        "words.words(b'\\1ohlc_relation')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "1\n", done.stderr
    assert "AssertionError: 0" in done.stderr


def test_a_target_fails_where_it_should(monkeypatch):
    """The check that nothing is lost is a check: a slice that lies about its rows does not pass."""
    from dataclasses import replace

    from tests.fuzz import targets

    honest = targets.transform

    def lying(raw, intake):
        batch = honest(raw, intake)
        return replace(batch, results=(replace(part, counts=replace(part.counts, read=7)) for part in batch.results))

    monkeypatch.setattr(targets, "transform", lying)
    with pytest.raises(AssertionError):
        targets.objects(SEEDS["objects"][0])
