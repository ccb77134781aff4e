"""What a plan of the next cycle looks with: it makes nothing, neither tables nor folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from etl_daemon.bootstrap.destination import open_engine
from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset

if TYPE_CHECKING:
    from etl_daemon.adapters.destination.recall import Ledger


@contextmanager
def planning(settings: Settings) -> Iterator[Runtime]:
    """A runtime that leaves no folder behind: no body is fetched, so there is nothing to spool."""
    spared = settings.etl_state_dir.is_dir()
    with build(settings if spared else settings.model_copy(update={"etl_state_dir": Path(gettempdir())})) as runtime:
        yield runtime


def ledger(settings: Settings, datasets: Sequence[Dataset]) -> Ledger:
    """What the control tables say of the datasets, and what is missing of them.

    Raises:
        BusyError: another process held the destination all the while.
        ConfigError: a table was loaded by a dataset of another name.
        TransientError, SetupError: the destination did not answer as it should.
    """
    from etl_daemon.adapters.destination.recall import look

    anomalies = configure.anomalies_dataset(settings, configure.datasets(settings))
    with closing(open_engine(settings)) as engine:
        return look(engine, datasets, anomalies, settings.s3_bucket or "")
