"""What `check` tries beside the corridor: who we are to AWS, whose clock goes wrong, and what this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Event

from etl_daemon.adapters.local.daemon import running
from etl_daemon.adapters.local.disk import kept, spaces, unwritable
from etl_daemon.adapters.local.port import taken
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.monitor import clock
from etl_daemon.core.monitor.disk import room
from etl_daemon.errors import EtlError
from etl_daemon.ports import Clock

PROBE, PROBES = b"etl-daemon check", "_check"
"""What is tried, and the folder for that: names of datasets begin otherwise."""


def store(settings: Settings, here: Clock) -> Iterator[Finding]:
    """Of a source in S3: our identity, and the store's clock.

    Raises:
        SetupError, ConfigError: the settings of AWS are wrong.
    """
    if settings.etl_source != "s3":
        return
    from etl_daemon.adapters.s3.clients import Endpoint
    from etl_daemon.adapters.s3.probe import S3Probe

    with closing(S3Probe(settings.etl_timeout, Endpoint(region=settings.s3_region))) as probe:
        yield probe.identity()
        try:
            ahead = probe.ahead(settings.s3_bucket or "", here.now)
        except EtlError as error:  # what is wrong with it is told by others; those of the destination come yet
            yield Finding("clock s3", State.WARN, f"Not compared: {error.detail}", error.hint)
            return
        if ahead is not None:
            yield clock.apart("s3", ahead)


def staging(settings: Settings) -> Finding:
    """Whether what Spark's executors leave for this process can be written, read and removed, by this process at least.

    Raises:
        TransientError, SetupError: it cannot.
    """
    from etl_daemon.bootstrap.spark import depot

    with closing(depot(settings, lambda _: None, Event())) as place, NamedTemporaryFile() as file:
        Path(file.name).write_bytes(PROBE)
        try:
            place.put(f"{PROBES}/probe", Path(file.name))
            came = bytes(place.fetch(f"{PROBES}/probe"))
        finally:
            place.clear(PROBES)
    if came != PROBE:
        hint = "have whoever runs the store look into it: rows would not arrive as they are"
        return Finding("spark staging", State.FAIL, "What was written there came back otherwise.", hint)
    return Finding("spark staging", State.OK, "Files for executors can be written, read and removed.")


def machine(settings: Settings) -> Iterator[Finding]:
    """Of this machine: folders that are written to, their disks, and the port that `run` answers on."""
    folders = kept(settings)
    yield _folders([f"{folder} ({purpose})" for purpose, folder in folders.items() if unwritable(folder)])
    least_bytes = configure.limits(settings).free_bytes
    yield from (room(space, least_bytes) for space in spaces(folders))
    if settings.etl_http_port:
        yield _port(settings)


def _folders(wrong: list[str]) -> Finding:
    if wrong:
        hint = "let this user write there, or set ETL_STATE_DIR, LOG_FILE, ETL_DUCKDB_PATH to other places"
        return Finding("folders", State.FAIL, f"Not to be written: {', '.join(wrong)}.", hint)
    return Finding("folders", State.OK, "State, logs and database can be written.")


def _port(settings: Settings) -> Finding:
    name, address = "port", f"{settings.etl_http_host}:{settings.etl_http_port}"
    why = taken(settings.etl_http_host, settings.etl_http_port)
    if not why:
        return Finding(name, State.OK, f"{address} is free.")
    if running(settings):
        return Finding(name, State.OK, f"{address} is answered by our daemon.")
    hint = "set ETL_HTTP_PORT to a free port, or to 0 for no server; ETL_HTTP_HOST is an address of this machine"
    return Finding(name, State.FAIL, f"`run` could not listen on {address}: {why}.", hint)
