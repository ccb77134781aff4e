"""The pictures of the architecture are those of the code, and need nothing beside them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from docs.diagrams import architecture
from docs.diagrams.drawing import link
from etl_daemon import adapters, pipeline, ports
from etl_daemon.adapters.destination import session
from etl_daemon.core import model
from etl_daemon.extraction import needs
from etl_daemon.ports import queue
from tests.support.pictures import Shown, shown
from tests.support.s3_servers import require

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "diagrams"
PICTURES = ("system", "rooms")
KNOWN = {name: shown(FOLDER / f"{name}.svg") for name in PICTURES}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(shutil.which("dot") is not None, "graphviz", "apt-get install graphviz")
    folder = tmp_path_factory.mktemp("diagrams")
    architecture.main(folder)
    return folder


@pytest.mark.parametrize("name", PICTURES)
def test_a_committed_picture_is_what_the_code_draws(drawn: Path, name: str) -> None:
    assert shown(drawn / f"{name}.svg") == KNOWN[name], "make diagrams"
    assert (drawn / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in drawn.iterdir()} == {f"{each}.{kind}" for each in PICTURES for kind in ("svg", "png")}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_needs_nothing_beside_it_and_tells_nothing_of_the_machine_that_drew_it(name: str) -> None:
    text = (FOLDER / f"{name}.svg").read_text("utf-8")
    images = re.findall(r'<image xlink:href="([^"]*)"', text)
    assert len(images) == len(re.findall("<image", text))
    assert all(image.startswith("data:image/png;base64,iVBOR") for image in images)
    assert not re.search(r"site-packages|\.venv|file:|/(home|root|opt|srv|usr|var|tmp)/", text)
    assert str(ROOT) not in text


def test_icons_are_in_the_picture_of_the_system() -> None:
    assert (FOLDER / "system.svg").read_text("utf-8").count("<image ") >= 7


@pytest.mark.parametrize("name", PICTURES)
def test_letters_can_be_read_on_a_page(name: str) -> None:
    picture = KNOWN[name]
    width, height = sorted((picture.width, picture.height))
    scale = min((595 - 72) / width, (842 - 72) / height)  # A4, upright or not, within margins of half an inch
    assert picture.smallest * scale >= 5.5


# ---------------------------------------------------------------- names


def rooms(picture: Shown) -> set[Path]:
    """What the links of a picture lead to, in the repository."""
    return {(FOLDER / target).resolve().relative_to(ROOT) for target in picture.links}


@pytest.mark.parametrize("name", PICTURES)
def test_each_room_that_is_drawn_is_there(name: str) -> None:
    found = rooms(KNOWN[name])
    assert len(found) > 15
    assert [str(path) for path in found if not (ROOT / path).exists()] == []


def test_a_room_that_is_not_there_cannot_be_drawn() -> None:
    with pytest.raises(FileNotFoundError, match="adapters/carrier_pigeon"):
        link("adapters/carrier_pigeon")


def folders(package: ModuleType) -> set[str]:
    return {found.name for found in pkgutil.iter_modules(package.__path__) if found.ispkg}


def test_each_adapter_is_drawn() -> None:
    known = {Path("etl_daemon", "adapters", name) for name in folders(adapters)}
    asked_by_one_command = {Path("etl_daemon", "adapters", name) for name in ("cloudformation", "calendars")}
    at_no_port = asked_by_one_command | {Path("etl_daemon/adapters/dbt")}
    for_tests = {Path("etl_daemon/adapters/memory")}
    assert known - rooms(KNOWN["rooms"]) == at_no_port, "a new adapter has its place in docs/diagrams/architecture.py"
    assert known - rooms(KNOWN["system"]) == asked_by_one_command | for_tests


def test_each_layer_is_drawn() -> None:
    layered = {name for layer in architecture.layers() for name in layer}
    assert layered - {"adapters"} == set(architecture.MEANS)
    assert layered - KNOWN["rooms"].titles == set()


def test_steps_batches_and_tables_are_named_as_in_the_code() -> None:
    edges = {text for _, text in KNOWN["system"].arrows if text and text[0].isupper()}
    assert edges == {"BatchPlan", "RawBatch", "CleanBatch", "StagedBatch", "Receipt"}
    assert all(hasattr(model, name) for name in edges)
    assert {"discover", "read", "transform", "stage", "commit"} <= KNOWN["system"].titles & set(pipeline.__all__)
    statements = "".join(path.read_text("utf-8") for path in (ROOT / "etl_daemon" / "core" / "sql").glob("*.py"))
    tables = {text for text in KNOWN["system"].texts if text.startswith("ETL_")}
    assert tables == {"ETL_QUARANTINE", "ETL_OBJECTS"}
    assert all(table in statements for table in tables)


# ---------------------------------------------------------------- ports

DRAWN = [
    (port, folder)
    for row in architecture.ADAPTERS
    for named, those in row.items()
    for port in named.split(", ")
    for folder in those
]


def protocol(name: str) -> type:
    return next(vars(module)[name] for module in (ports, queue, needs, session) if name in vars(module))


def classes(folder: str) -> list[type]:
    package = importlib.import_module(f"etl_daemon.adapters.{folder}")
    names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    modules = [package, *map(importlib.import_module, names)]
    return [
        kind
        for module in modules
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__.startswith(package.__name__) and not getattr(kind, "_is_protocol", False)
    ]


def stands_behind(kind: type, port: type) -> bool:
    """Whether the class has what the port asks for; that types fit is what mypy says."""
    members = {name: member for name, member in vars(port).items() if not name.startswith("_")}
    return all(has(kind, name, member) for name, member in members.items())


def has(kind: type, name: str, asked: object) -> bool:
    if not inspect.isfunction(asked):  # a property may be an attribute of each instance
        return hasattr(kind, name) or re.search(rf"self\.{name}\b", inspect.getsource(kind)) is not None
    given = getattr(kind, name, None)
    return inspect.isfunction(given) and set(inspect.signature(asked).parameters) <= set(
        inspect.signature(given).parameters
    )


def test_adapters_are_drawn_at_the_ports_that_they_stand_behind() -> None:
    found = {
        (port, folder)
        for port in {port for port, _ in DRAWN}
        for folder in folders(adapters)
        if any(stands_behind(kind, protocol(port)) for kind in classes(folder))
    }
    assert found == set(DRAWN)
