"""``etl-daemon plan``: what ``once`` would do, and what it would take, without doing it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from etl_daemon.bootstrap.planning import ledger, planning
from etl_daemon.bootstrap.upstreams import fed
from etl_daemon.cli.once import asked
from etl_daemon.cli.options.corridor import OnceOptions
from etl_daemon.cli.outcome import EVERYTHING_HOURS
from etl_daemon.cli.printing import console, emit, table
from etl_daemon.cli.runbook import described, told
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.model import BatchPlan, ObjectRef
from etl_daemon.core.planning.statements import Statements, of_recall
from etl_daemon.operations.plan import Cycle, Intent, intent
from etl_daemon.vault import load_settings

if TYPE_CHECKING:
    from etl_daemon.adapters.destination.recall import Ledger

Document = dict[str, Any]
HEADS = [
    "dataset",
    "table",
    "mode",
    "#LISTs",
    "#listed",
    "#pending",
    "#bytes",
    "#batches",
    "#superseded",
    "#statements",
]


def plan(options: OnceOptions) -> None:
    """Look as a cycle looks, and print what it would do next.

    Raises:
        typer.Exit: with 1 where the cycle would fail for a dataset.
        EtlError: settings are wrong, or the destination did not answer.
    """
    settings = load_settings()
    with planning(settings) as opened:
        runtime = asked(opened, options)
        there = ledger(settings, runtime.datasets)
        cycle = Cycle(runtime.clock.now(), again=options.since is not None, force=options.force)
        upstream = fed(runtime.daemon(), runtime, extracting=False).upstream
        intents = [intent(each, there.known[each.name], runtime.corridor, cycle, upstream) for each in runtime.datasets]
    document = _document(settings, there, cycle.now, intents)
    if options.json:
        emit(document)
    else:
        _show(document)
    if document["failed"]:
        raise typer.Exit(1)


def _document(settings: Settings, there: Ledger, now: datetime, intents: Sequence[Intent]) -> Document:
    staging, made = configure.dialect(settings).staging, there.missing or there.cursors_missing
    cursors = {each.dataset.cursor_name for each in intents} if made else ()
    recall = of_recall(len(there.missing), len(cursors))
    total = sum((each.statements(staging) for each in intents), recall)
    return {
        "failed": any(each.error for each in intents),
        "at": _text(now),
        "destination": configure.place(settings),
        "missing": list(there.missing),
        "list_requests": sum(each.requests for each in intents),
        "statements": {"recall": recall.fit.most, **_spans(total)},
        "datasets": [_dataset(each, staging) for each in intents],
    }


def _dataset(one: Intent, staging: int) -> Document:
    found = one.found
    return {
        "dataset": one.dataset.name,
        "table": one.dataset.table,
        "mode": one.dataset.mode,
        "prefix": one.dataset.prefix,
        "swept": one.swept,
        "since": None if one.error else _text(found.since),
        "watermark": _text(one.cursor.watermark),
        "list_requests": one.requests,
        "objects": {
            "listed": found.listed,
            "pending": len(found.pending),
            "superseded": len(found.superseded),
            "ignored": found.ignored,
        },
        "bytes": _bytes(found.pending),
        "oldest_pending": _text(found.pending[0].modified) if found.pending else None,
        "statements": _spans(one.statements(staging)),
        "batches": [_batch(each) for each in one.batches],
        "error": described(one.error) if one.error else None,
    }


def _batch(one: BatchPlan) -> Document:
    return {
        "batch_id": one.batch_id,
        "objects": len(one.objects),
        "superseded": len(one.superseded),
        "bytes": _bytes(one.objects),
        "watermark": _text(one.watermark),
    }


def _bytes(refs: Iterable[ObjectRef]) -> int:
    return sum(ref.size for ref in refs)


def _spans(of: Statements) -> Document:
    return {"without_rejects": asdict(of.fit), "with_rejects": asdict(of.unfit)}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _show(document: Document) -> None:
    """Print the table, then what is to be said beside it."""
    out = console()
    title = f"What `once` would do at {document['at']} for {document['destination']}"
    out.print(table(title, [*HEADS, "watermark", "oldest pending"], map(_row, document["datasets"])))
    for line in _notes(document):
        out.print(line, soft_wrap=True)


def _row(one: Document) -> list[object]:
    objects = one["objects"]
    return [
        one["dataset"],
        one["table"],
        one["mode"],
        one["list_requests"],
        objects["listed"],
        objects["pending"],
        one["bytes"],
        len(one["batches"]),
        objects["superseded"],
        _range(one["statements"]["without_rejects"]),
        one["watermark"],
        one["oldest_pending"],
    ]


def _range(span: Document) -> str:
    least, most = span["least"], span["most"]
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _notes(document: Document) -> Iterable[str]:
    if document["missing"]:
        yield f"Missing, and made by the first cycle or `etl-daemon init`: {', '.join(document['missing'])}."
    for each in document["datasets"]:
        name, ignored, error = each["dataset"], each["objects"]["ignored"], each["error"]
        if each["swept"]:
            yield f"{name}: everything under its prefix is compared, as every ETL_SWEEP_HOURS."
        if ignored:
            yield (
                f"{name}: {ignored:,} objects are older than {each['since']} and would be left alone; to load them: "
                f"etl-daemon once --dataset {name} --since {EVERYTHING_HOURS}"
            )
        if error:
            yield f"{name}: would fail: {told(error)}"
    statements = document["statements"]
    fit, unfit = (_range(statements[name]) for name in ("without_rejects", "with_rejects"))
    first = "read the ledger and make what is missing" if document["missing"] else "read the ledger"
    more = f"; {unfit} where every batch has rows that are rejected or flagged" if unfit != fit else ""
    yield (
        f"In all: LIST requests {document['list_requests']:,}, statements {fit}, "
        f"of which {statements['recall']} {first}{more}."
    )
