"""Where objects are put, as the settings have it: the place that the daemon reads from."""

from __future__ import annotations

from pathlib import Path

from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.ports import Store


def store(settings: Settings) -> Store:
    """The bucket or folder. Nothing is asked of it yet.

    Raises:
        SetupError, ConfigError: the settings of AWS are wrong.
    """
    bucket = settings.s3_bucket or ""
    if settings.etl_source == "local":
        from etl_daemon.adapters.local.store import LocalStore

        root = settings.etl_local_dir or Path.cwd()
        inner = root / bucket  # as the source has it
        return LocalStore(inner if bucket and inner.is_dir() else root, bucket)
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.retry import Retries
    from etl_daemon.adapters.s3.store import S3Store

    return S3Store(bucket, Retries(configure.retry_policy(settings)), Endpoint(region=settings.s3_region))
