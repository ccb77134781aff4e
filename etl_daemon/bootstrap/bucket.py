"""The bucket, or the folder that stands for it, as what extraction and uploads write into."""

from __future__ import annotations

from pathlib import Path

from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import Retried
from etl_daemon.core.planning.discovery import OWN_PREFIX
from etl_daemon.extraction import Bucket
from etl_daemon.extraction.needs import Document
from etl_daemon.extraction.pulse import Pulse
from etl_daemon.leasing import LeaseKeeper
from etl_daemon.ports import Store

_MARKS = f"{OWN_PREFIX}extract/"


def store(runtime: Runtime) -> Store:
    """Where objects are put; closed with the runtime."""
    settings, tell = runtime.settings, runtime.corridor.tell
    if settings.etl_source == "local":
        from etl_daemon.adapters.local.store import LocalStore

        return LocalStore(folder(settings), settings.s3_bucket or "")
    from etl_daemon.adapters.retry import Retries
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.store import S3Store

    def notice(attempt: int, error: BaseException) -> None:
        tell(Retried("", "s3", attempt, str(error)))

    retries = Retries(configure.retry_policy(settings), runtime.stop, notice)
    made = S3Store(settings.s3_bucket or "", retries, Endpoint(region=settings.s3_region))
    runtime.attach(made.close)
    return made


def receiving(runtime: Runtime, into: Store, name: str, lease: LeaseKeeper | None, pulse: Pulse) -> Bucket:
    """Where the extraction of that name puts objects, as long as it is our turn."""
    spool = runtime.settings.etl_state_dir / "extract" / name
    fence = lease.fence if lease else lambda: None
    return Bucket(into, spool, runtime.corridor.tell, runtime.clock.now, fence, pulse.beat)


def mark(runtime: Runtime, name: str) -> Document:
    """The document that says how far the extraction of that name has come; closed with the runtime."""
    made = _document(runtime.settings, f"{_MARKS}{name}.json")
    runtime.attach(made.close)
    return made


def _document(settings: Settings, key: str) -> Document:
    if settings.etl_source == "local":
        from etl_daemon.adapters.local.document import FileDocument

        hint = "let this user write below ETL_LOCAL_DIR"
        return FileDocument(folder(settings) / key, hint=hint)
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.document import S3Document

    hint = "take a store that knows conditional writes"
    return S3Document(
        settings.s3_bucket or "", key, settings.etl_timeout, Endpoint(region=settings.s3_region), hint=hint
    )


def folder(settings: Settings) -> Path:
    """As the source has it: the folder of the bucket's name in the root if there is one, else the root itself."""
    root = settings.etl_local_dir or Path.cwd()
    inner = root / (settings.s3_bucket or "")
    return inner if inner.is_dir() else root
