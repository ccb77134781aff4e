"""Targets, such as dev and prod: each has a settings file of its own beside the usual one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from etl_daemon.config.load import FILE_NAME, read_given
from etl_daemon.config.paths import is_file
from etl_daemon.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def target_file(name: str, env: Mapping[str, str] | None = None) -> Path:
    """``etl-config.NAME.env`` beside the file that ``ETL_CONFIG_FILE`` names, or in the working directory.

    Raises:
        ConfigError: it is no name, or there is no such file.
    """
    environment = os.environ if env is None else env
    usual = Path(environment.get("ETL_CONFIG_FILE") or FILE_NAME)
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a target.", hint="take letters, digits, - and _, such as prod")
    file = usual.with_name(f"{usual.stem}.{name}{usual.suffix}")
    if not is_file(file):
        raise ConfigError(f"There is no settings file {file} for the target {name}.", hint=f"make {file}")
    return file


def target_names(env: Mapping[str, str] | None = None) -> list[str]:
    """The targets that have a file where ``target_file`` looks, in alphabetical order."""
    environment = os.environ if env is None else env
    usual = Path(environment.get("ETL_CONFIG_FILE") or FILE_NAME)
    begin, end = f"{usual.stem}.", usual.suffix
    there = [file.name for file in usual.parent.iterdir()] if usual.parent.is_dir() else []
    named = [
        name.removeprefix(begin).removesuffix(end) for name in there if name.startswith(begin) and name.endswith(end)
    ]
    return sorted(name for name in named if _NAME.fullmatch(name))


def target_environment(file: Path, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without what the target's file sets: who names a target means that one, whatever is exported.

    Raises:
        ConfigError: the file cannot be read.
    """
    environment = os.environ if env is None else env
    own = {*read_given({}, file).values, "ETL_CONFIG_FILE"}
    return {name: value for name, value in environment.items() if name not in own}
