"""Whatever is found, and whenever: alerts begin, repeat and end as promised, and never come in floods."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from etl_daemon.core.alerting.alert import Alert, Severity, Sign, State
from etl_daemon.core.alerting.board import AlertPolicy, Board, judge

START = datetime(2026, 3, 2, tzinfo=UTC)
KEYS = (
    "dependency_down:s3",
    "dataset_failing:a",
    "object_refused:a",
    "configuration",
    "monitor:freshness:a",
    "monitor:disk",
)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Step:
    """So many minutes later, so much is found."""

    minutes: int
    found: dict[str, Sign]


def sign(key: str, well: bool, severity: Severity | None) -> Sign:
    return Sign(key, well=well, severity=severity)


FOUND = st.dictionaries(st.sampled_from(KEYS), st.tuples(st.booleans(), st.sampled_from([None, *Severity])))
STEPS = st.lists(
    st.builds(
        lambda minutes, found: Step(minutes, {key: sign(key, *what) for key, what in found.items()}),
        st.sampled_from([0, 1, 5, 10, 61, 300, 1500]),
        FOUND,
    ),
    max_size=40,
)
POLICIES = st.builds(
    AlertPolicy,
    st.sampled_from([timedelta(0), timedelta(minutes=10)]),
    st.sampled_from([timedelta(hours=1), timedelta(hours=24)]),
    st.integers(1, 5),
)


@settings(max_examples=300)
@given(STEPS, POLICIES)
def test_alerts_begin_repeat_and_end_as_promised(steps: list[Step], policy: AlertPolicy) -> None:
    board, now = Board(), START
    told: dict[str, list[tuple[datetime, Alert]]] = defaultdict(list)
    sent: list[datetime] = []
    healing = [Step(61, {key: Sign(key, well=True) for key in KEYS})] * (2 * len(KEYS) + 2)
    for step in [*steps, *healing]:
        now += timedelta(minutes=step.minutes)
        board, notices = judge(board, step.found.values(), now, policy)
        sent += [now] * len(notices)
        for notice in notices:
            for alert in notice.covers:
                told[alert.key].append((now, alert))

    assert board.standing == {}, "everything has ended"
    for history in told.values():
        check(history, policy)
    for at in sent:
        assert sum(at <= other < at + HOUR for other in sent) <= policy.per_hour


def check(history: list[tuple[datetime, Alert]], policy: AlertPolicy) -> None:
    """Firing, perhaps again after the repeat time or because it got worse, then resolved, once; and so on."""
    before: tuple[datetime, Alert] | None = None
    for at, alert in history:
        if before is None or before[1].state is State.RESOLVED:
            assert alert.state is State.FIRING, "nothing ends that was not told"
            assert before is None or alert.since >= before[0], "it is another trouble"
        elif alert.state is State.FIRING:
            worse = alert.severity.rank > before[1].severity.rank
            assert worse or at - before[0] >= policy.repeat
            assert alert.since == before[1].since
        before = (at, alert)
    assert before is not None
    assert before[1].state is State.RESOLVED, "what was told has an end"
