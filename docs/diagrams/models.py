"""Draws what the models of dbt are made of, from the manifest that dbt writes: ``make diagrams``.

An arrow that only repeats a longer way is left out: what goes into a model is all that leads to it.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from diagrams import Node

from docs.diagrams.drawing import AMBER, BLUE, GREEN, GREY, VIOLET, WHITE, Picture, area, card, to

COLUMNS = (("source",), ("seed", "RAW", "STAGING"), ("TRANSFORM",), ("MART", "snapshot"), ("exposure",))
"""From left to right, by what a thing is, else by its layer; one that is not here stands where its arrows have it."""
COLOURS = {
    "source": GREY,
    "seed": VIOLET,
    "snapshot": VIOLET,
    "exposure": GREY,
    "RAW": BLUE,
    "STAGING": BLUE,
    "TRANSFORM": AMBER,
    "MART": GREEN,
}


@dataclass(frozen=True, slots=True)
class Thing:
    """A source, seed, model, snapshot or exposure; ``layer`` is what it lies in, ``note`` how it is kept."""

    name: str
    subject: str
    kind: str
    layer: str
    note: str
    description: str
    parents: tuple[str, ...]


def things(manifest: Mapping[str, Any]) -> dict[str, Thing]:
    """All that is drawn, by dbt's names; tests and macros are not."""
    entries = {**manifest["sources"], **manifest["nodes"], **manifest["exposures"]}
    drawn = ("source", "seed", "model", "snapshot", "exposure")
    return {name: _thing(entry) for name, entry in entries.items() if entry["resource_type"] in drawn}


def _thing(entry: Mapping[str, Any]) -> Thing:
    kind, layer = entry["resource_type"], entry.get("schema", "Exposures")
    return Thing(
        name=entry["name"],
        subject=entry["fqn"][1],
        kind=kind if kind in COLOURS else layer,
        layer=f"{entry['database']}.{layer}" if kind == "source" else layer,
        note=entry["type"] if kind == "exposure" else entry["config"].get("materialized", ""),
        description=entry["description"],
        parents=tuple(entry.get("depends_on", {}).get("nodes", ())),
    )


def subjects(known: Mapping[str, Thing]) -> dict[str, set[str]]:
    """What belongs in the picture of each subject, a folder of models: its own, and what that is made of."""
    found = defaultdict(set)
    for name, thing in known.items():
        if not name.startswith("source."):
            found[thing.subject] |= {name, *thing.parents}
    return found


def implied(known: Mapping[str, Thing], parent: str, name: str) -> bool:
    """Whether a longer way leads there too, so that the direct one tells nothing new."""
    ahead = [each for each in known[name].parents if each != parent]
    seen: set[str] = set()
    while ahead:
        each = ahead.pop()
        if each == parent:
            return True
        if each in known and each not in seen:
            seen.add(each)
            ahead += known[each].parents
    return False


def draw(folder: Path, subject: str, drawn: Mapping[str, Thing]) -> None:
    """One picture, from sources on the left to exposures on the right; a layer is an area."""
    cards: dict[str, Node] = {}
    with Picture(folder, f"models-{subject}", rankdir="LR", newrank="false", ranksep="0.35"):
        for layer, kind in dict.fromkeys((thing.layer, thing.kind) for thing in drawn.values()):
            with area(layer, COLOURS.get(kind, WHITE)):
                for name, thing in drawn.items():
                    if thing.layer == layer:
                        tip = thing.description or thing.name
                        cards[name] = card(thing.name, note=thing.note, nodeid=name, tooltip=tip)
        for name, thing in drawn.items():
            for parent in thing.parents:
                if not implied(drawn, parent, name):
                    cards[parent] >> to(tailport="e", headport="w") >> cards[name]
        _separate([[cards[name] for name, thing in drawn.items() if thing.kind in kinds] for kinds in COLUMNS])


def _separate(columns: Iterable[Sequence[Node]]) -> None:
    """Put something unseen between columns, so that no layer reaches into the next."""
    for number, (left, right) in enumerate(pairwise(filter(None, columns))):
        between = Node(nodeid=f"between {number}", shape="point", style="invis")
        for each in left:
            each >> to(style="invis", weight="0") >> between
        for each in right:
            between >> to(style="invis", weight="0") >> each


def main(manifest: Path, folder: Path) -> None:
    """Draw a picture per subject into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    known = things(json.loads(manifest.read_text("utf-8")))
    for subject, names in subjects(known).items():
        draw(folder, subject, {name: known[name] for name in known if name in names})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
