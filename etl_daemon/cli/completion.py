"""What a shell completes: its script, and the values of options. Completers import what they need when they are called.

They are asked at each press of the key that completes; where they know nothing, they say nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import StrEnum

PROGRAM = "etl-daemon"
ASKED = "_ETL_DAEMON_COMPLETE"
"""The variable by which a shell's script asks."""


class Shell(StrEnum):
    """Shells that have a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def script(shell: Shell) -> str:
    """What the shell has to run to complete our words."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # not listed there

    return get_completion_script(prog_name=PROGRAM, complete_var=ASKED, shell=shell.value)


def answer_shells() -> None:
    """Let the command line answer where a shell's script asks."""
    if ASKED in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]  # not listed there

        completion_init()


def datasets(incomplete: str) -> list[str]:
    """Names of the datasets that the settings have."""
    from etl_daemon.config import load_settings
    from etl_daemon.core import configure
    from etl_daemon.errors import EtlError

    try:
        names = [each.name for each in configure.datasets(load_settings(needs_source=False, needs_login=False))]
    except EtlError:  # the command itself will say what is wrong with the settings
        return []
    return _begun(incomplete, names)


def reasons(incomplete: str) -> list[str]:
    """Reason codes of rows and of objects."""
    from etl_daemon.core.rules.explanations import OBJECTS, ROWS

    return _begun(incomplete, {*ROWS, *OBJECTS})


def states(incomplete: str) -> list[str]:
    """States of a quarantined row."""
    from etl_daemon.core.review import STATES

    return _begun(incomplete, STATES)


def targets(incomplete: str) -> list[str]:
    """Names for which there is a settings file."""
    from etl_daemon.config.targets import target_names

    return _begun(incomplete, target_names())


def _begun(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
