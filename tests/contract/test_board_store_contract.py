"""What stands on the board is kept as it is, changed as one act, and shared."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl_daemon.adapters.memory.alerts import MemoryBoardStore
from etl_daemon.adapters.sqlite.alerts import TABLES, SqliteBoardStore
from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.core.alerting.alert import Alert, Severity, State
from etl_daemon.core.alerting.board import Board, Standing, Told
from etl_daemon.core.alerting.spikes import Usual
from etl_daemon.errors import SetupError
from etl_daemon.ports import BoardStore

NOW = datetime(2026, 3, 2, 12, 0, 0, 123_457, tzinfo=UTC)
ALERT = Alert("dataset_failing:é", Severity.CRITICAL, State.FIRING, 'It\'s "é".', "a\nb", "", NOW - timedelta(days=1))
FULL = Board(
    {
        ALERT.key: Standing(ALERT, NOW),
        "monitor:disk": Standing(
            replace(ALERT, key="monitor:disk"),
            NOW - timedelta(hours=3),
            Told(NOW - timedelta(minutes=7), Severity.WARNING, 3),
            NOW,
        ),
    },
    (NOW - timedelta(minutes=50), NOW - timedelta(minutes=7), NOW - timedelta(minutes=7)),
    {"p": Usual(0.1 + 0.2, 17)},
)


@pytest.fixture(params=["memory", "sqlite"])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], BoardStore]:
    """The store as a further process sees it."""
    shared = MemoryBoardStore()
    return lambda: shared if request.param == "memory" else SqliteBoardStore(StateFile(tmp_path / "state", TABLES), "d")


def put(store: BoardStore, board: Board) -> None:
    store.update(lambda _: (board, None), NOW)


def read(store: BoardStore) -> Board:
    return store.update(lambda board: (board, board), NOW)


def test_at_first_it_is_empty(another: Callable[[], BoardStore]) -> None:
    assert read(another()) == Board()


def test_what_is_put_there_is_found_there(another: Callable[[], BoardStore]) -> None:
    put(another(), FULL)
    assert read(another()) == FULL
    fewer = Board({ALERT.key: replace(FULL.standing[ALERT.key], told=Told(NOW, Severity.CRITICAL))}, (NOW,), FULL.usual)
    put(another(), fewer)
    assert read(another()) == fewer


def test_what_the_change_makes_is_given_back(another: Callable[[], BoardStore]) -> None:
    assert another().update(lambda board: (FULL, len(board.standing)), NOW) == 0
    assert another().update(lambda board: (board, len(board.standing)), NOW) == 2


def test_changes_of_many_do_not_get_lost(another: Callable[[], BoardStore]) -> None:
    def count(store: BoardStore) -> None:
        def change(board: Board) -> tuple[Board, None]:
            before = board.usual.get("p", Usual())
            return replace(board, usual={"p": Usual(0.5, before.batches + 1)}), None

        for _ in range(10):
            store.update(change, NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, [another() for _ in range(4)]))
    assert read(another()).usual["p"] == Usual(0.5, 40)


def test_a_change_that_fails_changes_nothing(another: Callable[[], BoardStore]) -> None:
    put(another(), FULL)

    def fail(_board: Board) -> tuple[Board, None]:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - ours, from above
        another().update(fail, NOW)
    assert read(another()) == FULL


# ---------------------------------------------------------------- the state file alone


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    read(SqliteBoardStore(StateFile(tmp_path / "state", TABLES), "d"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_found_for_a_month_is_forgotten(tmp_path: Path) -> None:
    store = SqliteBoardStore(StateFile(tmp_path, TABLES), "d")
    put(store, FULL)
    later = NOW + timedelta(days=30, seconds=-1)
    store.update(lambda board: (replace(board, sent=(later,)), None), later)
    assert list(read(store).standing) == [ALERT.key], "the other was seen three hours earlier"


def test_daemons_of_other_names_have_boards_of_their_own_in_the_same_file(tmp_path: Path) -> None:
    one, other = (SqliteBoardStore(StateFile(tmp_path, TABLES), name) for name in ("one", "other"))
    put(one, FULL)
    assert read(other) == Board()
    put(other, Board(FULL.standing, (NOW,), {"p": Usual(0.5, 1)}))
    put(other, Board())
    assert read(one) == FULL


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(SetupError) as caught:
        put(SqliteBoardStore(StateFile(tmp_path / "state", TABLES), "d"), FULL)
    assert "ETL_STATE_DIR" in caught.value.hint
