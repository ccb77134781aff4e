"""Where rows go: the engine, and what commands ask of it beside the corridor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from etl_daemon.bootstrap.machine import budget, cores, state_dir
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import Event, SettingDiscouraged
from etl_daemon.vault import renewal

if TYPE_CHECKING:
    from etl_daemon.adapters.destination.session import Engine
    from etl_daemon.adapters.destination.shelf import Shelf
    from etl_daemon.adapters.destination.survey import Survey
    from etl_daemon.adapters.duckdb.session import DuckDBFile
    from etl_daemon.adapters.snowflake.probe import Finding


def survey(settings: Settings) -> Survey:
    """What the destination holds; nothing is made or changed.

    Raises:
        BusyError: another process held it all the while.
    """
    from etl_daemon.adapters.destination.survey import survey as look

    datasets = configure.datasets(settings)
    with closing(open_engine(settings)) as engine:
        return look(engine, datasets, configure.anomalies_dataset(settings, datasets))


def probe(settings: Settings) -> None:
    """Check that the DuckDB file can be written.

    Raises:
        BusyError: another process held it all the while.
        SetupError: it cannot.
    """
    _file(settings).probe()


def prepare(settings: Settings) -> None:
    """Create the control tables, the targets and the cursors that do not exist yet."""
    from etl_daemon.adapters.destination.destination import SqlDestination

    datasets = configure.datasets(settings)
    with closing(open_engine(settings)) as engine:
        SqlDestination(engine, configure.anomalies_dataset(settings, datasets)).prepare(datasets)


def connection(settings: Settings) -> Iterator[Finding]:
    """What loading into Snowflake takes, tried step by step; nothing stays behind."""
    from etl_daemon.adapters.snowflake.probe import probe as steps

    return steps(settings)


def open_engine(settings: Settings, tell: Callable[[Event], None] = lambda _: None) -> Engine:
    """What statements run on. Nothing is asked of it yet; ``tell`` hears of logins."""
    if settings.etl_destination == "duckdb":
        return _file(settings)
    from etl_daemon.adapters.snowflake.engine import SnowflakeEngine
    from etl_daemon.adapters.snowflake.login import discouraged

    if hint := discouraged(settings):
        tell(SettingDiscouraged("", "SNOWFLAKE_PASSWORD", hint))
    return SnowflakeEngine(settings, renewal(settings, tell))


def shelf(settings: Settings) -> Shelf:
    """Where cleaned rows lie that memory is not to hold.

    Raises:
        SetupError: its folder cannot be made.
    """
    from etl_daemon.adapters.destination.shelf import Shelf

    return Shelf(budget(settings).staged, state_dir(settings))


def _file(settings: Settings) -> DuckDBFile:
    from etl_daemon.adapters.duckdb.session import DuckDBFile

    return DuckDBFile(
        settings.etl_duckdb_path,
        settings.snowflake_database,
        threads=cores(settings),
        memory_limit_mb=budget(settings).engine // 2**20,
        wait_seconds=settings.etl_timeout,
        temp_directory=settings.etl_state_dir / "duckdb",
    )
