"""Every command can be read by programs, and its help shows what to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from etl_daemon.cli.app import app
from etl_daemon.cli.examples import EXAMPLES

FOR_PEOPLE = {
    "demo": "a tour, for people to read",
    "run": "it does not end; what it writes is its log, JSON lines already",
}
"""Commands without --json, and why."""


def commands(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        words = (*before, name)
        if hasattr(command, "commands"):
            yield from commands(command, words)
        else:
            yield " ".join(words), command


COMMANDS = dict(commands(get_command(app)))


def test_every_command_has_json_but_those_for_people() -> None:
    assert len(COMMANDS) > 20
    without = {name for name, each in COMMANDS.items() if not any("--json" in part.opts for part in each.params)}
    assert without == set(FOR_PEOPLE)


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize(("words", "line"), [(words, line) for words, lines in EXAMPLES.items() for line in lines])
def test_an_example_is_of_its_command_and_parses(words: str, line: str) -> None:
    (typed,) = re.findall(r"\b(etl-daemon .*?)(?: [|>] .*)?$", line)
    given = shlex.split(typed)[1:]
    expected = words.split()
    assert given[: len(expected)] == expected
    COMMANDS[words].make_context(words, given[len(expected) :])


@pytest.mark.parametrize("words", COMMANDS)
def test_help_shows_the_examples_as_they_are_typed(words: str) -> None:
    told = CliRunner().invoke(app, [*words.split(), "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert told.exit_code == 0
    lines = [line.strip() for line in told.output.splitlines()]
    assert [line for line in ("Examples:", *EXAMPLES[words]) if line not in lines] == []
