"""Where objects come from, and what reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Signal
from typing import TYPE_CHECKING

from etl_daemon.bootstrap.machine import budget, parsers, state_dir
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import Event, Retried
from etl_daemon.pipeline import Intake, Tolerance
from etl_daemon.ports import Source

if TYPE_CHECKING:
    from etl_daemon.adapters.decode import ObjectDecoder


def intake(
    settings: Settings, source: Source, reader: ObjectDecoder, tell: Callable[[Event], None] = lambda _: None
) -> Intake:
    """Reading and the rules as the settings say."""
    return Intake(
        source,
        reader,
        configure.rules(settings),
        Tolerance(settings.error_threshold, settings.refuse_above_share),
        settings.max_concurrent_jobs,
        budget(settings).fetched,
        tell,
        decode_ahead=budget(settings).decode_ahead and parsers(settings) > 0,
    )


def open_source(settings: Settings, tell: Callable[[Event], None], stop: Signal) -> Source:
    """The bucket, or the folder that stands for it. Nothing is asked of it yet.

    Raises:
        SetupError, ConfigError: the folder for spools cannot be made, or the settings of AWS are wrong.
    """
    where, from_bytes = state_dir(settings), budget(settings).spooled_from
    if settings.etl_source == "local":
        from etl_daemon.adapters.local.source import LocalSource

        folder = settings.etl_local_dir or Path.cwd()
        return LocalSource(folder, spool_directory=where, spool_from_bytes=from_bytes)
    from etl_daemon.adapters.retry import Retries
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.parts import Large
    from etl_daemon.adapters.s3.source import S3Source

    def notice(attempt: int, error: BaseException) -> None:
        tell(Retried("", "s3", attempt, str(error)))

    retries = Retries(configure.retry_policy(settings), stop, notice)
    large = Large(where, from_bytes, at_once=settings.max_concurrent_jobs)
    return S3Source(retries, Endpoint(region=settings.s3_region), large)


def decoder(settings: Settings) -> ObjectDecoder:
    """The decoder alone, for commands that read local files; close it after use."""
    from etl_daemon.adapters.decode import ObjectDecoder
    from etl_daemon.adapters.decode.sizes import Sizes

    shares = budget(settings)
    limits = replace(configure.read_limits(settings), typed_bytes=shares.typed)
    sizes = Sizes(chunk_bytes=shares.chunk)
    return ObjectDecoder(limits, threads=parsers(settings), sizes=sizes, timezone=settings.source_timezone)
