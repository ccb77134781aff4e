"""The ledger's part of a commit: the fence, which versions are there already, and the lines that it gains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime, timedelta

import pyarrow as pa

from etl_daemon.adapters.duckdb.work import Work
from etl_daemon.core.datasets import TEXT
from etl_daemon.core.model import Fence, ObjectReceipt, Receipt
from etl_daemon.core.statements import CONTROL_TABLES, COUNT_COLUMNS
from etl_daemon.errors import LeaseLostError, ObjectChangedError, SetupError


def take_fence(work: Work, fence: Fence) -> None:
    """Claim the dataset for this generation and holder.

    Raises:
        LeaseLostError: a later generation, or another holder of this one, has committed.
        SetupError: the dataset has no cursor yet.
    """
    taken = work.execute(
        f"UPDATE {work.control('ETL_CURSORS')} SET LEASE_GENERATION = $2, HOLDER = $3 WHERE DATASET = $1 "
        "AND (LEASE_GENERATION < $2 OR (LEASE_GENERATION = $2 AND HOLDER = $3)) RETURNING DATASET",
        work.dataset.name,
        fence.generation,
        fence.holder,
    )
    if taken:
        return
    held = work.execute(
        f"SELECT LEASE_GENERATION, HOLDER FROM {work.control('ETL_CURSORS')} WHERE DATASET = ?", work.dataset.name
    )
    if not held:
        raise SetupError(f"Dataset {work.dataset.name} has no cursor.", hint="run `etl-daemon init`")
    raise LeaseLostError(
        f"Dataset {work.dataset.name} is held by {held[0][1]} in generation {held[0][0]}.",
        hint="only one daemon or one-shot may load a dataset at a time",
    )


def enter(work: Work) -> datetime:
    """Look up what the ledger has of the batch's keys (table ``earlier``), and give the commit its time.

    A clock that was set back must not hide the newer entry of a key, so the time is later than any of theirs.

    Raises:
        ObjectChangedError: a version is loaded already: another run did it, and this batch must be planned again.
    """
    settled = work.batch.settled
    keys, versions = ([getattr(ref, name) for ref in settled] for name in ("key", "version"))
    work.connection.register("settled", pa.table({"KEY": pa.array(keys, TEXT), "VERSION": pa.array(versions, TEXT)}))
    work.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE earlier AS SELECT KEY, arg_max(VERSION, COMMITTED_AT) AS LATEST, "
        "arg_max(OUTCOME, COMMITTED_AT) AS OUTCOME, "
        f"max(COMMITTED_AT) AS COMMITTED_AT FROM {work.control('ETL_OBJECTS')} SEMI JOIN settled USING (KEY) "
        "WHERE DATASET = ? AND TARGET_TABLE = ? AND BUCKET = ? GROUP BY KEY",
        [work.dataset.name, work.dataset.table, work.batch.plan.objects[0].bucket],
    )
    known = work.execute(
        "SELECT KEY FROM earlier JOIN settled USING (KEY) WHERE LATEST = VERSION AND OUTCOME = 'loaded' LIMIT 1"
    )
    if known:
        raise ObjectChangedError(f"Another run has committed {known[0][0]} meanwhile.")
    latest = work.execute("SELECT max(COMMITTED_AT) FROM earlier")[0][0]
    return max(work.now, latest + timedelta(microseconds=1)) if latest else work.now


def settle(work: Work, objects: Sequence[ObjectReceipt], replaced: Counter[str]) -> None:
    """Ledger lines of the batch, and on older lines how many of their rows gave way."""
    ledger = work.control("ETL_OBJECTS")
    if replaced:
        work.connection.register(
            "gave_way", pa.table({"KEY": list(replaced), "ROWS": pa.array(replaced.values(), pa.int64())})
        )
        mine = "DATASET = $1 AND TARGET_TABLE = $2 AND OUTCOME = 'loaded'"
        work.execute(
            f"UPDATE {ledger} SET ROWS_REPLACED = ROWS_REPLACED + gave_way.ROWS FROM gave_way "
            f"WHERE {ledger}.KEY = gave_way.KEY AND {mine} AND ({ledger}.KEY, COMMITTED_AT) IN "
            f"(SELECT KEY, max(COMMITTED_AT) FROM {ledger} WHERE {mine} GROUP BY KEY)",
            work.dataset.name,
            work.dataset.table,
        )
    work.connection.register(
        "lines", pa.Table.from_pylist([_line(work, each) for each in objects], CONTROL_TABLES["ETL_OBJECTS"])
    )
    work.execute(f"INSERT INTO {ledger} BY NAME FROM lines")


def _line(work: Work, each: ObjectReceipt) -> dict[str, object]:
    ref, counts = each.ref, dict(zip(COUNT_COLUMNS, astuple(each.counts), strict=True))
    return {
        "DATASET": work.dataset.name,
        "TARGET_TABLE": work.dataset.table,
        "BUCKET": ref.bucket,
        "KEY": ref.key,
        "VERSION": ref.version,
        "ETAG": ref.etag,
        "SIZE": ref.size,
        "MODIFIED": ref.modified.replace(tzinfo=None),
        "BATCH_ID": work.batch.plan.batch_id,
        "OUTCOME": each.outcome.value,
        "REASON": each.reason,
        **counts,
        "ROWS_REPLACED": 0,
        "COMMITTED_AT": work.now,
    }


def record(work: Work, receipt: Receipt, fence: Fence) -> None:
    """The batch's own line, and the cursor moved to its watermark."""
    counts = receipt.counts
    work.execute(
        f"INSERT INTO {work.control('ETL_BATCHES')} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        receipt.batch_id,
        work.dataset.name,
        work.dataset.table,
        len(receipt.objects),
        *astuple(counts),
        receipt.replaced,
        sum(receipt.anomalies.values()),
        fence.generation,
        fence.holder,
        work.now,
    )
    watermark = work.batch.plan.watermark
    if watermark:
        work.execute(
            f"UPDATE {work.control('ETL_CURSORS')} SET WATERMARK = greatest(coalesce(WATERMARK, $1), $1) "
            "WHERE DATASET = $2",
            watermark.replace(tzinfo=None),
            work.dataset.name,
        )
