"""Who hears of every event of a runtime and passes it on: the history, CloudWatch, a lineage server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.events import Event
from etl_daemon.ports import Clock

if TYPE_CHECKING:
    from etl_daemon.adapters.cloudwatch.observer import CloudWatchObserver
    from etl_daemon.adapters.lineage.observer import LineageObserver
    from etl_daemon.adapters.lineage.outbox import Post
    from etl_daemon.adapters.lineage.places import Places
    from etl_daemon.adapters.sqlite.history import HistoryObserver


def history(settings: Settings, word: str, clock: Clock, tell: Callable[[Event], None]) -> HistoryObserver:
    """What the monitor and the status page read later; ``word`` is what started this process."""
    from etl_daemon.adapters.sqlite.file import StateFile
    from etl_daemon.adapters.sqlite.history import HistoryObserver
    from etl_daemon.adapters.sqlite.tables import HISTORY

    file = StateFile(settings.etl_state_dir, HISTORY, tell)
    return HistoryObserver(file, settings.etl_daemon_name, word, clock, tell)


def counts(
    settings: Settings, datasets: Sequence[Dataset], clock: Clock, tell: Callable[[Event], None]
) -> CloudWatchObserver:
    """Counts per table, sent to CloudWatch; nothing is sent before there is something."""
    from etl_daemon.adapters.cloudwatch.metrics import CloudWatchMetrics
    from etl_daemon.adapters.cloudwatch.observer import CloudWatchObserver

    pairs = (pair.partition("=") for pair in settings.cloudwatch_dimensions.split(",") if pair)
    metrics = CloudWatchMetrics(
        settings.cloudwatch_namespace or "", {name: value for name, _, value in pairs}, settings.s3_region
    )
    return CloudWatchObserver(metrics, {each.name: each.table for each in datasets}, clock, tell)


def lineage(
    settings: Settings, datasets: Sequence[Dataset], clock: Clock, tell: Callable[[Event], None]
) -> LineageObserver:
    """Batches as a lineage server is told of them; ``tell`` hears where that fails."""
    from etl_daemon.adapters.lineage.observer import LineageObserver

    def employ() -> Post:
        from etl_daemon.adapters.lineage.transport import Address, LineagePost  # takes a while: once there is a batch

        return LineagePost(Address(settings.etl_lineage_url, settings.etl_lineage_api_key or ""), places)

    places = _places(settings, datasets)
    return LineageObserver(employ, clock, tell)


def _places(settings: Settings, datasets: Sequence[Dataset]) -> Places:
    from etl_daemon.adapters.lineage.places import Places

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
