"""``etl-daemon verify``: whether a deployment holds what it should."""

from __future__ import annotations

from collections.abc import Iterator

from etl_daemon.bootstrap.runtime import build
from etl_daemon.bootstrap.verify import findings
from etl_daemon.cli.options.warehouse import VerifyOptions
from etl_daemon.cli.selecting import moment
from etl_daemon.cli.start import narrowed
from etl_daemon.cli.verdict import deliver
from etl_daemon.config import Settings
from etl_daemon.config.targets import target_environment, target_file
from etl_daemon.core import configure
from etl_daemon.core.findings import Finding, State
from etl_daemon.errors import SetupError
from etl_daemon.operations.verify import Scope
from etl_daemon.vault import load_settings


def verify(options: VerifyOptions) -> None:
    """Look into everything, and print what was found.

    Raises:
        typer.Exit: with 1 where something is not as it should be, with 78 where the settings are wrong.
    """
    scope = Scope(moment(options.since, "--since"), options.objects)
    deliver(_found(options, scope), as_json=options.json, target=options.target)


def settings_of(target: str | None, *, needs_source: bool = True) -> Settings:
    """The settings of a target; without one the usual ones.

    Raises:
        ConfigError: they are wrong, or there are none.
    """
    if target is None:
        return load_settings(needs_source=needs_source)
    file = target_file(target)
    return load_settings(target_environment(file), file, needs_source=needs_source)


def _found(options: VerifyOptions, scope: Scope) -> Iterator[Finding]:
    settings = settings_of(options.target)
    if settings.etl_destination == "duckdb" and not settings.etl_duckdb_path.exists():
        raise SetupError(f"{settings.etl_duckdb_path} does not exist.", hint="to make it: etl-daemon init")
    with build(settings) as runtime:
        datasets = narrowed(runtime, options.dataset, None).datasets
        names = ", ".join(each.name for each in datasets)
        yield Finding("settings", State.OK, f"{configure.place(settings)}: {names}")
        yield from findings(runtime, datasets, scope)
