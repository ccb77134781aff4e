"""Documents hang together: each is found from the index, links lead somewhere, commands are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from etl_daemon.cli.app import app
from etl_daemon.config import Settings
from etl_daemon.core.sql.tables import CONTROL_TABLES

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "deploy/**/*.md", "scripts/*.md", "systemd/*.md")
    for path in ROOT.glob(pattern)
    if not path.name.startswith("CHANGELOG")
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
INDEX = ROOT / "docs" / "README.md"
CLI = get_command(app)
CALLED = re.compile(r"(?:^|[\s/])(?:etl-daemon|etl-pipeline)\s+(?=[a-z])(?!ended )")  # a message says that it ended


def links(path: Path) -> list[str]:
    """What the document links to, within the repository."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


def anchors(path: Path) -> set[str]:
    """The names of its headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(path: Path) -> list[tuple[str, bool]]:
    """Calls of the command line, and whether each stands by itself on a line, to be typed as it is."""
    text = path.read_text("utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^ *```(?:sh)?\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    prose = re.sub(r"^ *```.*?```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines += re.findall(r"^ {4,}(.*)$", prose, re.MULTILINE)
    typed = [(line, True) for line in lines if CALLED.search(f" {line}")]
    inline = [(" ".join(part.split()), False) for part in re.findall(r"`([^`]+)`", prose)]
    return typed + [(part, False) for part, _ in inline if CALLED.match(part)]


def words_of(line: str) -> list[str]:
    """The words behind the program's name, up to a comment, a pipe or what ends a command."""
    rest = CALLED.split(f" {line}", maxsplit=1)[1]
    lexer = shlex.shlex(rest, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= set("|&;<>"):
            break
        words.append(word)
    return words


def understood(words: list[str], *, whole: bool) -> None:
    """Raises what the parser says of a call that it does not take; where it is only named, things may be left out."""
    command, name = CLI, "etl-daemon"
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        name, *words = words
        assert name in command.commands, f"there is no word {name}"
        command = command.commands[name]
    if isinstance(command, TyperGroup) or (not whole and not words):
        return
    try:
        command.make_context(name, list(words))
    except typer.BadParameter as error:
        if whole or type(error).__name__ != "MissingParameter":
            raise


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    wrong = []
    for link in links(path):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_commands_are_understood(name: str) -> None:
    for line, whole in commands(ROOT / name):
        if "..." in line and whole:
            continue
        try:
            understood(words_of(line), whole=whole)
        except (TyperException, AssertionError, ValueError) as error:
            pytest.fail(f"{name}: {line}: {error}")


def test_commands_that_are_wrong_are_found() -> None:
    with pytest.raises(TyperException):
        understood(["once", "--hours", "3"], whole=False)
    with pytest.raises(TyperException):
        understood(["backfill", "--dataset", "price_data"], whole=True)
    assert words_of("sudo etl-daemon once --dataset a | tee log # now") == ["once", "--dataset", "a"]


def test_every_document_is_in_the_index() -> None:
    linked = {(INDEX.parent / link.partition("#")[0]).resolve() for link in links(INDEX)}
    documents = {path for path in (ROOT / "docs").glob("*.md") if path != INDEX}
    guides = set((ROOT / "deploy").glob("*/README.md"))
    assert sorted(str(path.relative_to(ROOT)) for path in (documents | guides) - linked) == []


SETTINGS = {name.upper(): field for name, field in Settings.model_fields.items()}
PREFIXES = (
    "ETL",
    "SNOWFLAKE",
    "ALERT",
    "SMTP",
    "LOG",
    "MONITOR",
    "MODELS",
    "SPARK",
    "MAX",
    "MIN",
    "MEMORY",
    "CPU",
    "S3",
    "SYMBOL",
)
NO_SETTINGS = re.compile(r"ETL_(CONFIG_FILE|REQUIRE_SERVICES|CONTROL|MERGES|DAEMON(_(?!NAME$)\w+)?)|SNOWFLAKE_WIF_\w+")
"""The environment's own names, schemas and tables, and objects of an account of Snowflake."""


@pytest.mark.parametrize("name", NAMES)
def test_settings_that_are_named_are_there_and_have_the_defaults_that_are_told(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    named = set(re.findall(rf"\b(?:{'|'.join(PREFIXES)})_[A-Z0-9_]*[A-Z0-9]\b", text))
    strange = {each for each in named - set(SETTINGS) - set(CONTROL_TABLES) if not NO_SETTINGS.fullmatch(each)}
    assert strange == set()
    told = re.findall(r"`([A-Z][A-Z0-9_]+)` \(([\d,.]*\d)[),;]", text)
    numbers = [(each, value) for each, value in told if each in SETTINGS]
    assert [each for each, value in numbers if float(value.replace(",", "")) != float(SETTINGS[each].default)] == []
