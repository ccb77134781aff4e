"""One batch's transaction, step by step: fence, ledger, rows, quarantine, anomalies, counts, cursor."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC

import pyarrow as pa

from etl_daemon.adapters.duckdb import ledger
from etl_daemon.adapters.duckdb.publish import Published, publish
from etl_daemon.adapters.duckdb.work import Work
from etl_daemon.core.datasets import TEXT
from etl_daemon.core.model import CleanSlice, Counts, Fence, ObjectReceipt, Outcome, Receipt
from etl_daemon.errors import EtlError


def run(work: Work, fence: Fence) -> Receipt:
    """All steps in order, in an open transaction; the caller commits, or rolls back if this raises."""
    ledger.take_fence(work, fence)
    work = replace(work, now=ledger.enter(work))
    restated = _replace_restated(work)
    published = _publish_rows(work)
    objects = _account(work, published)
    _quarantine(work)
    _flag(work)
    replaced = restated + published.replaced
    ledger.settle(work, objects, replaced)
    receipt = _receipt(work, objects, replaced.total())
    ledger.record(work, receipt, fence)
    return receipt


def _replace_restated(work: Work) -> Counter[str]:
    """Take away what earlier versions of the batch's loaded objects brought in."""
    refused = {item.ref for item in work.batch.refusals}
    keys = [ref.key for ref in work.batch.settled if ref not in refused]
    work.connection.register("arriving", pa.table({"KEY": pa.array(keys, TEXT)}))
    work.connection.execute("CREATE OR REPLACE TEMP TABLE restated AS FROM earlier SEMI JOIN arriving USING (KEY)")
    if not work.execute("SELECT 1 FROM restated LIMIT 1"):
        return Counter()
    work.execute(
        f"DELETE FROM {work.anomalies.table} WHERE DETECTED_BY = ? AND _OBJECT_KEY IN (SELECT KEY FROM restated)",
        work.detector,
    )
    gone = work.execute(
        f"DELETE FROM {work.dataset.table} WHERE _OBJECT_KEY IN (SELECT KEY FROM restated) RETURNING _OBJECT_KEY"
    )
    return Counter(str(row[0]) for row in gone)


def _publish_rows(work: Work) -> Published:
    work.offer("staged", [(each, each.accepted, each.stays) for each in work.batch.slices])
    published = publish(work.connection, work.dataset)
    if published.replaced:
        work.execute(
            f"DELETE FROM {work.anomalies.table} AS a USING beaten AS b WHERE a.DETECTED_BY = ? "
            "AND a._OBJECT_KEY = b._OBJECT_KEY AND a._OBJECT_ROW = b._OBJECT_ROW",
            work.detector,
        )
    return published


def _account(work: Work, published: Published) -> tuple[ObjectReceipt, ...]:
    """One line per object, its rows accounted for; raises where a row is unaccounted for."""
    totals: dict[str, Counts] = {}
    for each in work.batch.slices:
        totals[each.ref.key] = totals.get(each.ref.key, Counts()) + each.counts
    refused = {item.ref: item.reason for item in work.batch.refusals}
    lines = []
    for ref in work.batch.settled:
        counts, lost = totals.get(ref.key, Counts()), published.superseded[ref.key]
        counts = replace(counts, loaded=counts.loaded - lost, superseded=counts.superseded + lost)
        outcome = Outcome.REFUSED if ref in refused else Outcome.LOADED
        lines.append(ObjectReceipt(ref, outcome, refused.get(ref, ""), counts))
    _check(work, lines)
    return tuple(lines)


def _check(work: Work, lines: list[ObjectReceipt]) -> None:
    """What the counts say must be what the table holds, and no row may be missing from them."""
    there = dict(
        work.execute(
            f"SELECT _OBJECT_KEY, count(*) FROM {work.dataset.table} "
            "WHERE _BATCH_ID = ? AND _LOADED_AT = ? GROUP BY ALL",
            work.batch.plan.batch_id,
            work.now,
        )
    )
    for line in lines:
        if not line.counts.conserved or there.get(line.ref.key, 0) != line.counts.loaded:
            raise EtlError(
                f"Rows of {line.ref.key} do not add up: {line.counts}, in the table {there.get(line.ref.key, 0)}.",
                hint="nothing was committed; please report this with the object",
            )


def _quarantine(work: Work) -> None:
    tables = [_with_version(each) for each in work.batch.slices if each.quarantined.num_rows]
    if tables:
        work.connection.register("rejected", pa.concat_tables(tables))
        work.connection.execute(
            f"INSERT INTO {work.control('ETL_QUARANTINE')} BY NAME SELECT *, "
            "md5(concat_ws(chr(31), $1, OBJECT_KEY, OBJECT_VERSION, OBJECT_ROW)) AS QUARANTINE_ID, "
            "$1 AS DATASET, $2 AS BATCH_ID, $3 AS QUARANTINED_AT FROM rejected",
            [work.dataset.name, work.batch.plan.batch_id, work.now],
        )


def _flag(work: Work) -> None:
    """Anomalies of the rows that were loaded; those of rows that lost go with their rows."""
    tables = [(each, each.anomalies, None) for each in work.batch.slices if each.anomalies.num_rows]
    if tables:
        work.offer("flagged", tables)
        work.connection.execute(
            f"INSERT INTO {work.anomalies.table} BY NAME FROM flagged ANTI JOIN lost USING (_OBJECT_KEY, _OBJECT_ROW)"
        )


def _receipt(work: Work, objects: tuple[ObjectReceipt, ...], replaced: int) -> Receipt:
    reasons: Counter[str] = Counter()
    for each in work.batch.slices:
        reasons.update(each.reasons)
    severities = work.execute(
        f"SELECT SEVERITY, count(*) FROM {work.anomalies.table} "
        "WHERE _BATCH_ID = ? AND _LOADED_AT = ? AND DETECTED_BY = ? GROUP BY ALL",
        work.batch.plan.batch_id,
        work.now,
        work.detector,
    )
    return Receipt(
        work.batch.plan.batch_id,
        work.dataset.name,
        objects,
        work.batch.deferrals,
        dict(reasons),
        dict(severities),
        replaced,
        work.batch.plan.watermark,
        work.now.replace(tzinfo=UTC),
    )


def _with_version(part: CleanSlice) -> pa.Table:
    rows = part.quarantined.num_rows
    for name, text in (("OBJECT_KEY", part.ref.key), ("OBJECT_VERSION", part.ref.version)):
        part = replace(part, quarantined=part.quarantined.append_column(name, pa.repeat(pa.scalar(text, TEXT), rows)))
    return part.quarantined
