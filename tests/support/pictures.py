"""What an SVG that Graphviz has drawn shows, whatever version drew it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True)
class Shown:
    """``boxes`` and ``areas``: the texts in each; ``arrows``: from and to, and the text beside; sizes in points."""

    boxes: dict[str, tuple[str, ...]]
    areas: frozenset[tuple[str, ...]]
    arrows: frozenset[tuple[tuple[str, str], str]]
    links: frozenset[str]
    width: float = field(compare=False)
    height: float = field(compare=False)
    smallest: float = field(compare=False)

    @property
    def titles(self) -> set[str]:
        """The first text of each box and area."""
        return {texts[0] for texts in (*self.boxes.values(), *self.areas) if texts}

    @property
    def texts(self) -> set[str]:
        """All texts in boxes."""
        return {text for texts in self.boxes.values() for text in texts}


def shown(file: Path) -> Shown:
    """Read the file."""
    root = ET.fromstring(file.read_text("utf-8"))
    boxes, areas, arrows = {}, set(), set()
    for group in root.iter(f"{SVG}g"):
        title = group.findtext(f"{SVG}title", "")
        texts = tuple((each.text or "").strip() for each in group.iter(f"{SVG}text"))
        match group.get("class"):
            case "node" if texts:
                boxes[title] = texts
            case "cluster" if texts:
                areas.add(texts)
            case "edge" if group.find(f".//{SVG}path") is not None:
                tail, head = title.split("->")
                arrows.add(((tail.split(":")[0], head.split(":")[0]), " ".join(texts)))
    links = {each.get(LINK, "") for each in root.iter(f"{SVG}a")} - {""}
    width, height = map(float, re.findall(r"[\d.]+", root.get("viewBox", ""))[2:])
    sizes = [float(each.get("font-size", 0)) for each in root.iter(f"{SVG}text")]
    return Shown(boxes, frozenset(areas), frozenset(arrows), frozenset(links), width, height, min(sizes))
