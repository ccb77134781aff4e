"""What earlier runs brought: a JSON file, with full and short forms apart, and the comparison of a run with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.race import Outcome

MARGIN = 0.35
"""The share by which a ratio may fall below the stored one: both are medians of few runs, on busy machines."""


@dataclass(frozen=True, slots=True)
class Stored:
    """``conditions`` are versions and threads as they were; ``outcomes`` in the order of the contests."""

    conditions: Mapping[str, str] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()

    def merged(self, conditions: Mapping[str, str], newer: Iterable[Outcome], order: Sequence[str]) -> Stored:
        """These, but for each contest that ran again what it brought now; ``order`` is that of the contests."""
        added = list(newer)
        again = {outcome.contest for outcome in added}
        kept = [outcome for outcome in self.outcomes if outcome.contest not in again]
        outcomes = sorted([*kept, *added], key=lambda outcome: order.index(outcome.contest))
        return Stored({**self.conditions, **conditions}, tuple(outcomes))


def read(path: Path) -> dict[str, Stored]:
    """Both forms, ``full`` and ``short``; empty ones where there is no file."""
    forms = json.loads(path.read_text()) if path.exists() else {}
    return {
        form: Stored(each["conditions"], tuple(map(Outcome.from_json, each["outcomes"])))
        for form, each in ({"full": None, "short": None} | forms).items()
        for each in [each or {"conditions": {}, "outcomes": []}]
    }


def write(path: Path, forms: Mapping[str, Stored]) -> None:
    """Keep both forms."""
    value = {
        form: {"conditions": dict(each.conditions), "outcomes": [outcome.to_json() for outcome in each.outcomes]}
        for form, each in forms.items()
    }
    path.write_text(json.dumps(value, indent=1) + "\n")


def slower(now: Iterable[Outcome], before: Iterable[Outcome], margin: float = MARGIN) -> list[str]:
    """A line for each ratio that fell by more than the margin, and for each that nothing is stored of."""
    known = {(each.contest, each.work, ratio.ours, ratio.against): ratio for each in before for ratio in each.ratios}
    lines = []
    for outcome in now:
        for ratio in outcome.ratios:
            what = f"{outcome.contest}: {outcome.work}, {ratio.ours} against {ratio.against}"
            stored = known.get((outcome.contest, outcome.work, ratio.ours, ratio.against))
            if stored is None:
                lines.append(f"{what}: nothing is stored; run `make bench BENCH_ARGS='--short --store'`")
            elif ratio.times.median < (floor := stored.times.median * (1 - margin)):
                lines.append(
                    f"{what}: {ratio.times.median:.2f} is below {floor:.2f} ({stored.times.median:.2f} stored)"
                )
    return lines
