"""What shells complete, by the shells themselves."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Shell
from tests.support.s3_servers import require

MARK = "-THE-END-"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.embedded(tmp_path)
    (tmp_path / "etl-config.dev.env").write_text("")
    (tmp_path / "datasets.toml").write_text(
        '[datasets.orders]\nprefix = "orders"\ntable = "RAW.ORDERS"\nraw = "records"\n'
    )
    return made


def path() -> str:
    """Where shells find the command, too."""
    return f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"


def completed(shell: Shell, typed: str, **settings: object) -> list[str]:
    """What bash offers for the last word."""
    words = typed.split(" ")
    given = " ".join(f"'{word}'" for word in words)
    program = (
        f"source <(etl-daemon --show-completion bash); COMP_WORDS=({given}); COMP_CWORD={len(words) - 1}; "
        'complete -p etl-daemon >/dev/null && _etl_daemon_completion etl-daemon && printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ended = shell.execute(["bash", "--norc", "-c", program], PATH=path(), **settings)
    assert (ended.code, ended.err) == (0, ""), ended.err
    return ended.out.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("etl-daemon quar", ["quarantine"]),
        ("etl-daemon quarantine list --reason ohlc", ["ohlc_relation"]),
        ("etl-daemon explain too_l", ["too_large"]),
        ("etl-daemon backfill --dataset o", ["orders"]),
        ("etl-daemon extract sql --dataset te", ["technical_indicators"]),
        ("etl-daemon quarantine export --state d", ["discarded"]),
        ("etl-daemon verify --target ", ["dev"]),
        ("etl-daemon --show-completion f", ["fish"]),
    ],
)
def test_bash_completes_words_and_values(shell: Shell, typed: str, offered: list[str]) -> None:
    assert completed(shell, typed, ETL_DATASETS_FILE="datasets.toml") == offered


def test_wrong_settings_complete_nothing_and_say_nothing(shell: Shell) -> None:
    assert completed(shell, "etl-daemon plan --dataset pr", ETL_BATCH_SIZE="many") == []


def test_the_key_completes_what_is_typed(shell: Shell) -> None:
    ours, theirs = pty.openpty()
    environment = shell.environment(PATH=path(), TERM="dumb", PS1="> ", COLUMNS=200)
    bash = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], cwd=shell.folder, env=environment, stdin=theirs, stdout=theirs,
        stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    # what the key completes is an argument of `echo`'s line only if it was completed
    os.write(
        ours,
        b"source <(etl-daemon --show-completion bash)\netl-daemon explain ohlc_r\t| head -c 13; echo -THE'-END-'\n",
    )
    text, deadline = "", time.monotonic() + 60
    try:
        while MARK not in text:
            assert time.monotonic() < deadline, text
            text += os.read(ours, 65_536).decode(errors="replace")
    finally:
        bash.kill()
        bash.wait()
        os.close(ours)
    assert "explain ohlc_relation | head" in text, text
    assert f"ohlc_relation{MARK}" in text, text


ASKING = {
    "zsh": "compdef() {{ : }}; _arguments() {{ print -r -- $1 }}; {source}; words=({typed}); CURRENT=3; "
    "_etl_daemon_completion",
    "fish": "{source}; complete -C '{typed}'",
}
SOURCED = {"zsh": "source <(etl-daemon --show-completion zsh)", "fish": "etl-daemon --show-completion fish | source"}


@pytest.mark.parametrize("name", ASKING)
def test_other_shells_complete_by_their_scripts(shell: Shell, name: str) -> None:
    require(bool(shutil.which(name)), name, f"apt-get install {name}")
    program = ASKING[name].format(source=SOURCED[name], typed="etl-daemon explain ohlc")
    ended = shell.execute([name, "--no-rcs" if name == "zsh" else "--no-config", "-c", program], PATH=path())
    assert (ended.code, ended.err) == (0, "")
    assert "ohlc_relation" in ended.out
    assert "ambiguous_columns" not in ended.out
