"""How staged rows meet the target, inside the commit's transaction."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from etl_daemon.adapters.destination.ledger import check_whose
from etl_daemon.adapters.destination.work import Work, listed
from etl_daemon.core.datasets import Mode
from etl_daemon.core.sql.publish import Publish, emptying


@dataclass(frozen=True, slots=True)
class Published:
    """Per object key: staged rows that lost or were not wanted, and target rows that gave way to newer ones.

    ``emptied``: how many rows there were in a table that was replaced as a whole.
    """

    superseded: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    emptied: int = 0

    @property
    def left_out(self) -> int:
        """Staged rows that the target does not take."""
        return self.superseded.total() + self.filtered.total()


def publish(work: Work, restated: Counter[str]) -> Published:
    """Take away what gives way, and bring the rest in.

    ``restated``: how many rows the target has of each object that comes again.
    """
    plan = Publish(work.dataset, work.batch.target, work.rows, work.dialect, bool(restated))
    keys = (listed({"KEY": key} for key in restated),) if restated else ()
    published = _meet(work, plan, keys) if work.rows_staged else Published()
    if work.dataset.mode.replaces:
        published = Published(emptied=_empty(work))
    elif published.replaced or restated:
        gone = _remove(work, plan, keys, beaten=bool(published.replaced))
        if gone > restated.total() + published.replaced.total():
            check_whose(work, restated)
    insertion = plan.insertion(only_new=bool(published.left_out))
    work.session.run(insertion, work.batch.plan.batch_id, *[work.now] * len(work.dataset.stamps))
    return published


def _meet(work: Work, plan: Publish, keys: tuple[str, ...]) -> Published:
    mode = work.dataset.mode
    if mode is Mode.UPSERT:
        met = work.session.rows(plan.met(), *keys)
        lost, beaten = Counter[str](), Counter[str]()
        for staged_key, target_key, losers, gone in met:
            lost[staged_key] += int(losers)
            beaten[target_key] += int(gone)
        return Published(superseded=+lost, replaced=+beaten)
    if mode is Mode.INCREMENTAL:
        found = work.session.rows(plan.late()) if work.dataset.by_timestamp else work.session.rows(plan.known(), *keys)
        return Published(filtered=Counter({key: int(rows) for key, rows in found}))
    return Published()


def _empty(work: Work) -> int:
    """Take out all rows, and the anomalies that were found in them; how many rows there were."""
    if work.flagged:
        work.session.run(f"DELETE FROM {work.anomalies.table} WHERE DETECTED_BY = ?", work.dataset.detector)
    return work.session.run(emptying(work.dataset))


def _remove(work: Work, plan: Publish, keys: tuple[str, ...], *, beaten: bool) -> int:
    """Rows that give way, and first the anomalies that were found in them; how many rows there were."""
    if work.flagged:
        statement = plan.removal(work.anomalies.table, beaten=beaten, found=True)
        work.session.run(statement, *keys, work.dataset.detector)
    return work.session.run(plan.removal(work.dataset.table, beaten=beaten), *keys)
