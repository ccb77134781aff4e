"""Files of a batch moved to where they are to stay: no warehouse, no ledger, each object by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from etl_daemon.core.model import BatchPlan, Counts, Deferral, ObjectReceipt, ObjectRef, Outcome, Receipt, Refusal
from etl_daemon.core.planning.shares import Report
from etl_daemon.ports.fleet import Delivered, Depot

SUCCESS = "_SUCCESS"
"""The file that says that all is there, as Hadoop's tools write and read it."""


def moved(plan: BatchPlan, told: Iterable[tuple[ObjectRef, Report]], depot: Depot) -> Delivered:
    """Put files of loaded objects in folders by dataset and kind of rows, and tell what became of each object.

    Raises:
        TransientError, SetupError: as the depot.
    """
    lines: list[ObjectReceipt] = []
    refusals: list[Refusal] = []
    deferrals: list[Deferral] = []
    reasons: Counter[str] = Counter()
    files: dict[str, str] = {}
    for ref, found in groupby(told, lambda each: each[0]):
        reports = [report for _, report in found]
        if reports[-1].kind == "deferral":
            deferrals.append(Deferral(ref, reports[-1].detail, reports[-1].changed))
        elif reports[-1].kind == "refusal":
            refusals.append(Refusal(ref, reports[-1].reason, reports[-1].detail))
            lines.append(ObjectReceipt(ref, Outcome.REFUSED, reports[-1].reason))
        else:
            lines.append(ObjectReceipt(ref, Outcome.LOADED, counts=sum((each.counts for each in reports), Counts())))
            reasons.update(sum((Counter(each.reasons) for each in reports), Counter()))
            files |= {file: kind for each in reports for kind, file in each.files.items()}
    lines += _empty(plan, lines, deferrals)
    for file, kind in files.items():
        depot.move(file, f"{plan.dataset.name}/{kind}/{file.rpartition('/')[2]}")
    receipt = Receipt(plan.batch_id, plan.dataset.name, tuple(lines), tuple(deferrals), dict(reasons))
    return Delivered(receipt, tuple(refusals))


def _empty(plan: BatchPlan, lines: Sequence[ObjectReceipt], deferrals: Sequence[Deferral]) -> Iterable[ObjectReceipt]:
    """Objects without any row: nothing is told of them."""
    told: set[ObjectRef] = {line.ref for line in lines} | {each.ref for each in deferrals}
    return [ObjectReceipt(ref, Outcome.LOADED) for ref in plan.objects if ref not in told]
