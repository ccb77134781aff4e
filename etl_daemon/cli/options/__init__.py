"""Options of a command as one value, a frozen dataclass with a field for each; and options of many commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from etl_daemon.cli import completion

Options = TypeVar("Options")

INSTANT = "Date or instant (UTC), or an age like 14d, 36h, 90m."

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Dataset = Annotated[
    str | None, typer.Option("--dataset", metavar="NAME", autocompletion=completion.datasets, help="This dataset only.")
]


def taking(options: type[Options], run: Callable[[Options], None]) -> Callable[..., None]:
    """A command for typer with the fields of ``options`` as parameters; ``run`` gets them as one value."""

    def command(**given: Any) -> None:
        run(options(**given))

    hints = get_type_hints(options, include_extras=True)
    signature = inspect.signature(options)
    parameters = [each.replace(annotation=hints[name]) for name, each in signature.parameters.items()]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    command.__annotations__ = hints
    command.__doc__ = run.__doc__
    return command
