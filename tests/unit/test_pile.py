"""Which messages wait for what, and when they are done."""

from __future__ import annotations

import pytest

from etl_daemon.core.messages import Message
from etl_daemon.inbox import pile as module
from etl_daemon.inbox.pile import Pile


def message(name: str, handle: str = "h") -> Message:
    return Message(name, handle, "")


A, B = ("p", "a"), ("p", "b")


def test_a_message_is_done_when_all_that_it_names_is():
    pile = Pile()
    assert pile.add(message("1"), {A: "", B: "", ("q", "a"): ""})
    assert pile.take() == {"p": {"a", "b"}, "q": {"a"}}
    assert pile.settle("p", {"a", "b"}) == []
    assert pile.take() == {"q": {"a"}}
    assert pile.settle("q", {"a", "x"}) == [message("1")]
    assert len(pile) == 0


def test_a_message_that_names_nothing_waits_for_nothing():
    pile = Pile()
    assert not pile.add(message("1"), {})
    assert len(pile) == 0


def test_a_key_settled_settles_every_message_that_was_taken_but_none_that_came_later():
    pile = Pile()
    for name in "12":
        pile.add(message(name), {A: ""})
    pile.take()
    pile.add(message("3"), {A: ""})  # written again while the object is being loaded
    assert pile.settle("p", {"a"}) == [message("1"), message("2")]
    assert pile.take() == {"p": {"a"}}


def test_a_message_that_comes_again_is_deleted_by_its_latest_handle():
    pile = Pile()
    pile.add(message("1", "old"), {A: ""})
    pile.take()
    pile.add(message("1", "new"), {A: ""})
    assert pile.settle("p", {"a"}) == [message("1", "new")]


def test_what_was_settled_later_needs_no_second_look():
    pile = Pile()
    pile.add(message("1"), {A: "05"})
    pile.take()
    pile.settle("p", {"a"})
    assert not pile.add(message("2"), {A: "04"}), "an earlier write, told late"
    assert not pile.add(message("3"), {A: "050"}), "the same write, told again"
    assert pile.add(message("4"), {A: "051"})
    assert pile.add(message("5"), {A: ""}), "nobody knows when"
    assert pile.add(message("6"), {("q", "a"): "04"}), "another dataset"


def test_only_so_many_keys_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "REMEMBERED", 2)
    pile = Pile()
    for key in "abac":
        pile.add(message(key), {("p", key): f"{len(pile._settled) + 5:02}"})
        pile.take()
        pile.settle("p", {key})
    assert sorted(key for _, key in pile._settled) == ["a", "c"]


def test_extended_is_what_stays_from_one_beat_to_the_next():
    pile = Pile()
    pile.add(message("1"), {A: ""})
    assert pile.due() == []
    pile.add(message("2"), {B: ""})
    assert pile.due() == [message("1")]
    assert pile.due() == [message("1"), message("2")]


def test_letting_go_forgets_what_was_settled():
    pile = Pile()
    pile.add(message("1"), {A: "05"})
    pile.take()
    pile.settle("p", {"a"})
    pile.add(message("2"), {B: "01"})
    assert pile.clear() == [message("2")]
    assert pile.add(message("3"), {A: "05"}), "another process may have changed the ledger"
