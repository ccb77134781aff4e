"""Decisions about the lease, as values."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etl_daemon.core.lease import (
    Verdict,
    Watch,
    from_text,
    generation_above,
    judge,
    taken,
    to_text,
    watched,
)
from etl_daemon.core.model import Cursor
from etl_daemon.errors import SetupError
from tests.support.leases import NOW, claim, document

RIVAL = document("b", 4, "n", host="there", lock="l")


@pytest.mark.parametrize(
    ("lease", "me", "watch", "now", "verdict"),
    [
        (None, claim(), None, 0, Verdict.FREE),
        (replace(RIVAL, claim=replace(RIVAL.claim, seconds=0)), claim(), None, 0, Verdict.RELEASED),
        (RIVAL, claim("b"), None, 0, Verdict.MINE),
        (RIVAL, claim(host="there", lock="l"), None, 0, Verdict.DEAD),
        (RIVAL, claim(host="here", lock="l"), None, 0, Verdict.HELD),
        (RIVAL, claim(host="there", lock="another"), None, 0, Verdict.HELD),
        (RIVAL, claim(), Watch("n", 100.0), 110.0, Verdict.HELD),
        (RIVAL, claim(), Watch("n", 100.0), 110.1, Verdict.EXPIRED),
        (RIVAL, claim(), Watch("n", 100.0, moved=True), 109.0, Verdict.ALIVE),
        (RIVAL, claim(), Watch("n", 100.0, moved=True), 110.1, Verdict.EXPIRED),
        (RIVAL, claim(), Watch("older", 100.0), 200.0, Verdict.HELD),
        (replace(RIVAL, claim=replace(RIVAL.claim, lock="")), claim(host="there"), None, 0, Verdict.HELD),
    ],
)
def test_when_a_lease_may_be_taken(lease, me, watch, now, verdict):
    assert judge(lease, me, watch, now) is verdict
    assert verdict.takes is (verdict not in {Verdict.HELD, Verdict.ALIVE})


def test_the_lease_that_is_in_the_way_says_how_long_it_lasts():
    longer = replace(RIVAL, claim=replace(RIVAL.claim, seconds=60))
    assert judge(longer, claim(seconds=1), Watch("n", 0.0), 59.0) is Verdict.HELD


def test_a_watch_begins_anew_with_every_document():
    first = watched(None, RIVAL, 5.0)
    assert first == Watch("n", 5.0, moved=False)
    assert watched(first, RIVAL, 9.0) == first
    assert watched(first, replace(RIVAL, nonce="m"), 9.0) == Watch("m", 9.0, moved=True)


def test_a_new_holder_begins_a_new_generation_and_the_same_one_goes_on():
    assert taken(None, claim(), NOW, "x").generation == 1
    assert taken(RIVAL, claim("a"), NOW, "x").generation == 5
    renewed = taken(RIVAL, claim("b"), NOW, "x")
    assert (renewed.generation, renewed.nonce) == (4, "x")
    assert renewed.expires_at == NOW + timedelta(seconds=10)


@pytest.mark.parametrize(
    ("cursors", "generation"),
    [
        ([], 3),
        ([Cursor(generation=2, holder="b")], 3),
        ([Cursor(generation=3, holder="a")], 3),
        ([Cursor(generation=3, holder="b")], 4),
        ([Cursor(generation=9, holder="a"), Cursor(generation=3, holder="a")], 10),
        ([Cursor(generation=9, holder="b"), Cursor(generation=12, holder="c")], 13),
    ],
)
def test_the_generation_is_above_every_cursor_of_another(cursors, generation):
    assert generation_above(iter(cursors), 3, "a") == generation


def test_a_document_survives_its_text():
    text = to_text(RIVAL)
    assert from_text(text, "somewhere") == RIVAL
    assert '"generation": 4' in text


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", to_text(RIVAL).replace("4", '"four"'), "\ufffd"])
def test_anything_else_is_no_document(text):
    with pytest.raises(SetupError, match="somewhere is no lease document") as caught:
        from_text(text, "somewhere")
    assert "ETL_LEASE_URL" in caught.value.hint


def test_a_holder_counts_itself_out_before_others_do():
    assert claim().renewal_seconds * 2 < claim().safe_seconds < claim().seconds
