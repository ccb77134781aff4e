"""Which arrows of the models' pictures are drawn."""

from __future__ import annotations

import pytest

from docs.diagrams.models import Thing, implied, subjects, things


def thing(subject: str, *parents: str) -> Thing:
    return Thing("", subject, "model", "MART", "table", "", parents)


KNOWN = {
    "source.bars": thing("sources"),
    "model.bars": thing("market", "source.bars"),
    "model.returns": thing("market", "model.bars"),
    "model.features": thing("market", "model.bars", "model.returns"),
    "model.continents": thing("countries", "source.nowhere"),
}


@pytest.mark.parametrize(
    ("parent", "name", "repeats"),
    [
        ("model.bars", "model.features", True),
        ("model.returns", "model.features", False),
        ("model.bars", "model.returns", False),
        ("source.nowhere", "model.continents", False),
    ],
)
def test_an_arrow_that_repeats_a_longer_way_is_left_out(parent: str, name: str, repeats: bool) -> None:
    assert implied(KNOWN, parent, name) is repeats


def test_a_subject_has_its_own_things_and_their_sources() -> None:
    assert subjects(KNOWN) == {
        "market": {"source.bars", "model.bars", "model.returns", "model.features"},
        "countries": {"model.continents", "source.nowhere"},
    }


def test_tests_are_not_drawn_and_exposures_are() -> None:
    model = {
        "resource_type": "model",
        "name": "bars",
        "fqn": ["etl_models", "market", "mart", "bars"],
        "schema": "MART",
        "config": {"materialized": "table"},
        "description": "",
        "depends_on": {"nodes": []},
    }
    exposure = {
        "resource_type": "exposure",
        "name": "board",
        "fqn": ["etl_models", "market", "board"],
        "type": "dashboard",
        "config": {},
        "description": "",
        "depends_on": {"nodes": ["model.bars"]},
    }
    manifest = {
        "sources": {},
        "nodes": {"model.bars": model, "test.bars": {**model, "resource_type": "test"}},
        "exposures": {"exposure.board": exposure},
    }
    found = things(manifest)
    assert list(found) == ["model.bars", "exposure.board"]
    board = found["exposure.board"]
    assert (board.layer, board.kind, board.note, board.parents) == (
        "Exposures",
        "exposure",
        "dashboard",
        ("model.bars",),
    )
