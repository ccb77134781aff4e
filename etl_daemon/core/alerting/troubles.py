"""Events folded into what is wrong now, and, at a pause of the work, the signs that alerts are made of.

Within a cycle nothing is concluded: only its end shows whether one dataset fails, or all do because of one dependency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from etl_daemon.config import shown
from etl_daemon.core.alerting.alert import Severity, Sign, befallen
from etl_daemon.core.alerting.situation import CYCLE, LEASE, Failure, Situation
from etl_daemon.core.alerting.spikes import Weight
from etl_daemon.core.events import (
    BatchCommitted,
    Checked,
    CycleEnded,
    CyclePlanned,
    DatasetFailed,
    DatasetSettled,
    Event,
    LeaseAwaited,
    LeaseLost,
    LeaseRenewed,
    LeaseTaken,
    LoopTurned,
    ObjectDeferred,
    ObjectRefused,
    RejectShareHigh,
    Retried,
    SettingsRefused,
    StageEnded,
    WorkFailed,
)
from etl_daemon.core.events.side import ModelsRan
from etl_daemon.core.status.advance import DESTINATION_STAGES, SOURCE_STAGES
from etl_daemon.errors import ConfigError, EtlError, LeaseLostError, ObjectChangedError, SetupError, TransientError

PASSING_CHECKS = ("process", "errors")
"""Checks of the monitor that warn of what has passed, or is about to: a restart, a few cycles that failed."""

LOOK = "etl-daemon status says more, and so does the log from then on"

Fold = Callable[[Situation, Any], Situation]


def follow(situation: Situation, event: Event) -> Situation:
    """The situation after the event."""
    fold = FOLDS.get(type(event))
    return fold(situation, event) if fold else situation


def is_pause(event: Event) -> bool:
    """Whether the work pauses here, so that signs mean something."""
    whole = isinstance(event, DatasetFailed) and not event.dataset
    return whole or isinstance(event, CycleEnded | LoopTurned | LeaseAwaited | ModelsRan | SettingsRefused | WorkFailed)


def _stage_ended(situation: Situation, event: StageEnded) -> Situation:
    scene = situation.scene
    dependency = scene.source if event.stage in SOURCE_STAGES else scene.destination
    if event.stage not in SOURCE_STAGES | DESTINATION_STAGES:
        return situation
    if event.error is None:
        return replace(situation, answered=situation.answered | {dependency})
    if isinstance(event.error, ObjectChangedError) or not isinstance(event.error, TransientError | SetupError):
        return situation
    return replace(situation, blame={**situation.blame, event.dataset: (event.error, dependency)})


def _failed(situation: Situation, event: DatasetFailed) -> Situation:
    failure = _failure(event.error, situation.blame)
    situation = replace(situation, blame={})  # an error holds on to all that its call worked with
    if isinstance(event.error, LeaseLostError):
        return situation  # the lease has events of its own
    if isinstance(event.error, ConfigError):
        sign = Sign("configuration", "The work has ended: the settings are wrong.", *_said(event.error))
        return _heard(situation, sign)
    return replace(situation, failing={**situation.failing, event.dataset: failure})


def _failure(error: Exception, blame: Mapping[str, tuple[EtlError, str]]) -> Failure:
    blamed = next((dependency for each, dependency in blame.values() if each is error), "")
    return Failure(blamed, *_said(error), passing=bool(blamed) and isinstance(error, TransientError))


def _planned(situation: Situation, event: CyclePlanned) -> Situation:
    return replace(
        situation,
        failing=_without(situation.failing, CYCLE),
        deferred=_without(situation.deferred, event.dataset),
        blame=_without(situation.blame, event.dataset),
    )


def _deferred(situation: Situation, event: ObjectDeferred) -> Situation:
    if event.changed:
        return situation
    name = event.dataset
    count = situation.deferred.get(name, 0) + 1
    return replace(situation, deferred={**situation.deferred, name: count})


def _settled(situation: Situation, event: DatasetSettled) -> Situation:
    """Objects that could not be read leave the dataset behind, although its cycle ended well."""
    name = event.dataset
    count = situation.deferred.get(name, 0)
    error, dependency = situation.blame.get(name, (None, situation.scene.source))
    deferred, blame = _without(situation.deferred, name), _without(situation.blame, name)
    situation = replace(situation, deferred=deferred, blame=blame)
    if not count:
        left = _without(situation.failing, name)
        return replace(situation, failing=left, settled=situation.settled | {name})
    detail, hint = _said(error) if error else ("", "")
    failure = Failure(dependency, f"{_many(count, 'object')} could not be read. {detail}".rstrip(), hint)
    return replace(situation, failing={**situation.failing, name: failure})


def _committed(situation: Situation, event: BatchCommitted) -> Situation:
    counts = event.receipt.counts
    share = counts.quarantined / counts.read if counts.read else 0.0
    return replace(situation, committed=(*situation.committed, Weight(event.dataset, counts.read, share)))


def _cycle_ended(situation: Situation, _event: CycleEnded) -> Situation:
    return replace(situation, worked=True, failing=_without(situation.failing, CYCLE))


def _refused(situation: Situation, event: ObjectRefused) -> Situation:
    key, detail = f"object_refused:{event.dataset}", f"{event.ref.key}: {event.reason}. {event.detail}"
    count = situation.counted.get(key, 0) + 1
    first = situation.heard[key].detail if key in situation.heard else shown("detail", detail)
    hint = f"etl-daemon quarantine list --objects --dataset {event.dataset}"
    sign = Sign(key, f"{_many(count, 'object')} of {event.dataset} cannot be loaded.", first, hint)
    return replace(_heard(situation, sign), counted={**situation.counted, key: count})


def _reject_share(situation: Situation, event: RejectShareHigh) -> Situation:
    summary = f"{event.share:.1%} of the rows of an object of {event.dataset} are bad."
    hint = f"etl-daemon quarantine list --dataset {event.dataset} --object '{event.ref.key}'"
    return _heard(situation, Sign(f"reject_share_high:{event.dataset}", summary, event.ref.key, hint))


def _retried(situation: Situation, event: Retried) -> Situation:
    if event.dependency != LEASE:
        return situation  # a call that fails for good tells of that
    return replace(situation, lease=Failure(situation.scene.lease, shown("detail", event.detail), passing=True))


def _lease_lost(situation: Situation, event: LeaseLost) -> Situation:
    detail = shown("detail", f"The lease is lost: {event.detail}.")
    return replace(situation, lease=Failure(situation.scene.lease, detail, passing=True))


def _lease_awaited(situation: Situation, event: LeaseAwaited) -> Situation:
    """Waiting from the start is what a second daemon is for; losing the lease to somebody is not.

    What fails is for the one at work to say.
    """
    if not event.holder:
        return situation
    answered = situation.answered | {situation.scene.lease}
    situation = replace(situation, lease=None, failing={}, answered=answered)
    if not situation.had_lease:
        return situation
    hint = f"let one of them work, or set another ETL_DAEMON_NAME; this process stands by. {LOOK}"
    summary = f"{event.holder} has taken the lease that this process had."
    return _heard(situation, Sign("lease_lost", summary, shown("detail", event.detail), hint))


def _lease_had(situation: Situation, _event: LeaseTaken | LeaseRenewed) -> Situation:
    answered = situation.answered | {situation.scene.lease}
    return replace(situation, lease=None, had_lease=True, answered=answered)


def _settings_refused(situation: Situation, event: SettingsRefused) -> Situation:
    summary = "The new settings are wrong; those before stay in force."
    detail, severity = shown("detail", event.detail.strip()), Severity.WARNING
    sign = Sign("configuration", summary, detail, event.hint, severity=severity)
    return replace(_heard(situation, sign), refused_settings=True)


def _checked(situation: Situation, event: Checked) -> Situation:
    """A check that names its dataset in its name, too, is called by the rest of it."""
    check = event.name.removesuffix(event.dataset).strip()
    if event.state == "warn" and check in PASSING_CHECKS:
        return situation
    key = ":".join(filter(None, ["monitor", check, event.dataset]))
    severity = Severity.CRITICAL if event.state == "fail" else Severity.WARNING
    well, detail = event.state == "ok", shown("detail", event.detail)
    summary = f"{befallen(key)}: {detail.splitlines()[0] if detail else event.state}"
    return _heard(situation, Sign(key, summary, detail, event.hint, well, severity))


def _models_ran(situation: Situation, event: ModelsRan) -> Situation:
    names = ", ".join(event.failed[:5]) + (" ..." if len(event.failed) > 5 else "")
    summary = f"{_many(len(event.failed), 'model')} of {event.kind} failed: {names}."
    detail = shown("detail", event.detail.strip())
    return _heard(situation, Sign(f"models_failing:{event.kind}", summary, detail, event.hint, well=not event.failed))


def _heard(situation: Situation, sign: Sign) -> Situation:
    return replace(situation, heard={**situation.heard, sign.key: sign})


def _said(error: Exception) -> tuple[str, str]:
    detail, hint = (error.detail, error.hint) if isinstance(error, EtlError) else (str(error), "")
    return shown("detail", detail.strip()), hint


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _without(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {key: value for key, value in given.items() if key != name} if name in given else given


FOLDS: Mapping[type[Event], Fold] = {
    StageEnded: _stage_ended,
    DatasetFailed: _failed,
    WorkFailed: _failed,
    CyclePlanned: _planned,
    ObjectDeferred: _deferred,
    DatasetSettled: _settled,
    BatchCommitted: _committed,
    CycleEnded: _cycle_ended,
    ObjectRefused: _refused,
    RejectShareHigh: _reject_share,
    Retried: _retried,
    LeaseLost: _lease_lost,
    LeaseAwaited: _lease_awaited,
    LeaseTaken: _lease_had,
    LeaseRenewed: _lease_had,
    SettingsRefused: _settings_refused,
    Checked: _checked,
    ModelsRan: _models_ran,
    LoopTurned: lambda situation, _event: situation,
}
