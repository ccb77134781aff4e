"""``etl-daemon upload``: files put where the daemon finds them, with a bar, and what the ledger says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event as Signal
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import typer

from etl_daemon.bootstrap.bucket import store
from etl_daemon.bootstrap.runtime import Runtime, build
from etl_daemon.bootstrap.source import decoder, intake
from etl_daemon.cli.examining import Files, examine
from etl_daemon.cli.finding import Finding
from etl_daemon.cli.finding import show as show_findings
from etl_daemon.cli.options.operate import UploadOptions
from etl_daemon.cli.orders import stopping
from etl_daemon.cli.parcels import parcels
from etl_daemon.cli.printing import console, emit, say
from etl_daemon.cli.progress import Far, Show, bar, drawn
from etl_daemon.cli.selecting import moment
from etl_daemon.cli.start import chosen
from etl_daemon.config import Settings
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import Outcome
from etl_daemon.core.review import LedgerLine
from etl_daemon.core.upstream.placing import is_listed
from etl_daemon.errors import SetupError
from etl_daemon.operations.upload import Delivery, Parcel, Result, Uploader, Waiting
from etl_daemon.vault import load_settings

Lines = Mapping[str, LedgerLine]


def upload(options: UploadOptions) -> None:
    """Put the files; the first Ctrl-C leaves those that have not begun, or ends the waiting.

    Raises:
        typer.Exit: with 1 where a file was not put, or was refused, or is not settled in time.
        typer.BadParameter: an option does not fit.
        EtlError: settings are wrong, or nothing can be put there.
    """
    settings = load_settings()
    with build(settings) as runtime:
        dataset = chosen(runtime.datasets, options.dataset)
        at = moment(options.date, "--date") if options.date else runtime.clock.now()
        if options.wait:
            _require_ledger(runtime, dataset)
        with parcels(options, dataset, at.astimezone(ZoneInfo(settings.partition_timezone))) as due:
            unfit = _checked(settings, dataset, due) if options.check else []
            done = [] if unfit else _put(runtime, due, options)
        lines = _awaited(runtime, dataset, done, options) if options.wait and done else {}
    found = _document(options, done, lines, unfit)
    if options.json:
        emit(found)
    else:
        _show(found, dataset, settings, waited=options.wait)
    if found["failed"]:
        raise typer.Exit(1)


def _require_ledger(runtime: Runtime, dataset: Dataset) -> None:
    """Better now than after the upload."""
    settings = runtime.settings
    if settings.etl_destination == "duckdb" and not settings.etl_duckdb_path.exists():
        raise SetupError(f"{settings.etl_duckdb_path} does not exist yet.", hint="to make it: etl-daemon init")
    runtime.review.lines(dataset, [])


def _checked(settings: Settings, dataset: Dataset, due: Sequence[Parcel]) -> list[Finding]:
    """What would be refused; what else the rules say goes to standard error."""
    with closing(decoder(settings)) as reader:
        files = Files({each.key: each.file for each in due})
        findings = examine(intake(settings, files, reader), dataset)
    show_findings(findings, console(stderr=True))
    return [each for each in findings if each.refused]


def _put(runtime: Runtime, due: Sequence[Parcel], options: UploadOptions) -> list[Delivery]:
    done = []
    with stopping(runtime.stop), bar(as_json=options.json) as show:
        way = _Way(show, len(due), sum(each.size for each in due))
        for delivery in Uploader(store(runtime), options.replace, way.sent, runtime.stop).deliver(due):
            done.append(delivery)
            way.ended(delivery)
    return done


@dataclass(slots=True)
class _Way:
    """How far an upload is; several files are under way at a time."""

    show: Show
    files: int
    bytes: int
    _ended: int = 0
    _sent: int = 0
    _lock: Lock = field(default_factory=Lock)

    def sent(self, size: int) -> None:
        """So many more bytes are there."""
        self._move(size, 0)

    def ended(self, delivery: Delivery) -> None:
        """A file is done with, put or not."""
        self._move(0 if delivery.result is Result.PUT else delivery.parcel.size, 1)

    def _move(self, size: int, files: int) -> None:
        with self._lock:
            self._sent += size
            self._ended += files
            self.show(Far(self._sent, self.bytes, f"{self._ended:,}/{self.files:,} files"))


def _awaited(runtime: Runtime, dataset: Dataset, done: Sequence[Delivery], options: UploadOptions) -> Lines:
    refs = [each.ref for each in done if each.ref]
    lines: Lines = {}
    stop = Signal()
    with stopping(stop), _spinner(len(refs), as_json=options.json) as show:
        for lines in Waiting(runtime.review, options.timeout, stop).settled(dataset, refs):
            show(len(lines))
    return lines


@contextmanager
def _spinner(objects: int, *, as_json: bool) -> Iterator[Callable[[int], None]]:
    if not drawn(as_json=as_json):
        yield lambda _: None
        return
    with console(stderr=True).status("") as status:
        yield lambda settled: status.update(f"{settled:,} of {objects:,} settled; Ctrl-C ends the waiting")


def _document(
    options: UploadOptions, done: Sequence[Delivery], lines: Lines, unfit: Sequence[Finding]
) -> dict[str, Any]:
    files = [_described(each, lines.get(each.parcel.key), waited=options.wait) for each in done]
    refused = [{"key": each.name, "reason": each.refused, "detail": each.detail} for each in unfit]
    well = all(each["result"] == Result.PUT and each["ledger"] in _WELL[options.wait] for each in files)
    return {"dataset": options.dataset, "failed": bool(unfit) or not well, "files": files, "unfit": refused}


_WELL = {False: (None,), True: (Outcome.LOADED, Outcome.SUPERSEDED)}
"""What the ledger may say of a file, without and with waiting."""


def _described(delivery: Delivery, line: LedgerLine | None, *, waited: bool) -> dict[str, Any]:
    parcel = delivery.parcel
    return {
        "file": str(parcel.file),
        "key": parcel.key,
        "bytes": parcel.size,
        "result": delivery.result,
        "detail": delivery.detail,
        "ledger": line.outcome if line else "pending" if waited and delivery.ref else None,
        "reason": line.reason if line else "",
        "rows": line.rows if line else None,
    }


def _show(found: dict[str, Any], dataset: Dataset, settings: Settings, *, waited: bool) -> None:
    out, files = console(), found["files"]
    for each in found["unfit"]:
        out.print(f"unfit {each['key']}: {each['reason']}. {each['detail']}", soft_wrap=True)
    if found["unfit"]:
        say("Nothing was put. Correct these files, or leave them out.", "bold")
        return
    put = [each for each in files if each["result"] == Result.PUT]
    size = sum(each["bytes"] for each in put)
    out.print(f"{dataset.name}: {len(put):,} of {len(files):,} files put, {size:,} bytes.")
    for each in files:
        _show_file(each, out, waited=waited)
    if any(each["result"] == Result.EXISTS for each in files):
        say("What is there already was left as it is. To put it in its place, run this again with --replace.", "bold")
    if any(each["result"] in {Result.FAILED, Result.LEFT} for each in files):
        say("Not all of it was put. Run the same command again: what is there already stays.", "bold")
    _show_lateness(put, dataset, settings, waited=waited)


def _show_file(each: dict[str, Any], out: Any, *, waited: bool) -> None:
    word = each["ledger"] if waited and each["ledger"] else each["result"]
    rows = f", {each['rows']:,} rows" if each["rows"] is not None and not each["reason"] else ""
    why = each["detail"] or (f"{each['reason']} (etl-daemon explain {each['reason']})" if each["reason"] else "")
    out.print(f"{word} {each['key']}{rows}{f': {why}' if why else ''}", soft_wrap=True)


def _show_lateness(put: Sequence[dict[str, Any]], dataset: Dataset, settings: Settings, *, waited: bool) -> None:
    zone = ZoneInfo(settings.partition_timezone)
    late = [each for each in put if not is_listed(dataset, each["key"], datetime.now(UTC), zone)]
    if late and not (waited and all(each["ledger"] != "pending" for each in late)):
        say(
            f"{len(late):,} lie in older partitions than each cycle lists: they are found by the next sweep, at most "
            f"{settings.etl_sweep_hours:g} hours away, or now by: etl-daemon backfill --dataset {dataset.name} "
            "--since 1h --until 0m"
        )
    elif waited and any(each["ledger"] == "pending" for each in put):
        say("Not all of it is in the ledger yet. Is the daemon at work? etl-daemon status", "bold")
