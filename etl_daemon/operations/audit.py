"""Listing, ledger and target compared with each other, both ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.model import ObjectRef, Outcome
from etl_daemon.core.planning import discovery
from etl_daemon.core.planning.discovery import FRAMES
from etl_daemon.core.review import Balance, LedgerLine
from etl_daemon.operations.batches import current
from etl_daemon.pipeline import Corridor
from etl_daemon.ports import Review


class Gap(StrEnum):
    """What does not agree."""

    MISSING = "missing"
    CHANGED = "changed"
    ORPHANED = "orphaned"
    MISCOUNTED = "miscounted"


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that does not agree, and how."""

    dataset: str
    gap: Gap
    key: str
    detail: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What was compared (objects listed, loaded and refused, and rows in the target), and what did not agree."""

    dataset: str
    listed: int
    loaded: int
    refused: int
    rows: int
    findings: tuple[Finding, ...]


def audit(dataset: Dataset, corridor: Corridor, review: Review, since: datetime) -> Audit:
    """Compare what was modified since then (UTC).

    The listing is read first: what is loaded meanwhile is then in the ledger and in the target, or in neither.

    Raises:
        TransientError, SetupError: the source or the destination did not answer as it should.
    """
    prefix = discovery.static_prefix(dataset.prefix)
    listing = corridor.intake.source.list(corridor.bucket, prefix)
    listed = {ref.key: ref for ref in listing if not ref.key.startswith(discovery.OWN_PREFIX)}
    balances = review.balanced(dataset)
    recent = [each for each in balances if (each.line.modified if each.line else each.modified or since) >= since]
    lines = {each.key: each.line for each in balances if each.line and each.line.bucket == corridor.bucket}
    restated = [key for key, ref in listed.items() if key in lines and lines[key].version != ref.version]
    listed.update(current(restated, corridor))  # it may have been loaded since it was listed
    elsewhere = current(_unlisted(recent, listed, corridor.bucket), corridor)
    gaps = [
        *_unloaded(listed, lines, dataset, since),
        *_orphaned(recent, {**elsewhere, **listed}, dataset, corridor.bucket),
        *_miscounted(recent, balances, dataset),
    ]
    counted = Counter(each.line.outcome for each in recent if each.line)
    return Audit(
        dataset.name,
        sum(ref.modified >= since for ref in listed.values()),
        counted[Outcome.LOADED],
        counted[Outcome.REFUSED],
        sum({each.key: each.held for each in recent}.values()),
        tuple(sorted(gaps, key=lambda each: (each.gap, each.key))),
    )


def _unlisted(recent: Sequence[Balance], listed: Mapping[str, ObjectRef], bucket: str) -> list[str]:
    """Keys of the bucket that are in the ledger, but not under the dataset's prefix: loaded from another one?"""
    lines = [each.line for each in recent if each.line and each.key not in listed]
    return [line.key for line in lines if line.bucket == bucket and not _is_frame(line)]


def _unloaded(
    listed: Mapping[str, ObjectRef], ledger: Mapping[str, LedgerLine], of: Dataset, since: datetime
) -> Iterator[Finding]:
    for key, ref in listed.items():
        line = ledger.get(key)
        if line is None and ref.modified >= since:
            yield Finding(of.name, Gap.MISSING, key, f"modified {ref.modified:%Y-%m-%dT%H:%M:%SZ}, not in the ledger")
        elif line and line.version != ref.version and max(line.modified, ref.modified) >= since:
            yield Finding(of.name, Gap.CHANGED, key, f"the ledger has version {line.version}, the source {ref.version}")


def _orphaned(recent: Sequence[Balance], there: Mapping[str, ObjectRef], of: Dataset, bucket: str) -> Iterator[Finding]:
    """Rows whose object is gone, or was never in the ledger; what comes from other buckets is not looked up."""
    for each in recent:
        line = each.line
        if line is None:
            yield Finding(of.name, Gap.ORPHANED, each.key, f"{each.held} rows in {of.table}, not in the ledger")
        elif line.rows and line.bucket == bucket and not _is_frame(line) and each.key not in there:
            yield Finding(of.name, Gap.ORPHANED, each.key, f"{line.rows} rows are loaded, but the object is gone")


def _miscounted(recent: Sequence[Balance], balances: Sequence[Balance], of: Dataset) -> Iterator[Finding]:
    expected: Counter[str] = Counter()
    for each in balances:
        expected[each.key] += each.line.rows if each.line else 0
    held = {each.key: each.held for each in recent if each.line}
    for key, rows in held.items():
        if rows != expected[key]:
            yield Finding(of.name, Gap.MISCOUNTED, key, f"the ledger has {expected[key]} rows, {of.table} {rows}")


def _is_frame(line: LedgerLine) -> bool:
    """Whether the rows never were an object in a bucket: a frame's key is made of its version, the content's hash."""
    return line.key.startswith(FRAMES) and line.version.startswith(line.key.removeprefix(FRAMES))
