"""Rows that leave the quarantine: one transaction brings them in under their old identity and settles the counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from etl_daemon.adapters.destination import ledger
from etl_daemon.adapters.destination.commit import arrived_rows, keep_anomalies
from etl_daemon.adapters.destination.publish import publish
from etl_daemon.adapters.destination.work import Work, listed
from etl_daemon.core.model import Counts, Fence, ObjectReceipt, Outcome, Receipt
from etl_daemon.core.review import AuditLine, Replay, ReviewSql
from etl_daemon.errors import EtlError, ObjectChangedError


def run(work: Work, fence: Fence, replay: Replay, line: AuditLine) -> Receipt:
    """All steps in order, in an open transaction; the caller commits, or rolls back if this raises.

    Raises:
        ObjectChangedError: another version of an object was loaded, or its rows were replayed, meanwhile.
    """
    earlier = ledger.take_fence(work, fence)
    work = replace(work, now=earlier.at)
    for ref in work.batch.settled:
        if earlier.versions.get(ref.key) != (ref.version, Outcome.LOADED):
            raise ObjectChangedError(f"{ref.key} was loaded in another version meanwhile.")
    published = publish(work, Counter())
    keep_anomalies(work)
    ledger.give_way(work, published.replaced)
    objects = _objects(work, replay, published.superseded, published.filtered)
    _settle(work, objects, replay, line)
    counts = {line.ref.key: line.counts.loaded for line in objects if line.counts.loaded}
    there, severities = arrived_rows(work)
    if there != counts:
        raise EtlError(f"Replayed rows do not add up: {counts}, in the table {there}.", hint="nothing was committed")
    batch_id, name = work.batch.plan.batch_id, work.dataset.name
    return Receipt(batch_id, name, objects, anomalies=severities, replaced=published.replaced.total())


def _objects(work: Work, replay: Replay, superseded: Counter[str], filtered: Counter[str]) -> tuple[ObjectReceipt, ...]:
    """What became of the rows that leave the quarantine, by object."""
    staged: Counter[str] = Counter()
    for part in work.batch.slices:
        staged[part.ref.key] += part.accepted.num_rows if part.stays is None else int(part.stays.sum())
    lines = []
    for ref in work.batch.settled:
        read, offered = len(replay.rows[ref]), staged[ref.key]
        lost = superseded[ref.key] + (read - offered)
        loaded = offered - superseded[ref.key] - filtered[ref.key]
        lines.append(ObjectReceipt(ref, Outcome.LOADED, "", Counts(read, loaded, 0, lost, filtered[ref.key])))
    return tuple(lines)


def _settle(work: Work, objects: tuple[ObjectReceipt, ...], replay: Replay, line: AuditLine) -> None:
    sql = ReviewSql(work.dataset.database, work.dialect)
    left = [(ref, number) for ref, rows in replay.rows.items() for number in rows]
    places = [{"KEY": ref.key, "VERSION": ref.version, "NUMBER": number} for ref, number in left]
    marked = work.session.run(sql.replayed(), work.now, listed(places), work.dataset.name)
    if marked != len(places):
        raise ObjectChangedError(f"{len(places) - marked} of {len(places)} rows left the quarantine meanwhile.")
    moved = [
        {
            "KEY": each.ref.key,
            "VERSION": each.ref.version,
            "READ": each.counts.read,
            "LOADED": each.counts.loaded,
            "SUPERSEDED": each.counts.superseded,
            "FILTERED": each.counts.filtered,
        }
        for each in objects
    ]
    work.session.run(sql.moved(), listed(moved), *work.target, *work.target)
    work.session.run(sql.logged(), line.who, work.now, line.what, line.dataset, line.detail)
