"""One batch's transaction, step by step: fence, ledger, rows, quarantine, anomalies, counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC

from etl_daemon.adapters.destination import ledger
from etl_daemon.adapters.destination.ledger import Earlier
from etl_daemon.adapters.destination.publish import Published, publish
from etl_daemon.adapters.destination.work import Work, listed
from etl_daemon.core.model import Counts, Fence, ObjectReceipt, Outcome, Receipt
from etl_daemon.core.sql.ledger import flagged, severities
from etl_daemon.errors import EtlError


def run(work: Work, fence: Fence) -> Receipt:
    """All steps in order, in an open transaction; the caller commits, or rolls back if this raises."""
    earlier = ledger.take_fence(work, fence)
    ledger.check_new(work, earlier)
    work = replace(work, now=earlier.at, flagged=earlier.flagged)
    restated = _restated(work, earlier)
    published = publish(work, restated) if work.rows else Published()
    _keep_findings(work, earlier)
    ledger.give_way(work, restated + published.replaced)
    receipt = _receipt(work, published, restated.total() + published.replaced.total() + published.emptied)
    ledger.enter(work, receipt, fence)
    return receipt


def _restated(work: Work, earlier: Earlier) -> Counter[str]:
    """Rows that earlier versions of the batch's loaded objects have in the target, where they give way to these."""
    if work.dataset.mode.replaces or work.dataset.by_timestamp:
        return Counter()
    return +Counter({ref.key: earlier.present[ref.key] for ref in work.batch.loaded})


def _keep_findings(work: Work, earlier: Earlier) -> None:
    """Rejected rows and anomalies."""
    again = [ref for ref in work.batch.loaded if ref.key in earlier.reread]
    if again:
        versions = listed({"KEY": ref.key, "VERSION": ref.version} for ref in again)
        work.session.run(work.sql.reopened(), versions, work.dataset.name)
    if not work.findings:
        return
    if any(part.quarantined.num_rows for part in work.batch.slices):
        work.session.run(work.sql.quarantined(work.findings), work.dataset.name, *work.stamp)
    keep_anomalies(work)


def keep_anomalies(work: Work) -> None:
    """Anomalies of the rows that were loaded; those of rows that lost go with their rows."""
    if any(part.anomalies.num_rows for part in work.batch.slices):
        statement = flagged(work.anomalies.table, work.dataset.table, work.findings, work.dialect)
        work.session.run(statement, *work.stamp, *work.stamp)


def _receipt(work: Work, published: Published, replaced: int) -> Receipt:
    """What came in, every row accounted for."""
    objects = tuple(_lines(work, published))
    for line in objects:
        if not line.counts.conserved:
            raise EtlError(
                f"Rows of {line.ref.key} do not add up: {line.counts}.",
                hint="nothing was committed; please report this with the object",
            )
    reasons: Counter[str] = Counter()
    for each in work.batch.slices:
        reasons.update(each.reasons)
    return Receipt(
        work.batch.plan.batch_id,
        work.dataset.name,
        objects,
        work.batch.deferrals,
        dict(reasons),
        found_anomalies(work),
        replaced,
        work.batch.plan.watermark,
        work.now.replace(tzinfo=UTC),
    )


def found_anomalies(work: Work) -> dict[str, int]:
    """Anomalies that this commit keeps, by severity."""
    if not any(part.anomalies.num_rows for part in work.batch.slices):
        return {}
    found = work.session.rows(severities(work.anomalies.table), *work.stamp, work.dataset.detector)
    return {severity: int(rows) for severity, rows in found}


def _lines(work: Work, published: Published) -> list[ObjectReceipt]:
    """One line per object, its rows accounted for."""
    totals: dict[str, Counts] = {}
    for each in work.batch.slices:
        totals[each.ref.key] = totals.get(each.ref.key, Counts()) + each.counts
    refused = {item.ref: item.reason for item in work.batch.refusals}
    lines = []
    for ref in work.batch.settled:
        lost, filtered = published.superseded[ref.key], published.filtered[ref.key]
        counts = totals.get(ref.key, Counts()) + Counts(loaded=-lost - filtered, superseded=lost, filtered=filtered)
        outcome = Outcome.REFUSED if ref in refused else Outcome.LOADED
        lines.append(ObjectReceipt(ref, outcome, refused.get(ref, ""), counts))
    lines += [ObjectReceipt(ref, Outcome.SUPERSEDED, "older_delivery") for ref in work.batch.plan.superseded]
    return lines
