"""Rows that leave the quarantine: one transaction brings them in under their old identity and settles the counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC

from etl_daemon.adapters.destination import ledger
from etl_daemon.adapters.destination.commit import found_anomalies, keep_anomalies
from etl_daemon.adapters.destination.ledger import Earlier
from etl_daemon.adapters.destination.publish import Published, publish
from etl_daemon.adapters.destination.work import Work, listed
from etl_daemon.core.model import Counts, Fence, ObjectReceipt, Outcome, Receipt
from etl_daemon.core.review import AuditLine
from etl_daemon.core.sql.review import ReviewSql
from etl_daemon.errors import EtlError, ObjectChangedError


def run(work: Work, fence: Fence, line: AuditLine, *, delivered: bool) -> Receipt:
    """All steps in order, in an open transaction; the caller commits, or rolls back if this raises.

    Raises:
        ObjectChangedError: another version of an object was loaded, its delivery was replaced, or its rows left the
            quarantine, meanwhile.
    """
    earlier = ledger.take_fence(work, fence)
    work = replace(work, now=earlier.at, flagged=earlier.flagged)
    sql = ReviewSql(work.dataset.database, work.dialect)
    _check_there(work, earlier, sql, delivered=delivered)
    published = publish(work, Counter())
    keep_anomalies(work)
    ledger.give_way(work, published.replaced)
    receipt = _receipt(work, published)
    _settle(work, receipt, sql)
    ledger.enter_batch(work, receipt, fence)
    work.session.run(sql.logged(), line.who, work.now, line.what, line.dataset, line.detail)
    return receipt


def _check_there(work: Work, earlier: Earlier, sql: ReviewSql, *, delivered: bool) -> None:
    """The versions that rows are replayed of must be those that the ledger has as loaded."""
    last = None
    if delivered:
        found = work.session.rows(sql.delivered(), *work.target, work.batch.plan.bucket, *work.target)
        last = {key for (key,) in found}
    for ref in work.batch.settled:
        if earlier.versions.get(ref.key) != (ref.version, Outcome.LOADED):
            raise ObjectChangedError(f"{ref.key} is not loaded in this version any more.")
        if last is not None and ref.key not in last:
            raise ObjectChangedError(f"The delivery of {ref.key} was replaced meanwhile.")


def _receipt(work: Work, published: Published) -> Receipt:
    """What became of the rows, compared with what is there."""
    objects = _objects(work, published)
    wanted = {line.ref.key: line.counts.loaded for line in objects if line.counts.loaded}
    there = ledger.arrived_rows(work)
    if there != wanted:
        raise EtlError(f"Replayed rows do not add up: {wanted}, in the table {there}.", hint="nothing was committed")
    return Receipt(
        work.batch.plan.batch_id,
        work.dataset.name,
        objects,
        anomalies=found_anomalies(work),
        replaced=published.replaced.total(),
        committed_at=work.now.replace(tzinfo=UTC),
    )


def _objects(work: Work, published: Published) -> tuple[ObjectReceipt, ...]:
    """What became of the rows that leave the quarantine, by object."""
    leaving, offered = Counter[str](), Counter[str]()
    for part in work.batch.slices:
        leaving[part.ref.key] += part.quarantined.num_rows
        offered[part.ref.key] += part.accepted.num_rows if part.stays is None else int(part.stays.sum())
    lines = []
    for ref in work.batch.settled:
        lost, filtered = published.superseded[ref.key], published.filtered[ref.key]
        loaded, beaten = offered[ref.key] - lost - filtered, leaving[ref.key] - offered[ref.key]
        lines.append(
            ObjectReceipt(ref, Outcome.LOADED, "", Counts(leaving[ref.key], loaded, 0, lost + beaten, filtered))
        )
    return tuple(lines)


def _settle(work: Work, receipt: Receipt, sql: ReviewSql) -> None:
    """Take the rows off the quarantine, and correct the ledger's counts."""
    leaving = receipt.counts.read
    marked = work.session.run(sql.replayed(work.findings), work.now, work.dataset.name)
    if marked != leaving:
        raise ObjectChangedError(f"{leaving - marked} of {leaving} rows left the quarantine meanwhile.")
    moved = [
        {
            "KEY": each.ref.key,
            "VERSION": each.ref.version,
            "READ": each.counts.read,
            "LOADED": each.counts.loaded,
            "SUPERSEDED": each.counts.superseded,
            "FILTERED": each.counts.filtered,
        }
        for each in receipt.objects
    ]
    whose = (*work.target, work.batch.plan.bucket)
    changed = work.session.run(sql.moved(), listed(moved), *whose, *whose)
    if changed != len(moved):
        raise EtlError(f"{changed} ledger lines were corrected instead of {len(moved)}.", hint="nothing was committed")
