"""What only a folder can hold: links, names that are no text, files in the making."""

from __future__ import annotations

import os
import resource
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

import pytest

from etl_daemon.adapters.local.source import LocalSource
from etl_daemon.adapters.local.walk import Span
from etl_daemon.core.model import ObjectRef
from etl_daemon.errors import ObjectChangedError, SetupError, TransientError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def keys(root: Path, bucket: str = "", prefix: str = "") -> list[str]:
    return [ref.key for ref in LocalSource(root).list(bucket, prefix)]


def only(root: Path) -> ObjectRef:
    (ref,) = LocalSource(root).list("", "")
    return ref


def test_hidden_and_unfinished_files_are_left_out(root: Path) -> None:
    for name in (".hidden", "a.tmp", "b.part", "c.crdownload", "d.csv"):
        (root / name).write_bytes(b"x")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_bytes(b"x")
    assert keys(root) == ["d.csv"]


def test_a_bucket_is_the_folder_of_its_name_or_else_the_root(root: Path) -> None:
    (root / "market").mkdir()
    (root / "market" / "a").write_bytes(b"inner")
    assert keys(root, "market") == ["a"]
    assert keys(root, "other") == ["market/a"]
    assert keys(root, "..") == ["market/a"]
    (ref,) = LocalSource(root).list("market", "")
    assert bytes(LocalSource(root).fetch(ref)) == b"inner"


def test_links_are_followed_within_the_root_only(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"x")
    (root / "data").mkdir()
    (root / "data" / "a").write_bytes(b"inner")
    (root / "data" / "loop").symlink_to(root)
    (root / "again").symlink_to(root / "data")
    (root / "file").symlink_to(root / "data" / "a")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "leak").symlink_to(tmp_path / "outside" / "secret")
    (root / "dangling").symlink_to(root / "nowhere")
    assert keys(root) == ["again/a", "data/a", "file"]


@pytest.mark.parametrize("key", ["../outside", "out", "/etc/hostname", "a/../../outside"])
def test_nothing_outside_the_root_is_fetched(root: Path, tmp_path: Path, key: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    (root / "out").symlink_to(outside)
    stat = outside.stat()
    ref = ObjectRef(datetime.now(UTC), key, f"{stat.st_size}-{stat.st_mtime_ns}", size=1)
    with pytest.raises(ObjectChangedError):
        LocalSource(root).fetch(ref)


def test_a_bucket_that_is_a_link_out_of_the_root_is_none(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"x")
    (root / "market").symlink_to(tmp_path / "outside")
    assert keys(root, "market") == []


def test_a_folder_that_became_a_link_just_before_it_was_opened_leads_nowhere(root: Path, tmp_path: Path) -> None:
    """Whoever may write in the folder may make two files alike, and put one in the place of the other meanwhile."""
    for folder in (root / "a", tmp_path / "outside"):
        folder.mkdir()
        (folder / "b").write_bytes(b"x")
        os.utime(folder / "b", ns=(10**18, 10**18))
    ref = only(root)
    source = LocalSource(root)
    assert bytes(source.fetch(ref)) == b"x"
    with FileIO(tmp_path / "outside/b") as swapped, pytest.raises(ObjectChangedError, match="leads out of the folder"):
        source._read(ref, swapped)


def test_a_hard_link_is_a_file_like_any_other(root: Path, tmp_path: Path) -> None:
    """It cannot be told apart; the kernel lets nobody link what is not theirs (fs.protected_hardlinks)."""
    (tmp_path / "other").write_bytes(b"x")
    (root / "linked").hardlink_to(tmp_path / "other")
    assert keys(root) == ["linked"]


def test_a_name_with_line_ends_and_escapes_is_a_key_like_any_other(root: Path) -> None:
    name = "a\nb\r\x1b[31m\t'\"; DROP TABLE x --.csv"
    (root / name).write_bytes(b"x")
    ref = only(root)
    assert ref.key == name
    assert bytes(LocalSource(root).fetch(ref)) == b"x"


def test_a_name_that_is_no_text_has_its_stray_bytes_written_out(root: Path) -> None:
    folder = os.fsencode(root) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102 - a Path holds no bytes
    Path(os.fsdecode(folder + b"/\xff.csv")).write_bytes(b"x")
    ref = only(root)
    assert ref.key == r"caf\xe9/\xff.csv"
    assert ref.key.encode("utf-8")
    assert bytes(LocalSource(root).fetch(ref)) == b"x"
    assert keys(root, prefix=r"caf\xe9/") == [ref.key]


def test_only_the_folders_a_prefix_needs_are_read(root: Path) -> None:
    for folder in ("a/b/", "a/c/", "ab/"):
        (root / folder).mkdir(parents=True)
    span = Span("a/b/x", "")
    assert [folder for folder in ("a/", "a/b/", "a/c/", "ab/") if span.touches(folder)] == ["a/", "a/b/"]
    after = Span("", "b/c/x")
    assert [folder for folder in ("a/", "b/", "b/a/", "b/c/", "b/d/", "c/") if after.touches(folder)] == [
        "b/",
        "b/c/",
        "b/d/",
        "c/",
    ]


def test_the_time_is_the_files_own_in_whole_microseconds(root: Path) -> None:
    (root / "a").write_bytes(b"x")
    os.utime(root / "a", ns=(0, 1_700_000_000_123_456_789))
    assert only(root).modified == datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    assert only(root).version == "1-1700000000123456789"


def test_a_file_that_grows_while_it_is_read_is_not_handed_out(root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"x" * 100)
    ref = only(root)
    source = LocalSource(root, spool_from_bytes=1)
    path.write_bytes(b"x" * 200)
    os.utime(path, ns=(0, int(ref.version.partition("-")[2])))  # even under the old time
    with pytest.raises(ObjectChangedError):
        source.fetch(ref)


def test_a_file_rewritten_in_its_length_while_it_is_read_is_not_handed_out(root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"x" * 100)
    ref = only(root)

    class Raced(FileIO):
        def read(self, size: int = -1, /) -> bytes:
            taken = super().read(size)
            path.write_bytes(b"y" * 100)
            os.utime(path, ns=(0, 1))
            return taken

    with Raced(path) as file, pytest.raises(ObjectChangedError):
        LocalSource(root)._read(ref, file)


def test_a_file_that_is_another_version_is_not_even_read(root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"x" * 100)

    class Unread(FileIO):
        def read(self, size: int = -1, /) -> bytes:
            raise AssertionError(size)

    stale = ObjectRef(datetime.now(UTC), "a", "100-1", size=100)
    with Unread(path) as file, pytest.raises(ObjectChangedError):
        LocalSource(root)._read(stale, file)


def test_a_body_shorter_than_listed_is_not_handed_out(root: Path) -> None:
    (root / "a").write_bytes(b"x" * 100)

    class Short(FileIO):
        def read(self, size: int = -1, /) -> bytes:
            return super().read(size)[:99]

    with Short(root / "a") as file, pytest.raises(ObjectChangedError):
        LocalSource(root)._read(only(root), file)


def test_a_large_body_outlives_what_its_writer_does_next(root: Path) -> None:
    path = root / "a"
    path.write_bytes(b"x" * 100_000)
    body = LocalSource(root, spool_from_bytes=1000).fetch(only(root))
    path.write_bytes(b"")
    assert body == b"x" * 100_000


def test_a_pipe_is_no_object_and_never_waited_for(root: Path) -> None:
    (root / "a").write_bytes(b"x")
    ref = only(root)
    (root / "a").unlink()
    os.mkfifo(root / "a")
    assert keys(root) == []
    with pytest.raises(ObjectChangedError):
        LocalSource(root).fetch(ref)


def test_a_missing_folder_is_a_matter_of_setup(root: Path) -> None:
    gone = root / "gone"
    with pytest.raises(SetupError, match=f"mkdir -p {gone}"):
        keys(gone)


def test_a_disk_that_takes_no_more_is_a_passing_matter(root: Path) -> None:
    (root / "a").write_bytes(b"x" * 100_000)
    ref = only(root)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(TransientError, match="Free space in"):
            LocalSource(root, spool_from_bytes=1).fetch(ref)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_files_that_come_and_go_do_not_stop_a_listing(root: Path) -> None:
    for number in range(200):
        (root / f"{number:03d}").mkdir()
        (root / f"{number:03d}" / "a").write_bytes(b"x")
    listing = LocalSource(root).list("", "")
    assert next(listing).key == "000/a"
    for number in range(100, 200):
        (root / f"{number:03d}" / "a").unlink()
        (root / f"{number:03d}").rmdir()
    assert [ref.key for ref in listing] == [f"{number:03d}/a" for number in range(1, 100)]
