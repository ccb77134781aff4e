"""Bars of long work: on a terminal, a pseudo-terminal of our own, and nowhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.api_server import answer, api_server
from tests.support.command import Shell
from tests.support.terminal import Terminal

ROW = '{{"symbol":"{}","timestamp":"2026-01-02T15:00:00Z","open":10,"high":11,"low":9,"close":10.5,"volume":7}}\n'
TIME = r"\d:\d\d:\d\d"
COUNTED = {
    "backfill": rf"2/2 objects.*kB.*/s.*{TIME}",
    "upload": rf"1/1 files.*bytes.*/s.*{TIME}",
    "validate": rf"2 rows.*\d+ rows/s.*{TIME}",
    "quarantine": rf"2/2 rows.*\d+ rows/s.*{TIME}",
}
"""What is to be seen, with a rate and the time left."""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.embedded(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"bucket/processed/price_data/{name}.ndjson").write_text(ROW.format("AAPL") * 9 + ROW.format("B.X"))
        (tmp_path / f"{name}.ndjson").write_text(ROW.format("IBM"))
    return made


def words(which: str) -> list[str]:
    given = {
        "backfill": "backfill --dataset price_data --since 1d --until 0m",
        "upload": "upload a.ndjson --dataset price_data --replace",
        "validate": "validate a.ndjson b.ndjson --dataset price_data",
        "quarantine": "quarantine replay --dataset price_data",
    }
    return given[which].split()


def drawn(shell: Shell, which: list[str], **settings: object) -> str:
    seen = Terminal(shell, *which, **settings)
    assert seen.end() == 0, seen.text
    return seen.text


def test_long_work_shows_how_far_it_is(shell: Shell) -> None:
    for which, told in COUNTED.items():
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn(shell, words(which)))
        assert re.search(told, text), (which, text)


def test_an_extraction_shows_how_far_it_is(shell: Shell) -> None:
    with api_server() as api:
        url = api.at("/v1", answer(json.dumps([{"a": 1}]).encode()))
        (shell.folder / "datasets.toml").write_text(
            f'[datasets.x]\ntable = "RAW.X"\nraw = "document"\n[datasets.x.api]\nurl = "{url}"\n'
        )
        text = drawn(shell, ["extract", "api"], ETL_DATASETS_FILE="datasets.toml")
    assert re.search(rf"1/1 datasets, 1 objects, .* rows/s.*{TIME}", text), text


@pytest.mark.parametrize("settings", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_terminals_that_cannot_or_will_not(shell: Shell, settings: dict[str, str]) -> None:
    text = drawn(shell, words("validate"), **settings)
    drawing = "TERM" not in settings
    assert ("\x1b" in text, "━" in text.partition("quarantined")[0]) == (drawing, drawing)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", text), "no colours"


def test_nothing_is_drawn_elsewhere(shell: Shell) -> None:
    for which in COUNTED:
        ended = shell.run(*words(which))
        assert ended.code == 0, ended.err
        assert not re.search(r"\x1b|\r|━|\d \w+/s", ended.out + ended.err), which
    assert "━" not in drawn(shell, [*words("validate"), "--json"])


def test_a_bar_takes_the_place_of_log_lines_but_not_of_a_log_file(shell: Shell) -> None:
    assert shell.run("once").code == 0
    assert "settings" not in drawn(shell, words("quarantine"), LOG_LEVEL="INFO")
    file = shell.folder / "etl.log"
    assert "━" in drawn(shell, words("quarantine"), LOG_LEVEL="INFO", LOG_FILE=file)
    assert '"settings"' in file.read_text()
