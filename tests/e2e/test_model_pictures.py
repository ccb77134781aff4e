"""The pictures of the models show what dbt's manifest has, and lead from each thing to all that is made of it."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest

from docs.diagrams import models
from tests.support.command import Shell
from tests.support.dbt import DBT, PROJECT
from tests.support.pictures import Shown, shown
from tests.support.s3_servers import require

pytestmark = [pytest.mark.dbt, pytest.mark.xdist_group("dbt")]

KINDS = ("model", "seed", "snapshot", "exposure")


@dataclass(frozen=True)
class Drawn:
    manifest: dict[str, Any]
    pictures: dict[str, Shown]

    @property
    def made(self) -> dict[str, dict[str, Any]]:
        """What dbt builds, and who reads it, by dbt's names."""
        entries = {**self.manifest["nodes"], **self.manifest["exposures"]}
        return {name: entry for name, entry in entries.items() if entry["resource_type"] in KINDS}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    require(shutil.which("dot") is not None, "graphviz", "apt-get install graphviz")
    require(DBT.exists(), "dbt", "make dbt-setup")
    folder = tmp_path_factory.mktemp("models")
    places = ["--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", folder, "--log-path", folder]
    parsed = Shell(folder, {}).execute([str(DBT), "parse", *map(str, places)])
    assert parsed.code == 0, parsed.out
    manifest = folder / "manifest.json"
    models.main(manifest, folder / "pictures")
    pictures = {path.stem: shown(path) for path in (folder / "pictures").glob("*.svg")}
    assert {path.stem for path in (folder / "pictures").glob("*.png")} == set(pictures)
    return Drawn(json.loads(manifest.read_text("utf-8")), pictures)


def test_each_thing_is_in_the_picture_of_its_subject(drawn: Drawn) -> None:
    assert "models-countries" in drawn.pictures
    for name, entry in drawn.made.items():
        assert drawn.pictures[f"models-{entry['fqn'][1]}"].boxes[name][0] == entry["name"]


def test_each_thing_is_reached_from_what_it_is_made_of_and_from_nothing_else(drawn: Drawn) -> None:
    for picture in drawn.pictures.values():
        parents = defaultdict(set)
        for (tail, head), _ in picture.arrows:
            parents[head].add(tail)
        for name in picture.boxes.keys() & drawn.made.keys():
            inside = {
                key: set(entry["depends_on"].get("nodes", ()))
                for key, entry in drawn.made.items()
                if key in picture.boxes
            }
            assert behind(name, parents) == behind(name, inside), name


def behind(name: str, parents: dict[str, set[str]]) -> set[str]:
    """All that leads there."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        new = parents.get(ahead.pop(), set()) - found
        found |= new
        ahead += new
    return found


def test_a_layer_is_an_area_and_sources_are_apart(drawn: Drawn) -> None:
    for subject, picture in drawn.pictures.items():
        layers = {e["schema"] for n, e in drawn.made.items() if n in picture.boxes and e["resource_type"] != "exposure"}
        sources = {e["schema"] for n, e in drawn.manifest["sources"].items() if n in picture.boxes}
        areas = {texts[0] for texts in picture.areas} - {"Exposures"}
        assert areas == layers | {f"FINANCIAL_DATA.{schema}" for schema in sources}, subject
