"""How many of the rows and objects that came lately were unfit."""

from __future__ import annotations

from collections import Counter

from etl_daemon.core.datasets import Dataset
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.monitor.seen import Limits, Seen

FEW_ROWS = 20
"""A share of fewer rows than that says little."""


def rejects(seen: Seen, limits: Limits, dataset: Dataset) -> Finding:
    """The share of rows that went to the quarantine, and whether objects were refused."""
    name, tally = f"rejects {dataset.name}", seen.lately(dataset.name)
    if not tally.read and not tally.refused:
        return Finding(name, State.OK, "No rows came lately.", dataset=dataset.name)
    share = tally.quarantined / tally.read if tally.read else 0.0
    detail = f"{tally.quarantined:,} of {tally.read:,} rows ({share:.1%}) were quarantined lately{_why(seen, dataset)}."
    if tally.refused:
        detail += f" {tally.refused:,} of {tally.objects + tally.refused:,} objects were refused."
    if share > limits.reject_share and tally.read >= FEW_ROWS:
        hint = f"etl-daemon quarantine list --dataset {dataset.name}; the bound is ERROR_THRESHOLD"
        return Finding(name, State.FAIL, detail, hint, dataset.name)
    if tally.refused:
        hint = f"etl-daemon quarantine list --objects --dataset {dataset.name}"
        return Finding(name, State.WARN, detail, hint, dataset.name)
    if share > limits.reject_share:
        hint = f"etl-daemon quarantine list --dataset {dataset.name}"
        return Finding(name, State.WARN, detail, hint, dataset.name)
    return Finding(name, State.OK, detail, dataset=dataset.name)


def _why(seen: Seen, dataset: Dataset) -> str:
    reasons: Counter[str] = Counter()
    for line in seen.batches:
        if line.dataset == dataset.name:
            reasons.update(line.reasons)
    return f", most for {reasons.most_common(1)[0][0]}" if reasons else ""
