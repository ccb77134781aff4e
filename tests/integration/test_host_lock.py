"""The lock that tells a living predecessor from a dead one."""

from __future__ import annotations

import shutil

import pytest

from etl_daemon.adapters.local.lease import HostLock
from etl_daemon.errors import SetupError


def test_one_at_a_time_and_the_next_one_sees_the_same_lock(tmp_path):
    path = tmp_path / "state" / "x.lock"
    first, second = HostLock(path), HostLock(path)
    assert first.identity == ""
    assert first.take()
    assert first.take()
    assert not second.take()
    first.close()
    assert second.take()
    assert second.identity == first.identity != ""
    second.close()


def test_another_file_is_another_lock_even_if_it_is_a_copy(tmp_path):
    first, copy = HostLock(tmp_path / "a.lock"), HostLock(tmp_path / "b.lock")
    assert first.take()
    shutil.copy(tmp_path / "a.lock", tmp_path / "b.lock")
    assert copy.take()
    assert copy.identity != first.identity
    for lock in (first, copy):
        lock.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError) as caught:
        HostLock(tmp_path / "file" / "x.lock").take()
    assert "ETL_STATE_DIR" in caught.value.hint
