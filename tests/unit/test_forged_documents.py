"""Documents that lie in the bucket, as somebody else may have written them: none of it is believed or run."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from etl_daemon.adapters.sql.relation import Column, Relation, Sort, literal
from etl_daemon.core import lease
from etl_daemon.core.overrides import overridden
from etl_daemon.core.upstream.extraction import Part, Span
from etl_daemon.core.web import notes
from etl_daemon.errors import SetupError
from tests.support.rows import PRICES
from tests.unit.test_extractor import ORIGIN, World
from tests.unit.test_lease import RIVAL

DEEP = "[" * 100_000


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


FORGED = {
    "column": "id",
    "cursor": "5",
    "intent": {"span": {"after": "1", "upto": "2"}, "parts": [{"key": "k", "low": 1, "high": 3}], "digest": ""},
}
"""A mark as anybody could write it who may write below ``_etl_daemon/``."""


def forged(**changes: Any) -> str:
    """The mark with other values in the places that the names lead to, steps joined by two underscores."""
    mark = copy.deepcopy(FORGED)
    for name, value in changes.items():
        *steps, last = [int(step) if step.isdigit() else step for step in name.split("__")]
        reduce(lambda place, step: place[step], steps, mark)[last] = value
    return json.dumps(mark)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[",
        "[" * 100_000,
        "\0",
        forged(intent__parts__0__low="0 UNION SELECT passwd FROM pg_shadow --"),
        forged(intent__parts__0__high="9) OR (1=1"),
        forged(intent__parts__0__low=True),
        forged(intent__parts__0__low=1.5),
        forged(intent__parts__0__key=["k"]),
        forged(intent__span__upto=7),
        forged(intent__span={"after": None, "upto": None, "more": 1}),
        forged(intent=7),
        forged(cursor={"a": 1}),
        forged(types={"ID": "INTEGER); DROP TABLE x --"}),
        forged(types=["ID"]),
        forged(extracted_at="2026-01-01T00:00:00"),
        forged(extracted_at="9" * 10_000),
    ],
    ids=lambda text: text[:9],
)
def test_a_forged_mark_becomes_no_sql(world: World, text: str) -> None:
    (world.folder / "mark.json").write_text(text)
    with pytest.raises(SetupError, match="does not say"):
        world.extract()
    assert world.objects() == {}


def test_a_mark_that_is_a_pipe_is_not_waited_for(world: World) -> None:
    os.mkfifo(world.folder / "mark.json")
    with pytest.raises(SetupError, match="does not say"):
        world.extract()


def test_of_a_mark_without_end_only_the_beginning_is_read(world: World) -> None:
    (world.folder / "mark.json").symlink_to("/dev/zero")
    with pytest.raises(SetupError, match="does not say"):
        world.extract()


def test_numbers_of_a_part_are_numbers_in_sql() -> None:
    relation = Relation(replace(ORIGIN, partition_by="id"), Mock(**{"quoted.side_effect": str}))
    hostile = Part("k", low="0 OR 1=1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="OR 1=1"):
        relation.tail([Column("id", "BIGINT", "id", Sort.WHOLE)], Span(), hostile)


@pytest.mark.parametrize(
    ("quote", "expected"), [('"', r"'a\'' OR 1=1 --'"), ("`", r"'a\\'' OR 1=1 --'"), ("[", r"'a\'' OR 1=1 --'")]
)
def test_a_text_ends_where_it_ends(quote: str, expected: str) -> None:
    assert literal("a\\' OR 1=1 --", quote) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("generation", float("inf")),
        ("expires_at", "2026-01-01T00:00:00"),
        ("seconds", float("inf")),
        ("seconds", float("nan")),
        ("seconds", -1),
        ("seconds", 1e300),
        ("pid", DEEP),
    ],
)
def test_a_forged_lease_is_none(name: str, value: object) -> None:
    document = json.loads(lease.to_text(RIVAL))
    for text in (json.dumps({**document, name: value}), DEEP):
        with pytest.raises(SetupError, match="x is no lease document"):
            lease.from_text(text, "x")


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        '{"extracted_at": 7, "last": null, "intent": null}',
        '{"extracted_at": "2026-01-01T00:00:00", "last": null, "intent": null}',
        '{"extracted_at": "", "last": null, "intent": [1]}',
        '{"extracted_at": "", "last": null, "intent": {"keys": "abc", "digests": [], "request": "", "validators": {}}}',
        '{"extracted_at": "", "last": null, "intent": {"keys": [{}], "digests": [], "request": "", "validators": {}}}',
        '{"extracted_at": "", "intent": null, "last": {"keys": [], "digests": [], "request": "", "validators": 7}}',
    ],
    ids=range(7),
)
def test_forged_notes_are_none(text: str) -> None:
    with pytest.raises(SetupError, match="does not say"):
        notes.from_text(text, "x")


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        json.dumps({"price_data": "UPSERT;_X; DROP TABLE T"}),
        json.dumps({"price_data": 'UPSERT;_X" ('}),
        json.dumps({"price_data": "UPSERT; --"}),
        json.dumps({"price_data": "UPSERT'--"}),
        json.dumps({"price_data; DROP TABLE T": "UPSERT"}),
        json.dumps({"price_data": ["UPSERT"]}),
    ],
    ids=lambda text: text[-12:],
)
def test_overrides_lead_to_no_other_statement(text: str) -> None:
    with pytest.raises(ValueError, match=r"It is no JSON|It should be|There is no|The suffix"):
        overridden((PRICES,), text, ())
