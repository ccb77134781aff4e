"""``etl-daemon quarantine list`` and ``show``: what was rejected, and why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from etl_daemon.bootstrap.runtime import Runtime
from etl_daemon.cli.options.operate import ListOptions
from etl_daemon.cli.printing import console, emit, table
from etl_daemon.cli.selecting import reviewing, selection
from etl_daemon.core.review import LedgerLine, QuarantinedRow, Selection
from etl_daemon.core.rules.explanations import OBJECTS, ROWS, UNKNOWN
from etl_daemon.core.visible import visible
from etl_daemon.errors import EtlError

SHORT_ID = 10
"""Digits of an id that are shown: enough to tell a million rows apart."""

Document = dict[str, Any]


def listing(options: ListOptions) -> None:
    """Print rejected rows, or refused objects.

    Raises:
        EtlError: settings are wrong, or the destination cannot be opened.
    """
    with reviewing() as runtime:
        selected = selection(options, [each.name for each in runtime.datasets], options.state)
        if options.objects:
            return _objects(runtime, selected, options)
        rows = runtime.review.quarantined(selected, options.limit)
        counts = runtime.review.counted(selected)
    total = sum(count for _, _, count in counts)
    if options.json:
        return emit({"rows": [document(row) for row in rows], "selected": total})
    cells = [
        (
            row.id[:SHORT_ID],
            row.dataset,
            row.key,
            row.row,
            ", ".join(row.reasons),
            _when(row.quarantined_at),
            _state(row),
        )
        for row in rows
    ]
    console().print(table("", ["id", "dataset", "object", "#row", "reasons", "quarantined at", "state"], cells))
    console().print(f"{len(rows):,} of {total:,} rows. To see one in full: etl-daemon quarantine show ID")
    return None


def show(beginning: str, *, as_json: bool) -> None:
    """Print one row in full.

    Raises:
        EtlError: no row, or more than one, has such an id.
    """
    with reviewing() as runtime:
        found = runtime.review.quarantined(Selection(ids=(beginning.lower(),), state="any"), 3)
    if len({row.id for row in found}) != 1:
        few = "No quarantined row has" if not found else "Several quarantined rows have"
        hint = "take the id from `etl-daemon quarantine list --state any`" if not found else "give more of its digits"
        raise EtlError(f"{few} an id that begins with {beginning!r}.", hint=hint)
    row = found[0]  # the latest, where it was rejected again
    reasons = {code: ROWS.get(code, UNKNOWN) for code in row.reasons}
    if as_json:
        return emit({**document(row), "explanations": {code: asdict(each) for code, each in reasons.items()}})
    out = console()
    for name, value in document(row).items():
        if value is not None and name not in {"raw", "reasons"}:
            out.print(f"{name:<15} {visible(str(value))}", soft_wrap=True)
    for code, each in reasons.items():
        out.print(f"{'reason':<15} {code}: {each.what}\n{'':<15} To do: {each.do}.", soft_wrap=True)
    out.print("raw:")
    out.print(visible(row.raw or ""), soft_wrap=True)
    return None


def document(row: QuarantinedRow) -> Document:
    """A row as JSON has it."""
    return {**asdict(row), **{name: _iso(getattr(row, name)) for name in asdict(row) if name.endswith("_at")}}


def refused_objects(runtime: Runtime, selected: Selection) -> dict[str, list[LedgerLine]]:
    """Refused objects that the selection means, by dataset; its instants are those of the refusal."""
    found = {}
    for dataset in runtime.datasets:
        if selected.dataset in {None, dataset.name}:
            found[dataset.name] = [line for line in runtime.review.refused(dataset) if _meant(line, selected)]
    return found


def _meant(line: LedgerLine, selected: Selection) -> bool:
    return (
        selected.reason in {None, line.reason}
        and selected.key in {None, line.key}
        and (selected.since is None or line.committed_at >= selected.since)
        and (selected.until is None or line.committed_at < selected.until)
    )


def _objects(runtime: Runtime, selected: Selection, options: ListOptions) -> None:
    found = [(name, line) for name, lines in refused_objects(runtime, selected).items() for line in lines]
    shown = sorted(found, key=lambda each: each[1].committed_at, reverse=True)[: options.limit]
    if options.json:
        return emit({"objects": [_described(*each) for each in shown], "selected": len(found)})
    cells = [
        (name, line.key, line.reason, _when(line.committed_at), OBJECTS.get(line.reason, UNKNOWN).do)
        for name, line in shown
    ]
    console().print(table("", ["dataset", "object", "reason", "refused at", "to do"], cells))
    console().print(
        f"{len(shown):,} of {len(found):,} objects. To read them again: etl-daemon quarantine replay --refused"
    )
    return None


def _described(name: str, line: LedgerLine) -> Document:
    return {
        "dataset": name,
        "bucket": line.bucket,
        "key": line.key,
        "version": line.version,
        "reason": line.reason,
        "refused_at": _iso(line.committed_at),
        **asdict(OBJECTS.get(line.reason, UNKNOWN)),
    }


def _state(row: QuarantinedRow) -> str:
    return "discarded" if row.discarded_at else "replayed" if row.replayed_at else "open"


def _when(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
