"""The state file: shared by processes, bounded, private, and made anew where it cannot be read."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl_daemon.adapters.sqlite.file import NAME, StateFile, Table
from etl_daemon.core.events import Event, StateRebuilt
from etl_daemon.errors import SetupError, TransientError

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOTES = Table("NOTES", "WORD TEXT NOT NULL", keep_seconds=3600, most=5)
OTHERS = Table("OTHERS", "NAME TEXT PRIMARY KEY, SENT INTEGER NOT NULL", keep_seconds=3600, most=5)


def note(word: str, at: datetime = NOW) -> Callable[[sqlite3.Connection], object]:
    return lambda db: db.execute("INSERT INTO NOTES VALUES (?, ?)", (at.timestamp(), word))


def words(file: StateFile) -> list[str]:
    return file.read(lambda db: [word for (word,) in db.execute("SELECT WORD FROM NOTES ORDER BY AT, ROWID")])


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def notes(tmp_path: Path, told: list[Event]) -> StateFile:
    return StateFile(tmp_path / "state", [NOTES], told.append)


def test_reading_what_was_never_written_finds_nothing_and_makes_nothing(notes: StateFile) -> None:
    assert words(notes) == []
    assert not notes.path.parent.exists()


def test_what_is_written_is_there_for_another_process_and_nobody_else(notes: StateFile, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        notes.write(note("hello"), NOW)
    finally:
        os.umask(before)
    assert words(StateFile(tmp_path / "state", [NOTES])) == ["hello"]
    assert stat.S_IMODE(notes.path.stat().st_mode) == 0o600


def test_owners_add_tables_to_the_same_file(notes: StateFile, tmp_path: Path, told: list[Event]) -> None:
    others = StateFile(tmp_path / "state", [OTHERS])
    notes.write(note("hello"), NOW)
    upsert = "INSERT INTO OTHERS VALUES (?, 'disk', 1) ON CONFLICT (NAME) DO UPDATE SET SENT = SENT + 1"
    others.write(lambda db: db.execute(upsert, (NOW.timestamp(),)), NOW)
    others.write(lambda db: db.execute(upsert, (NOW.timestamp(),)), NOW)
    assert others.read(lambda db: db.execute("SELECT NAME, SENT FROM OTHERS").fetchall()) == [("disk", 2)]
    assert words(notes) == ["hello"]
    assert told == []


def test_rows_too_old_or_too_many_go(notes: StateFile) -> None:
    notes.write(note("old", NOW - timedelta(seconds=3601)), NOW - timedelta(hours=1))
    notes.write(note("just in time", NOW - timedelta(seconds=3600)), NOW)
    assert words(notes) == ["just in time"]
    for number in range(7):
        notes.write(note(str(number), NOW + timedelta(seconds=number)), NOW)
    assert words(notes) == ["2", "3", "4", "5", "6"]


def test_a_transaction_that_fails_leaves_nothing_behind(notes: StateFile) -> None:
    def fail(db: sqlite3.Connection) -> None:
        note("half")(db)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        notes.write(fail, NOW)
    assert words(notes) == []


def of_another_version(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def of_somebody_else(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE NOTES (PLANET TEXT)")
    db.close()


def damaged_within(path: Path) -> None:
    """Its header is whole, so that only the first query finds out."""
    with path.open("r+b") as raw:
        raw.seek(100)
        raw.write(b"\xff" * (path.stat().st_size - 100))


@pytest.mark.parametrize(
    "spoil",
    [of_another_version, of_somebody_else, damaged_within, lambda path: path.write_bytes(b"no database at all" * 99)],
)
@pytest.mark.parametrize("first", ["write", "read"])
def test_a_file_that_is_unfit_is_set_aside(
    notes: StateFile, told: list[Event], spoil: Callable[[Path], None], first: str
) -> None:
    notes.write(note("before"), NOW)
    spoil(notes.path)
    if first == "read":
        assert words(notes) == []
    notes.write(note("after"), NOW)
    assert words(notes) == ["after"]
    assert [type(event) for event in told] == [StateRebuilt]
    assert notes.path.with_name(f"{NAME}.damaged").exists()
    assert stat.S_IMODE(notes.path.stat().st_mode) == 0o600


def test_a_file_that_another_process_has_mended_is_left_alone(tmp_path: Path, told: list[Event]) -> None:
    """Both find it damaged; the slower one must not set the new one aside."""
    ours, theirs = (StateFile(tmp_path, [NOTES], told.append) for _ in range(2))
    ours.write(note("before"), NOW)
    damaged = tmp_path / "damaged"

    def slowly(db: sqlite3.Connection) -> None:
        if not damaged.exists():
            ours.path.rename(damaged)
            theirs.write(note("theirs"), NOW)
            damaged.write_bytes(b"no database at all" * 99)
            sqlite3.connect(damaged).execute("SELECT * FROM NOTES")
        note("ours")(db)

    ours.write(slowly, NOW)
    assert words(ours) == ["theirs", "ours"]
    assert told == []


def test_a_file_that_was_taken_away_is_made_again(notes: StateFile, told: list[Event]) -> None:
    notes.write(note("before"), NOW)
    notes.path.unlink()
    notes.write(note("after"), NOW)
    assert words(notes) == ["after"]
    assert told == []


PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from etl_daemon.adapters.sqlite.file import StateFile, Table

notes = StateFile(Path(sys.argv[1]), [Table("NOTES", "WORD TEXT NOT NULL", 3600, 10_000)], lambda event: print(event))
print("ready", flush=True)
sys.stdin.readline()
for number in range(50):
    now = datetime.now(UTC)
    notes.write(lambda db: db.execute("INSERT INTO NOTES VALUES (?, ?)", (now.timestamp(), sys.argv[2])), now)
"""


@pytest.mark.parametrize("spoiled", [False, True])
def test_processes_make_mend_and_write_it_at_the_same_time(tmp_path: Path, *, spoiled: bool) -> None:
    if spoiled:
        (tmp_path / NAME).write_bytes(b"no database at all" * 99)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    with ThreadPoolExecutor(4) as pool:
        said = [text for text, _ in pool.map(lambda writer: writer.communicate("go\n", timeout=60), writers)]
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    assert "".join(said).count("StateRebuilt") == int(spoiled), "it is set aside once, by one of them"
    found = StateFile(tmp_path, [NOTES]).read(
        lambda db: db.execute("SELECT WORD, COUNT(*) FROM NOTES GROUP BY WORD ORDER BY WORD").fetchall()
    )
    assert found == [("0", 50), ("1", 50), ("2", 50), ("3", 50)]


def test_what_another_process_holds_for_too_long_is_told(tmp_path: Path) -> None:
    notes = StateFile(tmp_path, [NOTES], busy_seconds=0.1)
    notes.write(note("before"), NOW)
    holder = sqlite3.connect(notes.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(TransientError, match="locked") as caught:
        notes.write(note("after"), NOW)
    assert "fuser" in caught.value.hint
    assert words(notes) == ["before"], "readers are not held up"
    holder.close()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="Writing") as caught:
        StateFile(tmp_path / "file" / "state", [NOTES]).write(note("hello"), NOW)
    assert "ETL_STATE_DIR" in caught.value.hint
    (tmp_path / NAME).mkdir()
    with pytest.raises(SetupError, match="unable to open"):
        StateFile(tmp_path, [NOTES]).write(note("hello"), NOW)
