"""A runtime whose batches are told to a lineage server: what things are called there, and where it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from etl_daemon.adapters.lineage.observer import LineageObserver
from etl_daemon.adapters.lineage.outbox import Post
from etl_daemon.adapters.lineage.places import Places
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import Event
from etl_daemon.ports import Clock


def recorder(
    settings: Settings, datasets: Sequence[Dataset], clock: Clock, tell: Callable[[Event], None]
) -> LineageObserver:
    """Who tells of batches; ``tell`` hears where that fails."""

    def employ() -> Post:
        from etl_daemon.adapters.lineage.transport import Address, LineagePost  # takes a while: once there is a batch

        return LineagePost(Address(settings.etl_lineage_url, settings.etl_lineage_api_key or ""), places)

    places = _places(settings, datasets)
    return LineageObserver(employ, clock, tell)


def _places(settings: Settings, datasets: Sequence[Dataset]) -> Places:
    if settings.etl_destination == "snowflake":
        destination = f"snowflake://{settings.snowflake_account}"
    else:
        destination = f"duckdb://{settings.etl_duckdb_path.resolve()}"
    local = settings.etl_source == "local" and settings.etl_local_dir
    return Places(
        settings.etl_lineage_namespace or settings.etl_daemon_name,
        destination,
        configure.dialect(settings),
        configure.anomalies_dataset(settings, datasets).table,
        local.resolve() if local else None,
    )
