"""The faults that tests ask of the source in memory."""

from __future__ import annotations

import pytest

from etl_daemon.adapters.memory.source import MemorySource
from etl_daemon.errors import TransientError


def test_faults_are_used_up_call_by_call() -> None:
    source = MemorySource()
    ref = source.put("a", b"x")
    source.fetch_faults.extend([TransientError("first"), None, TransientError("third")])
    with pytest.raises(TransientError, match="first"):
        source.fetch(ref)
    assert bytes(source.fetch(ref)) == b"x"
    with pytest.raises(TransientError, match="third"):
        source.fetch(ref)
    assert bytes(source.fetch(ref)) == b"x"
    assert source.fetched == ["a"] * 4


def test_a_listing_fails_as_often_as_asked() -> None:
    source = MemorySource()
    source.put("a", b"x")
    source.list_faults.append(TransientError("down"))
    with pytest.raises(TransientError, match="down"):
        list(source.list("", ""))
    assert [ref.key for ref in source.list("", "")] == ["a"]


def test_buckets_are_kept_apart() -> None:
    source = MemorySource()
    source.put("a", b"x", bucket="one")
    source.put("b", b"x", bucket="two")
    assert [ref.key for ref in source.list("one", "")] == ["a"]
    assert [ref.key for ref in source.list("two", "")] == ["b"]
