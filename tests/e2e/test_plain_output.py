"""What is written where nobody looks at colours, and with which code a command ends."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_daemon.errors import EtlError
from tests.support.command import COMMAND, Shell
from tests.support.terminal import Terminal

OPERATIONS = Path(__file__).resolve().parents[2] / "docs/operations.md"
ROW = '{"symbol":"AAPL","timestamp":"2026-01-02T15:00:00Z","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
SAID = [
    ["--help"],
    ["once"],
    ["once", "--json"],
    ["check"],
    ["status"],
    ["status", "--watch"],
    ["plan"],
    ["audit"],
    ["validate", "bucket/processed/price_data/a.ndjson", "--dataset", "price_data"],
    ["quarantine", "list"],
    ["quarantine", "show", "ffff"],
    ["explain", "nothing"],
]
"""Results, log lines, bars, an error of ours and one of usage."""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.embedded(tmp_path)
    (tmp_path / "bucket/processed/price_data/a.ndjson").write_text(ROW)
    return made


def on_terminal(shell: Shell, words: list[str], **settings: object) -> str:
    seen = Terminal(shell, *words, **settings)
    seen.end()
    assert seen.text
    return seen.text


def test_without_a_terminal_there_are_no_escapes(shell: Shell) -> None:
    for words in SAID:
        ended = shell.run(*words)
        assert ended.out + ended.err
        assert "\x1b" not in ended.out + ended.err, words


def test_names_of_objects_do_not_steer_a_terminal(shell: Shell) -> None:
    key = "processed/price_data/x\x1b]0;owned\x07\x1b[2J\x9b2J.csv"
    (shell.folder / "bucket" / key).write_bytes(b"\x00\x01")
    for words in (
        ["validate", f"bucket/{key}", "--dataset", "price_data"],
        ["once"],
        ["quarantine", "list", "--objects"],
    ):
        ended = shell.run(*words)
        text = ended.out + ended.err
        assert r"x\x1b]0;owned\x07\x1b[2J\x9b2J.csv" in text, (words, text)
        assert not re.search(r"[\x1b\x07\x9b]", text), words


def test_a_dumb_terminal_gets_no_escapes(shell: Shell) -> None:
    for words in (["once"], ["check"], ["status", "--watch"], ["quarantine", "show", "ffff"], ["explain", "nothing"]):
        assert "\x1b" not in on_terminal(shell, words, TERM="dumb"), words


def test_no_color_means_none(shell: Shell) -> None:
    for words in (["once"], ["check"], ["quarantine", "show", "ffff"], ["explain", "nothing"]):
        assert not COLOUR.search(on_terminal(shell, words, NO_COLOR=1)), words
    assert COLOUR.search(on_terminal(shell, ["check"]))


def kinds(of: type[EtlError]) -> Iterator[type[EtlError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def test_every_exit_code_is_in_the_table() -> None:
    text = OPERATIONS.read_text("utf-8").partition("## Exit codes\n")[2].partition("\n## ")[0]
    rows = {int(code): line for code, line in re.findall(r"^\| (\d+) \| (.*)$", text, re.MULTILINE)}
    assert list(rows) == [0, 1, 2, 75, 78, 130]
    named = {name: code for code, line in rows.items() for name in re.findall(r"`(\w+Error)`", line)}
    own = {kind.__name__: kind.exit_code for kind in kinds(EtlError) if "exit_code" in vars(kind)}
    assert named == {name: code for name, code in own.items() if code != 1}


def test_commands_end_with_the_codes_of_the_table(shell: Shell) -> None:
    assert shell.run("once").code == 0
    assert shell.run("quarantine", "show", "ffff").code == 1
    assert shell.run("once", "--nothing").code == 2
    assert shell.run("once", ETL_BATCH_SIZE="many").code == 78
    assert interrupted(shell) == 130


def interrupted(shell: Shell) -> int:
    """Ctrl-C while an upload reads standard input."""
    words = [str(COMMAND), "upload", "-", "--name", "a", "--dataset", "price_data"]
    process = subprocess.Popen(
        words, cwd=shell.folder, env=shell.environment(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin
    process.stdin.write(b"\n" * 2**20)  # more than a pipe holds: it is being read when this is done
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(60)
    finally:
        process.kill()
        process.stdin.close()
