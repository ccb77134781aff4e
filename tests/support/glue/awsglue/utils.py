"""Arguments of a job."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

OF_GLUE = ("JOB_NAME", "JOB_ID", "JOB_RUN_ID", "TempDir", "SECURITY_CONFIGURATION")


class GlueArgumentError(Exception):
    """An argument is missing."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GlueArgumentError(message)


def getResolvedOptions(args: Sequence[str], options: Sequence[str]) -> dict[str, str]:  # noqa: N802 - Glue's name
    """All options are required; arguments beside them, Glue's own among them, are left alone."""
    parser = _Parser(add_help=False)
    for name in options:
        parser.add_argument(f"--{name}", required=True)
    for name in OF_GLUE:
        if name not in options:
            parser.add_argument(f"--{name}")
    found, _ = parser.parse_known_args(args[1:])
    return {name: value for name, value in vars(found).items() if value is not None}
