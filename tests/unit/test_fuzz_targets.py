"""What is fuzzed by `make fuzz`: the seeds, and all that was found, go through at each run of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import SEEDS, TARGETS

FOUND = Path(__file__).parents[1] / "fuzz/found"
CASES = {f"{name} seed {place}": (name, seed) for name, seeds in SEEDS.items() for place, seed in enumerate(seeds)}
CASES |= {f"{path.parent.name} {path.name}": (path.parent.name, path.read_bytes()) for path in FOUND.glob("*/*")}


def test_each_target_has_seeds():
    assert set(SEEDS) == set(TARGETS)
    assert all(SEEDS.values())


@pytest.mark.parametrize(("name", "data"), CASES.values(), ids=CASES)
def test_a_known_input_goes_through(name, data):
    TARGETS[name](data)


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
