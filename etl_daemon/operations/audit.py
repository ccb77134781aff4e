"""Listing, ledger and target compared with each other, both ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from etl_daemon.core import discovery
from etl_daemon.core.datasets import Dataset, Kind
from etl_daemon.core.model import ObjectRef, Outcome
from etl_daemon.core.review import LedgerLine
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
    """What was compared, and what did not agree."""

    dataset: str
    listed: int
    loaded: int
    refused: int
    rows: int
    findings: tuple[Finding, ...]


def audit(dataset: Dataset, corridor: Corridor, review: Review, since: datetime) -> Audit:
    """Compare what was modified since then (UTC).

    Raises:
        TransientError, SetupError: the source or the destination did not answer as it should.
    """
    prefix = discovery.static_prefix(dataset.prefix)
    listing = corridor.intake.source.list(corridor.bucket, prefix)
    listed = {ref.key: ref for ref in listing if not ref.key.startswith(discovery.OWN_PREFIX)}
    ledger = {line.key: line for line in review.ledger(dataset, corridor.bucket)}
    held = review.held(dataset)
    recent = {key: ref for key, ref in listed.items() if ref.modified >= since}
    lines = {key: line for key, line in ledger.items() if line.modified >= since}
    gaps = [
        *_unloaded(recent, ledger, dataset),
        *_orphaned(lines, listed, dataset),
        *_miscounted(lines, {key: rows for key, (rows, _) in held.items()}, dataset),
        *_unknown({key: rows for key, (rows, at) in held.items() if at >= since}, ledger, dataset),
    ]
    return Audit(
        dataset.name,
        len(recent),
        sum(line.outcome == Outcome.LOADED for line in lines.values()),
        sum(line.outcome == Outcome.REFUSED for line in lines.values()),
        sum(line.rows for line in lines.values()),
        tuple(sorted(gaps, key=lambda each: (each.gap, each.key))),
    )


def _unloaded(listed: Mapping[str, ObjectRef], ledger: Mapping[str, LedgerLine], of: Dataset) -> Iterator[Finding]:
    for key, ref in listed.items():
        line = ledger.get(key)
        if line is None:
            yield Finding(of.name, Gap.MISSING, key, f"modified {ref.modified:%Y-%m-%dT%H:%M:%SZ}, not in the ledger")
        elif line.version != ref.version:
            yield Finding(of.name, Gap.CHANGED, key, f"the ledger has version {line.version}, the source {ref.version}")


def _orphaned(lines: Mapping[str, LedgerLine], listed: Mapping[str, ObjectRef], of: Dataset) -> Iterator[Finding]:
    for key, line in lines.items():
        if key not in listed:
            yield Finding(of.name, Gap.ORPHANED, key, f"{line.outcome}, but no longer under {of.prefix}")


def _miscounted(lines: Mapping[str, LedgerLine], held: Mapping[str, int], of: Dataset) -> Iterator[Finding]:
    for key, line in lines.items():
        if held.get(key, 0) != line.rows:
            detail = f"the ledger has {line.rows} rows, {of.table} {held.get(key, 0)}"
            yield Finding(of.name, Gap.MISCOUNTED, key, detail)


def _unknown(held: Mapping[str, int], ledger: Mapping[str, LedgerLine], of: Dataset) -> Iterator[Finding]:
    """Rows of objects that the ledger never heard of."""
    for key, rows in held.items():
        if key not in ledger and of.kind is not Kind.ANOMALIES:
            yield Finding(of.name, Gap.ORPHANED, key, f"{rows} rows in {of.table}, not in the ledger")
