"""What the command line names becomes files, with the keys that they are to have."""

from __future__ import annotations

import glob
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import typer

from etl_daemon.cli.options.operate import UploadOptions
from etl_daemon.config.checks import prefix_template
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.upstream.placing import key_of
from etl_daemon.operations.upload import Parcel

STDIN = "-"


@contextmanager
def parcels(options: UploadOptions, dataset: Dataset, at: datetime) -> Iterator[list[Parcel]]:
    """The parcels, while they last: standard input is kept in a file.

    Raises:
        typer.BadParameter: a file is not there, or two are to have one key.
    """
    if options.files != [STDIN]:
        yield _addressed(_named(options), options, dataset, at)
        return
    if not options.name:
        raise typer.BadParameter("Standard input has no name: give it one.", param_hint="--name")
    with NamedTemporaryFile("wb") as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool)
        spool.flush()
        yield _addressed([(options.name, Path(spool.name))], options, dataset, at)


def _named(options: UploadOptions) -> list[tuple[str, Path]]:
    found = [pair for given in options.files for pair in _found(given)]
    if not options.name:
        return found
    if len(found) != 1:
        raise typer.BadParameter(f"There are {len(found)} files, and this is one name.", param_hint="--name")
    return [(options.name, found[0][1])]


def _found(given: str) -> list[tuple[str, Path]]:
    """A folder's files are called by their path in it; hidden ones are left out."""
    path = Path(given)
    if path.is_dir():
        inside = [(each.relative_to(path), each) for each in sorted(path.rglob("*")) if each.is_file()]
        pairs = [(name.as_posix(), each) for name, each in inside if not any(part[0] == "." for part in name.parts)]
    elif path.is_file():
        pairs = [(path.name, path)]
    else:
        matches = [Path(each) for each in sorted(glob.glob(given, recursive=True))]  # noqa: PTH207 - may be absolute
        pairs = [(each.name, each) for each in matches if each.is_file()]
    if not pairs:
        there = "an empty folder" if path.is_dir() else "no file"
        raise typer.BadParameter(f"{given} is {there}.", param_hint="FILE...")
    return pairs


def _addressed(
    pairs: Sequence[tuple[str, Path]], options: UploadOptions, dataset: Dataset, at: datetime
) -> list[Parcel]:
    try:
        layout = prefix_template(options.layout)
    except ValueError as error:
        raise typer.BadParameter(f"{options.layout!r} {error}.", param_hint="--key-layout") from error
    try:
        made = [Parcel(path, key_of(dataset, layout, name, at), path.stat().st_size) for name, path in pairs]
    except ValueError as error:
        raise typer.BadParameter(f"{error}.", param_hint="--name") from error
    _refuse_doubles(made)
    return made


def _refuse_doubles(made: Sequence[Parcel]) -> None:
    by_key: dict[str, list[Path]] = defaultdict(list)
    for each in made:
        by_key[each.key].append(each.file)
    for key, files in by_key.items():
        if len(files) > 1:
            names = ", ".join(map(str, files))
            raise typer.BadParameter(f"{names}: all are to be {key}. Put their folder, which keeps paths apart.")
