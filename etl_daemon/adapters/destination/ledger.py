"""The ledger's part of a commit: the fence, what is there already, and the lines that it gains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from etl_daemon.adapters.destination.work import Work, listed
from etl_daemon.core.datasets import Mode
from etl_daemon.core.model import Fence, ObjectReceipt, Outcome, Receipt
from etl_daemon.core.sql.ledger import arrived
from etl_daemon.core.sql.tables import COUNT_COLUMNS
from etl_daemon.core.sql.versions import accepted
from etl_daemon.errors import EtlError, LeaseLostError, ObjectChangedError, SetupError


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the ledger has of a batch's keys: latest version and outcome, and how many rows of each are in the target.

    ``reread`` holds keys whose version was read before and left rows in the quarantine. ``at`` is the time of the
    commit, later than any before, since a clock that was set back must not hide what is newer.
    ``flagged``: there are anomalies that were found in the dataset's rows.
    """

    at: datetime
    flagged: bool
    versions: dict[str, tuple[str, str]] = field(default_factory=dict)
    present: Counter[str] = field(default_factory=Counter)
    reread: frozenset[str] = frozenset()


def take_fence(work: Work, fence: Fence) -> Earlier:
    """Claim the cursor for this generation and holder, move its watermark, and look up the batch's keys.

    Raises:
        LeaseLostError: a later generation, or another holder of this one, has committed.
        SetupError: the dataset has no cursor yet.
        ConfigError: a later program has upgraded the control tables meanwhile.
        EtlError: the staging table does not hold what was sent.
    """
    mark, cursor = _naive(work.batch.plan.watermark), work.dataset.cursor_name
    claim = (fence.generation, fence.holder)
    work.session.run(work.sql.fence(), *claim, mark, mark, cursor, fence.generation, *claim)
    entered = (*work.batch.settled, *work.batch.plan.superseded)
    versions = listed({"KEY": ref.key, "VERSION": ref.version} for ref in entered)
    lookup = work.sql.holder(work.rows, work.anomalies.table)
    bucket = work.batch.plan.bucket
    found = work.session.rows(lookup, work.dataset.detector, *work.target, *work.target, bucket, versions, cursor)
    if not found:
        raise SetupError(f"Dataset {work.dataset.name} has no cursor {cursor}.", hint="run `etl-daemon init`")
    accepted(found[0][2])
    if tuple(found[0][:2]) != claim:
        raise LeaseLostError(
            f"Dataset {work.dataset.name} is held by {found[0][1]} in generation {found[0][0]}.",
            hint="only one daemon or one-shot may load a dataset at a time",
        )
    if int(found[0][3]) != work.rows_staged:
        raise EtlError(
            f"{work.rows_staged} rows were staged, but {work.rows} holds {found[0][3]}.",
            hint="nothing was committed; the next cycle stages them anew",
        )
    return _earlier(found, work.now)


def _earlier(found: Sequence[tuple[Any, ...]], now: datetime) -> Earlier:
    flagged, last = found[0][4:6]
    lines = [line[6:] for line in found if line[6] is not None]
    return Earlier(
        max(now, last + timedelta(microseconds=1)) if last else now,
        bool(flagged),
        {key: (version, outcome) for key, version, outcome, _, _ in lines},
        +Counter({key: int(present) for key, _, _, present, _ in lines}),
        frozenset(key for key, *_, rejected in lines if rejected),
    )


def check_new(work: Work, earlier: Earlier) -> None:
    """Each version is loaded once; modes that replace the table read what they need again.

    Raises:
        ObjectChangedError: a version is loaded already: another run did it, and this batch must be planned again.
    """
    for ref in work.batch.settled:
        if earlier.versions.get(ref.key) == (ref.version, Outcome.LOADED) and not work.dataset.mode.replaces:
            raise ObjectChangedError(f"Another run has committed {ref.key} meanwhile.")


def check_whose(work: Work, restated: Counter[str]) -> None:
    """Where more rows gave way than there were of these objects: rows know the key only, not the bucket.

    Raises:
        SetupError: the target has rows of a restated key from another bucket.
    """
    keys, bucket = listed({"KEY": key} for key in restated), work.batch.plan.bucket
    others = work.session.rows(work.sql.elsewhere(), keys, *work.target, bucket)
    if others:
        raise SetupError(
            f"{work.dataset.table} has rows of {others[0][1]} from another bucket too, {others[0][0]!r}.",
            hint="give each bucket a table of its own, or tell the ledger that they are one: "
            "docs/faq.md, Moving to another bucket",
        )


def give_way(work: Work, replaced: Counter[str]) -> None:
    """Note on older lines how many of their rows gave way."""
    if work.dataset.mode.replaces and work.rows:
        full = work.dataset.mode is Mode.FULL
        work.session.run(work.sql.forgotten() if full else work.sql.emptied(), *work.target)
    elif replaced:
        gone = listed({"KEY": key, "GONE": rows} for key, rows in replaced.items())
        work.session.run(work.sql.replaced(), gone, *work.target, *work.target)


def enter(work: Work, receipt: Receipt, fence: Fence) -> None:
    """Lines of the batch's objects, and of the batch itself.

    Raises:
        EtlError: what the lines say is not what the target holds.
    """
    lines = listed(_line(work, each) for each in receipt.objects)
    if work.rows:
        entered = work.session.run(work.sql.lines(work.dataset.table), lines, *work.stamp)
    else:
        entered = work.session.run(work.sql.lines(), lines)
    if entered != len(receipt.objects):
        raise _unbalanced(work, receipt)
    enter_batch(work, receipt, fence)


def _unbalanced(work: Work, receipt: Receipt) -> EtlError:
    """What is the matter with the first object that does not add up."""
    there = arrived_rows(work)
    wrong = next(each for each in receipt.objects if each.counts.loaded != there.get(each.ref.key, 0))
    return EtlError(
        f"Rows of {wrong.ref.key} do not add up: {wrong.counts}, in the table {there.get(wrong.ref.key, 0)}.",
        hint="nothing was committed; please report this with the object",
    )


def arrived_rows(work: Work) -> dict[str, int]:
    """How many rows of each object this commit has put into the target."""
    return {key: int(rows) for key, rows in work.session.rows(arrived(work.dataset.table), *work.stamp)}


def enter_batch(work: Work, receipt: Receipt, fence: Fence) -> None:
    """The batch's own line."""
    counted = dict(zip(COUNT_COLUMNS, astuple(receipt.counts), strict=True))
    line = {
        "BATCH_ID": receipt.batch_id,
        "DATASET": work.dataset.name,
        "TARGET_TABLE": work.dataset.table,
        "OBJECTS": len(receipt.objects),
        **counted,
        "ROWS_REPLACED": receipt.replaced,
        "ANOMALIES": sum(receipt.anomalies.values()),
        "LEASE_GENERATION": fence.generation,
        "HOLDER": fence.holder,
        "COMMITTED_AT": work.now,
    }
    work.session.run(work.sql.batch(), listed([line]))


def _line(work: Work, each: ObjectReceipt) -> dict[str, object]:
    ref, counted = each.ref, dict(zip(COUNT_COLUMNS, astuple(each.counts), strict=True))
    return {
        "DATASET": work.dataset.name,
        "TARGET_TABLE": work.dataset.table,
        "BUCKET": ref.bucket,
        "KEY": ref.key,
        "VERSION": ref.version,
        "ETAG": ref.etag,
        "SIZE": ref.size,
        "MODIFIED": _naive(ref.modified),
        "BATCH_ID": work.batch.plan.batch_id,
        "OUTCOME": each.outcome.value,
        "REASON": each.reason,
        **counted,
        "ROWS_REPLACED": 0,
        "COMMITTED_AT": work.now,
    }


def _naive(moment: datetime | None) -> datetime | None:
    """Instants as the tables have them: UTC without zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None
