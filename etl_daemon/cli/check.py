"""``etl-daemon check``: what has to be right before the daemon can work, each with a hint."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from etl_daemon import bootstrap
from etl_daemon.cli.printing import console, emit
from etl_daemon.config import Settings, load_settings
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.discovery import static_prefix
from etl_daemon.errors import ConfigError, EtlError

if TYPE_CHECKING:
    from etl_daemon.adapters.snowflake.probe import Finding

OK, WARN, FAIL = "ok", "warn", "fail"
STYLES = {OK: "green", WARN: "yellow", FAIL: "bold red"}
PAGE_OBJECTS = 1_000
PATIENCE_SECONDS = 10.0
LOW_BYTES, TOO_LOW_BYTES = 2 * 2**30, 200 * 2**20
CLOCK_TOLERANCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Line:
    """What one check found."""

    name: str
    state: str
    detail: str
    hint: str = ""


def check(*, as_json: bool) -> None:
    """Try everything and print what came out.

    Raises:
        typer.Exit: with 1 where a check failed, with 78 where the settings are wrong.
    """
    _report(_lines, as_json=as_json)


def check_alerts(*, as_json: bool) -> None:
    """Send a test alert through every channel, and print how it went.

    Raises:
        typer.Exit: as ``check``; with 1 also where there is no channel.
    """
    _report(_channels, as_json=as_json)


def _channels(settings: Settings) -> Iterator[Line]:
    from etl_daemon.notifying import notifiers, rehearsal

    channels = list(notifiers(settings))
    if not channels:
        hint = "set ALERT_EMAIL, ALERT_WEBHOOK, ALERT_SNS_TOPIC_ARN or ALERT_URLS: docs/alerts.md"
        yield Line("alerts", FAIL, "No channel is set: alerts are lines of the log only.", hint)
    for channel in channels:
        try:
            channel.send(rehearsal(datetime.now(UTC)))
        except EtlError as error:
            yield Line(f"alerts {channel.channel}", FAIL, error.detail, error.hint)
        else:
            yield Line(f"alerts {channel.channel}", OK, "The test alert was taken.")


def _report(attempts: Callable[[Settings], Iterator[Line]], *, as_json: bool) -> None:
    lines: list[Line] = []
    code = 0
    try:
        settings = load_settings()
        for line in attempts(settings):
            lines.append(line)
            _show(line, as_json=as_json)
    except ConfigError as error:
        lines.append(Line("settings", FAIL, error.detail.strip(), error.hint))
        _show(lines[-1], as_json=as_json)
        code = error.exit_code
    code = code or int(any(line.state == FAIL for line in lines))
    if as_json:
        emit({"ok": code == 0, "checks": [asdict(line) for line in lines]})
    raise typer.Exit(code)


def _lines(settings: Settings) -> Iterator[Line]:
    patient = settings.model_copy(
        update={"etl_max_retries": 0, "etl_timeout": min(settings.etl_timeout, PATIENCE_SECONDS)}
    )
    with bootstrap.build(patient) as runtime:
        yield Line("settings", OK, f"{len(runtime.datasets)} datasets: {', '.join(d.name for d in runtime.datasets)}")
        newest = [datetime.now(UTC)]
        for dataset in runtime.datasets:
            yield _attempted(f"source {dataset.name}", lambda each=dataset: _source(runtime, each, newest))  # type: ignore[misc]  # mypy cannot infer a default
    if settings.etl_destination == "snowflake":
        yield from map(_line, bootstrap.connection(patient))
    else:
        yield _attempted("destination", lambda: _destination(patient))
        yield _disk(settings)
    yield _attempted("tables", lambda: _tables(patient, newest))
    yield _clock(newest)


def _attempted(name: str, attempt: Callable[[], Line]) -> Line:
    try:
        return attempt()
    except EtlError as error:
        where = "AWS_ENDPOINT_URL and the network" if name.startswith("source") else "ETL_DUCKDB_PATH"
        return Line(name, FAIL, error.detail, error.hint or f"check {where}")


def _source(runtime: bootstrap.Runtime, dataset: Dataset, newest: list[datetime]) -> Line:
    bucket, prefix = runtime.corridor.bucket, static_prefix(dataset.prefix)
    page = list(islice(runtime.corridor.intake.source.list(bucket, prefix), PAGE_OBJECTS))
    where = (
        f"s3://{bucket}/{prefix}"
        if runtime.settings.etl_source == "s3"
        else f"{runtime.settings.etl_local_dir}/{prefix}"
    )
    name = f"source {dataset.name}"
    if not page:
        hint = f"nothing has arrived yet, or correct {dataset.name.upper()}_PREFIX or ETL_DATASETS_FILE"
        return Line(name, WARN, f"{where} can be listed, but holds no object.", hint)
    latest = max(ref.modified for ref in page)
    newest.append(latest)
    count = f"{len(page):,}{' or more' if len(page) == PAGE_OBJECTS else ''}"
    return Line(name, OK, f"{where}: {count} objects, the newest seen of {latest.isoformat(timespec='seconds')}.")


def _line(found: Finding) -> Line:
    state = FAIL if found.error else WARN if found.hint else OK
    return Line(f"snowflake {found.name}", state, found.detail, found.hint)


def _destination(settings: Settings) -> Line:
    bootstrap.probe(settings)
    return Line("destination", OK, f"{settings.etl_duckdb_path} can be opened and written.")


def _tables(settings: Settings, newest: list[datetime]) -> Line:
    there = bootstrap.survey(settings)
    if there.missing:
        names = f"{len(there.missing)} of {len(there.tables)} tables are missing."
        return Line("tables", WARN, names, "run etl-daemon init; once and run make them too")
    newest += [state.last_commit for state in there.datasets.values() if state.last_commit]
    return Line("tables", OK, f"All {len(there.tables)} tables are there.")


def _disk(settings: Settings) -> Line:
    folder = settings.etl_duckdb_path.resolve().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state = OK if free >= LOW_BYTES else WARN if free >= TOO_LOW_BYTES else FAIL
    hint = "" if state == OK else "make room, or set ETL_DUCKDB_PATH to a file on a larger disk"
    return Line("disk", state, f"{free / 2**30:.1f} GiB are free under {folder}.", hint)


def _clock(newest: list[datetime]) -> Line:
    """Objects and commits cannot be newer than now: if they are, this clock is behind."""
    now = datetime.now(UTC)
    ahead = max(newest) - now
    if ahead > CLOCK_TOLERANCE:
        detail = f"It is {now.isoformat(timespec='seconds')} here, but an object or commit is {ahead} ahead of that."
        return Line("clock", WARN, detail, "set this machine's clock by NTP")
    return Line("clock", OK, f"It is {now.isoformat(timespec='seconds')}.")


def _show(line: Line, *, as_json: bool) -> None:
    if as_json:
        return
    mark = Text(f"{line.state:<4}", STYLES[line.state])
    console().print(mark, Text(f"{line.name}: {line.detail}"), soft_wrap=True)
    if line.hint and line.state != OK:
        console().print(f"     hint: {line.hint}", soft_wrap=True)
