"""Members of a JSON array, found without parsing: whatever their strings hold, and however the text is cut."""

from __future__ import annotations

import json

import pytest

from etl_daemon.adapters.decode.splitter import Splitter

MEMBERS = [
    {"a": 'quo"te', "b": "back\\slash\\", "c": "[}],{"},
    {"y_Y": "Y_y\x7f", "n": [1, {"m": [True, None]}]},
    "alone, in a string",
    {},
    [],
    -1.5e3,
    {"long": "x" * 200, "q": '"' * 70, "s": "\\" * 65},
]


def split(text: bytes, size: int) -> tuple[list[object], int]:
    splitter = Splitter(100, members=True)
    lines = b"".join(splitter.lines([text[at : at + size] for at in range(0, len(text), size)]))
    return [json.loads(line) for line in lines.splitlines() if line.strip()], splitter.expected


@pytest.mark.parametrize("size", [1, 2, 7, 63, 64, 65, 128, 10_000])
@pytest.mark.parametrize("indent", [None, 1])
def test_members_are_those_that_a_parser_finds(indent: int | None, size: int) -> None:
    assert split(json.dumps(MEMBERS, indent=indent).encode(), size) == (MEMBERS, len(MEMBERS))


@pytest.mark.parametrize("start", range(60, 70))
def test_a_string_may_begin_anywhere_in_a_word(start: int) -> None:
    member = {"k": "a,b]" * 40}
    text = b"[" + b" " * start + json.dumps([member, member]).encode()[1:]
    assert split(text, 10_000) == ([member, member], 2)
