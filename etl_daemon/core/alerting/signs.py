"""What a situation comes to: a sign for each trouble that is there, and for each that is seen not to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from etl_daemon.core.alerting.alert import Sign
from etl_daemon.core.alerting.board import Board
from etl_daemon.core.alerting.situation import CYCLE, Failure, Situation
from etl_daemon.core.alerting.spikes import Usual, Weight, learnt, spikes
from etl_daemon.core.alerting.troubles import LOOK


def signs(situation: Situation) -> tuple[Sign, ...]:
    """All but spikes, for which one has to know what is usual."""
    down = _down(situation)
    return (
        *_dependencies(situation, down),
        *_cycle(situation, down),
        *_datasets(situation, down),
        *_single_events(situation),
    )


def weighed(board: Board, situation: Situation) -> tuple[Board, tuple[Sign, ...]]:
    """What is usual from now on, and a sign per dataset that had batches; one alert for bad rows is enough."""
    usual, found = dict(board.usual), dict[str, Sign]()
    for batch in situation.committed:
        before = usual.get(batch.dataset, Usual())
        key = f"quarantine_spike:{batch.dataset}"
        if spikes(before, batch) and f"reject_share_high:{batch.dataset}" not in situation.heard:
            found[key] = _spike(key, batch, before)
        found.setdefault(key, Sign(key, well=True))
        usual[batch.dataset] = learnt(before, batch)
    return replace(board, usual=usual), tuple(found.values())


def _spike(key: str, batch: Weight, usual: Usual) -> Sign:
    summary = f"{batch.share:.1%} of a batch of {batch.dataset} is bad; {usual.share:.1%} is usual."
    detail = f"The batch has {batch.rows:,} rows; the average is that of the last {usual.batches} batches."
    return Sign(key, summary, detail, f"etl-daemon quarantine list --dataset {batch.dataset}")


def _down(situation: Situation) -> Mapping[str, Failure]:
    """Dependencies that do not answer, or with which no dataset gets on, and what they said."""
    scene, failing = situation.scene, situation.failing
    down = {scene.lease: situation.lease} if situation.lease else {}
    for name, failure in failing.items():
        if failure.dependency and (failure.passing or name == CYCLE):
            down.setdefault(failure.dependency, failure)
    blamed = [failing[name].dependency if name in failing else "" for name in scene.datasets]
    if blamed and len(set(blamed)) == 1 and blamed[0]:
        down.setdefault(blamed[0], failing[scene.datasets[0]])
    return down


def _dependencies(situation: Situation, down: Mapping[str, Failure]) -> Iterator[Sign]:
    for name, failure in down.items():
        by = [each for each, why in situation.failing.items() if why.dependency == name and each != CYCLE]
        whole = not by or len(by) == len(situation.scene.datasets)
        what = "nothing is loaded" if whole else f"{_listed(by)} {'is' if len(by) == 1 else 'are'} not loaded"
        yield Sign(f"dependency_down:{name}", f"{name} does not work: {what}.", failure.detail, failure.hint or LOOK)
    for name in situation.answered - set(down):
        yield Sign(f"dependency_down:{name}", well=True)


def _cycle(situation: Situation, down: Mapping[str, Failure]) -> Iterator[Sign]:
    failure = situation.failing.get(CYCLE)
    if failure and failure.dependency not in down:
        yield Sign("cycle_failing", "Nothing is loaded.", failure.detail, failure.hint or LOOK)
    elif situation.worked:
        yield Sign("cycle_failing", well=True)


def _datasets(situation: Situation, down: Mapping[str, Failure]) -> Iterator[Sign]:
    for name, failure in situation.failing.items():
        if name != CYCLE and failure.dependency not in down:
            yield Sign(f"dataset_failing:{name}", f"{name} is not loaded.", failure.detail, failure.hint or LOOK)
    for name in situation.settled - set(situation.failing):
        yield Sign(f"dataset_failing:{name}", well=True)


def _single_events(situation: Situation) -> Iterator[Sign]:
    yield from situation.heard.values()
    yield from (Sign(key, well=True) for key in _ended(situation) if key not in situation.heard)


def _ended(situation: Situation) -> Iterator[str]:
    """Batches without bad objects, and work that goes on, show that it is over."""
    for name in dict.fromkeys(batch.dataset for batch in situation.committed):
        yield from (f"object_refused:{name}", f"reject_share_high:{name}")
    if situation.worked and not situation.refused_settings:
        yield "configuration"
    if situation.worked and situation.had_lease and situation.lease is None:
        yield "lease_lost"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
