"""How the pictures look: cards, areas, colours, and files that need nothing beside them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from importlib import resources
from itertools import pairwise
from pathlib import Path

from diagrams import Cluster, Diagram, Edge, Node

ROOT = Path(__file__).resolve().parents[2]
FONT = "Helvetica,Arial,sans-serif"
INK, FAINT, LINE, LINK = "#1f2933", "#52606d", "#7b8794", "#1d5fa8"
WHITE, GREY, BLUE, GREEN, AMBER, VIOLET = "#ffffff", "#f1f3f5", "#e3effb", "#e3f4e6", "#fdf1d8", "#efe8f9"
DOTS_PER_INCH = 144

LOOK = {
    "graph": {
        "fontname": FONT,
        "fontcolor": INK,
        "fontsize": "15",
        "label": "",
        "bgcolor": "white",
        "pad": "0.2",
        "nodesep": "0.15",
        "ranksep": "0.22",
        "splines": "spline",
        "newrank": "true",
        "compound": "true",
    },
    "node": {
        "shape": "box",
        "style": "rounded,filled",
        "fillcolor": WHITE,
        "color": LINE,
        "penwidth": "0.8",
        "fontname": FONT,
        "fontcolor": INK,
        "fontsize": "11",
        "margin": "0.06,0.04",
        "fixedsize": "false",
        "width": "0",
        "height": "0",
        "labelloc": "c",
    },
    "edge": {
        "color": LINE,
        "arrowsize": "0.7",
        "penwidth": "1.1",
        "fontname": FONT,
        "fontcolor": FAINT,
        "fontsize": "10",
    },
}


class Picture(Diagram):
    """One picture, drawn where the block ends: ``<folder>/<name>.svg`` and ``.png``."""

    def __init__(self, folder: Path, name: str, **graph: str) -> None:
        super().__init__(
            filename=str(folder / name),
            direction="TB",
            curvestyle="curved",
            show=False,
            graph_attr={**LOOK["graph"], **graph},
            node_attr=LOOK["node"],
            edge_attr=LOOK["edge"],
        )

    def render(self) -> None:
        """Write the SVG with its icons inside, and the PNG finer than a screen."""
        svg = Path(self.dot.render(format="svg"))
        svg.write_text(embedded(svg.read_text("utf-8")), "utf-8")
        self.dot.graph_attr["dpi"] = str(DOTS_PER_INCH)
        self.dot.render(format="png")


def embedded(svg: str) -> str:
    """The same picture with the bytes of its icons in place of their paths, which are those of one machine."""

    def inside(found: re.Match[str]) -> str:
        data = base64.b64encode(Path(found[1]).read_bytes()).decode("ascii")
        return f'xlink:href="data:image/png;base64,{data}"'

    return re.sub(r'xlink:href="(/[^"]+\.png)"', inside, svg)


@contextmanager
def area(title: str, colour: str, *rooms: str, note: str = "", icon: str = "", **look: str) -> Iterator[Cluster]:
    """A coloured area; its title, a note and the rooms that it is about stand in one line."""
    cells = _image(icon, 24, 1) + "".join(_lines(title, rooms, note))
    look = {
        "bgcolor": colour,
        "pencolor": colour,
        "margin": "12",
        "label": _table(f"<TR>{cells}</TR>", spacing=4),
        **look,
    }
    with Cluster(title, graph_attr={"fontname": FONT, "fontcolor": INK, "fontsize": "12", **look}) as cluster:
        yield cluster


class Row(Cluster):
    """Cards of one height, from left to right in the order in which they are made."""

    def __init__(self) -> None:
        super().__init__(graph_attr={"label": "", "style": "invis", "margin": "0", "rank": "same"})
        self._names: list[str] = []

    def node(self, nodeid: str, label: str, **attrs: str) -> None:
        """Take the next card."""
        self._names.append(nodeid)
        super().node(nodeid, label, **attrs)

    def __exit__(self, *raised: object) -> None:
        self.dot.name = f"cluster_{self._names}"  # clusters of one name are one to Graphviz
        for left, right in pairwise(self._names):
            self.dot.edge(left, right, style="invis")
        super().__exit__(*raised)


def card(title: str, *rooms: str, note: str = "", icon: str = "", **look: str) -> Node:
    """A box with title, note and the rooms of the code that it is about, each a link to its folder or file."""
    return Node(label(title, rooms, note, icon), **{"nodeid": title, "tooltip": note or title, **look})


def label(title: str, rooms: Sequence[str] = (), note: str = "", icon: str = "") -> str:
    """The inside of a card, as Graphviz writes tables; an icon is named by its file among those of ``diagrams``."""
    lines = _lines(title, rooms, note)
    image = _image(icon, 34, len(lines))
    above = "<TR><TD></TD></TR>"  # Graphviz sets bold letters higher than the middle
    return _table(f"{above}<TR>{image}" + "</TR><TR>".join(lines) + "</TR>")


def _image(icon: str, points: int, rows: int) -> str:
    if not icon:
        return ""
    file = resources.files("resources") / f"{icon}.png"
    return f'<TD FIXEDSIZE="TRUE" WIDTH="{points}" HEIGHT="{points}" ROWSPAN="{rows}"><IMG SRC="{file}"/></TD>'


def _lines(title: str, rooms: Sequence[str], note: str) -> list[str]:
    """The cells of a label: in bold, faint, and as links."""
    small = '<FONT POINT-SIZE="10" COLOR="{}">{}</FONT>'
    name = f"<B>{escape(title)}</B>"
    if title in rooms:
        name = f'<FONT COLOR="{LINK}">{name}</FONT>'
    return [
        f"<TD{_target(title, rooms)}>{name}</TD>",
        *(f"<TD>{small.format(FAINT, escape(line))}</TD>" for line in note.splitlines()),
        *(f"<TD{_target(room, rooms)}>{small.format(LINK, room)}</TD>" for room in rooms if room != title),
    ]


def _target(text: str, rooms: Sequence[str]) -> str:
    return f' HREF="{link(text)}" TOOLTIP="{text}"' if text in rooms else ""


def _table(rows: str, spacing: int = 0) -> str:
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="{spacing}" CELLPADDING="1">{rows}</TABLE>>'


def link(room: str) -> str:
    """From ``docs/diagrams`` and ``build/diagrams`` to a folder or file, of the package or of the repository."""
    package = Path("etl_daemon", room)
    found = next((path for path in (package, package.with_suffix(".py"), Path(room)) if (ROOT / path).exists()), None)
    if found is None:
        raise FileNotFoundError(f"{room} is drawn, but neither in etl_daemon/ nor in the repository")
    return f"../../{found}"


def to(text: str = "", **look: str) -> Edge:
    """An arrow with a text at its side; between ``>>``."""
    return Edge(label=f" {text} " if text else "", **{**LOOK["edge"], **look})


def below(upper: Node, *lower: Node) -> None:
    """Where the lower ones stand; no arrow is seen."""
    upper >> Edge(style="invis") >> list(lower)
