"""How far an extraction from an API has come: what is due, and under which keys responses go."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from etl_daemon.core.datasets import Raw
from etl_daemon.core.web.endpoint import Validators
from etl_daemon.core.web.notes import RUN, Notes, Taken, answered, digest, from_text, keys_of, to_text
from etl_daemon.errors import SetupError
from tests.support.tables import APPENDED

NOW = datetime(2026, 1, 5, 12, 30, 15, 42, tzinfo=UTC)
TAKEN = Taken(("data/x/1.json",), ("d1",), "r1", Validators(etag='"e"'))


def test_a_run_is_the_same_if_it_was_asked_the_same_and_answered_the_same():
    assert TAKEN.same(["d1"], b"r1".decode())  # as it is where it was read from a document
    assert not TAKEN.same(["d1"], "r2")
    assert not TAKEN.same(["d2"], "r1")
    assert not TAKEN.same(["d1", "d1"], "r1")


@pytest.mark.parametrize(("after", "due"), [(0, False), (59, False), (60, True), (3600, True)])
def test_it_is_time_again_after_the_interval(after, due):
    notes = Notes(NOW.isoformat(), TAKEN)
    assert notes.due(60, NOW + timedelta(seconds=after)) is due


def test_it_is_time_where_nothing_was_extracted_or_a_run_was_cut_short():
    assert Notes().due(60, NOW)
    assert Notes(NOW.isoformat(), TAKEN, TAKEN).due(60, NOW)


def test_once_it_is_in_the_bucket_the_intent_is_the_last_run():
    assert Notes(intent=TAKEN).settled(NOW) == Notes("2026-01-05T12:30:15+00:00", TAKEN)


def test_pages_of_a_run_have_numbers_that_sort():
    assert keys_of("data/x/", NOW, 1) == ("data/x/2026-01-05/20260105T123015000042Z.json",)
    assert [key[-10:] for key in keys_of("data/x/", NOW, 2)] == ["-p001.json", "-p002.json"]
    many = keys_of("data/x/", NOW, 1000)
    assert (many[0][-11:], many[-1][-11:]) == ("-p0001.json", "-p1000.json")
    assert list(many) == sorted(many)
    runs = {re.search(RUN, key)[1] for key in (*many, *keys_of("data/x/", NOW, 1))}
    assert runs == {"20260105T123015000042Z"}


def test_the_pages_of_a_run_are_one_delivery():
    given = replace(APPENDED, records_path="rows")
    assert (answered(given).snapshot_group, answered(given).records_path) == (RUN, "rows")
    whole = replace(given, raw=Raw.DOCUMENT)
    assert answered(whole).records_path is None


def test_notes_come_back_from_their_text():
    for notes in (Notes(), Notes(NOW.isoformat(), TAKEN, replace(TAKEN, request="r2"))):
        assert from_text(to_text(notes), "x") == notes


@pytest.mark.parametrize(
    "change",
    [
        {"extracted_at": 5},
        {"extracted_at": "yesterday"},
        {"last": []},
        {"last": {"keys": "k", "digests": [], "request": "", "validators": {}}},
        {"last": {"keys": [1], "digests": [], "request": "", "validators": {}}},
        {"intent": {"keys": [], "digests": [], "request": 1, "validators": {}}},
        {"intent": {"keys": [], "digests": [], "request": "", "validators": {"etag": 1}}},
        {"intent": {"keys": []}},
    ],
)
def test_other_texts_are_no_notes(change):
    text = json.dumps({**json.loads(to_text(Notes())), **change})
    with pytest.raises(SetupError, match="bucket/notes does not say") as raised:
        from_text(text, "bucket/notes")
    assert raised.value.hint


def test_equal_responses_have_equal_hashes():
    assert digest(b"a") == digest(b"a") != digest(b"b")
    assert len(digest(b"")) == 64
