"""What is known of a dataset, kept as the ledger now has it: after a commit nothing is asked again."""

from __future__ import annotations

from dataclasses import replace

from etl_daemon.core.datasets import Mode
from etl_daemon.core.model import Known, Outcome, Receipt


def seen(known: Known, mode: Mode, *, again: bool = False, force: bool = False) -> Known:
    """What counts as seen in a cycle: with ``again`` no refused object, with ``force`` in mode FULL none at all."""
    if force and mode is Mode.FULL:
        return replace(known, versions=dict.fromkeys(known.versions, ""))
    if not again:
        return known
    return replace(known, versions={key: of for key, of in known.versions.items() if key not in known.refused})


def learned(known: Known, receipt: Receipt, mode: Mode, *, listed: bool = True) -> Known:
    """What is known after a commit; versions are entered in place, since there may be millions.

    Objects that were named, not ``listed``, say nothing of the keys before theirs.
    """
    _enter(known, receipt, mode)
    marks = [mark for mark in (known.cursor.watermark, receipt.watermark) if mark]
    watermark = max(marks, default=None)
    keys = [line.ref.key for line in receipt.objects if watermark and line.ref.modified <= watermark and listed]
    cursor = replace(known.cursor, watermark=watermark)
    return replace(known, cursor=cursor, settled_key=max([known.settled_key, *keys]))


def _enter(known: Known, receipt: Receipt, mode: Mode) -> None:
    outcomes = {line.outcome for line in receipt.objects}
    if mode is Mode.FULL and Outcome.LOADED in outcomes:
        known.versions.clear()  # the ledger holds what was committed last, and nothing else
        known.refused.clear()
    for line in receipt.objects:
        known.versions[line.ref.key] = line.ref.version
        known.refused.discard(line.ref.key)
        if line.outcome is Outcome.REFUSED:
            known.refused.add(line.ref.key)
        if mode is Mode.TRUNCATE_INSERT:
            known.modified[line.ref.key] = line.ref.modified
