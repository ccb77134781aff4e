"""What the commands leave behind is for its owner, whatever the umask is and however others lay traps."""

from __future__ import annotations

import json
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Shell
from tests.support.extraction import Plant
from tests.support.watching import Watched, free_port

ROOT = Path(__file__).resolve().parents[2]
CARELESS = "tests.support.careless"
BARS = "symbol,timestamp,open,high,low,close,volume\nAAPL,2025-06-02,1,2,1,2,5\nBAD1,2025-06-02,1,2,1,2,5\n"
OURS = ("bucket", "datasets.toml", "shop.db", "bars.csv")
"""Made by the test, not by commands."""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    with sqlite3.connect(tmp_path / "shop.db") as db:
        db.executescript("CREATE TABLE o (id INTEGER, n TEXT); INSERT INTO o VALUES (1, 'a')")
    db.close()
    plant = Plant(tmp_path, f"sqlite:///{tmp_path}/shop.db", table="o")
    toml = plant.shell.folder / "datasets.toml"
    toml.write_text(toml.read_text().replace("[datasets.price_data]\nenabled = false\n", ""))
    (tmp_path / "bars.csv").write_text(BARS)
    (tmp_path / "bucket").chmod(0o755)
    more = {
        "LOG_FILE": tmp_path / "etl.log",
        "ETL_LINEAGE_URL": tmp_path / "lineage.ndjson",
        "ETL_STATE_DIR": tmp_path / "state",
    }
    return Shell(
        tmp_path, {**plant.shell.settings, **more, "PRICE_DATA_WINDOW": 800_000, "ETL_STATE_DIR": tmp_path / "state"}
    )


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.lstat().st_mode):04o}"


def test_nothing_that_is_made_is_for_others(shell: Shell) -> None:
    folder = shell.folder
    for words in (
        ("upload", "bars.csv", "--dataset", "price_data", "--key-layout", "new"),
        ("extract", "sql"),
        ("once",),
        ("quarantine", "export", "bad.csv"),
        ("validate", "bars.csv", "--dataset", "price_data", "--rejects", "rejects.json"),
    ):
        ended = shell.run_module(CARELESS, *words)
        assert ended.code in {0, 1}, ended.err
        assert json.loads(ended.err.splitlines()[-1]) == {"core": [0, 0], "dumpable": 0}
    port = free_port()
    command = [sys.executable, "-m", CARELESS, "run"]
    environment = {**shell.environment(ETL_HTTP_PORT=port), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=folder, env=environment, text=True)
    try:
        Watched(process, port).until(lambda: Watched(process, port).probe("/readyz")[0] == 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()

    made = [each for each in folder.rglob("*") if each.relative_to(folder).parts[0] not in OURS]
    names = {each.name for each in made}
    expected = {
        "etl.duckdb",
        "etl.log",
        "lineage.ndjson",
        "bad.csv",
        "rejects.json",
        "history.sqlite",
        "etl-daemon.json",
    }
    assert expected <= names, names
    assert any(each.suffix == ".lock" for each in made)
    assert {str(each): mode(each) for each in made if each.lstat().st_mode & 0o027} == {}
    assert {mode(folder / name) for name in ("bad.csv", "state/history.sqlite")} == {"0600"}
    inside = [each for each in (folder / "bucket").rglob("*") if "_etl_daemon" not in str(each)]
    assert {each.suffix for each in inside if each.is_file()} >= {".csv"}
    assert {mode(each) for each in inside if each.is_dir()} == {"0755"}, "as the bucket"
    assert {mode(each) for each in inside if each.is_file()} == {"0644"}, "as the bucket"


def test_links_in_the_state_folder_lead_to_no_file(shell: Shell) -> None:
    victims = shell.folder / "victims"
    victims.mkdir()
    state = shell.folder / "state"
    (state / "lease").mkdir(parents=True)
    names = ("history.sqlite", "lease/etl-daemon.json.guard", "lease/etl-daemon.json.next")
    for name in names:
        victim = victims / name.replace("/", "-")
        victim.write_text("kept")
        (state / name).symlink_to(victim)
    (state / "extract").mkdir()
    (victims / "folder").mkdir()
    (victims / "folder/file").write_text("kept")
    (state / "extract/orders").symlink_to(victims / "folder")
    for name in names[1:]:
        ended = shell.run("once", LOG_FILE="")
        assert "Too many levels of symbolic links" in ended.err, ended.err
        (state / name).unlink()
    assert shell.run("once").code == 0
    assert {path.read_text() for path in victims.rglob("*") if path.is_file()} == {"kept"}
    assert (state / "history.sqlite.damaged").is_symlink()
    assert not (state / "history.sqlite").is_symlink()
