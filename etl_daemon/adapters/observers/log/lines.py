"""Events as log lines, one each."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

import structlog

from etl_daemon.adapters.observers.log import scope
from etl_daemon.core.alerting.alert import Alert, Severity, State
from etl_daemon.core.events import (
    Alerted,
    AlertFailed,
    BatchAbandoned,
    BatchBegan,
    BatchCommitted,
    Checked,
    CycleBegan,
    CycleEnded,
    CyclePlanned,
    DatasetFailed,
    DatasetPaused,
    DatasetSettled,
    Event,
    ExtraColumns,
    FetchBegan,
    HistoryUnwritten,
    LeaseAwaited,
    LeaseLost,
    LeaseReleased,
    LeaseRenewed,
    LeaseTaken,
    LoopTurned,
    ObjectDeferred,
    ObjectExtracted,
    ObjectRefused,
    ObjectsNamed,
    RejectShareHigh,
    Retried,
    RowsFiltered,
    SettingDiscouraged,
    SettingsRefused,
    StageEnded,
    StateRebuilt,
    WorkFailed,
)
from etl_daemon.core.events.side import (
    CountsResumed,
    CountsUnsent,
    LineageFailing,
    LineageResumed,
    MessageRejected,
    MessagesMoved,
    ModelRan,
    ModelsRan,
    SecretsRead,
    SecretsRenewed,
)
from etl_daemon.core.model import ObjectRef, Outcome
from etl_daemon.errors import AbandonedError, EtlError

NAME = "etl_daemon"
Fields = dict[str, Any]


class LogObserver:
    """Writes a line per event; set up the lines with ``configure_logging`` first."""

    def __init__(self) -> None:
        self._logger = structlog.stdlib.get_logger(NAME)

    def notice(self, event: Event) -> None:
        """Write the event's line; the cycle and the batch that it belongs to are on it."""
        scope.enter(event)
        self._write(event)
        scope.leave(event)

    def _write(self, event: Event) -> None:
        name, usual, describe = LINES.get(type(event), (type(event).__name__, logging.INFO, _plain))
        level = _gravity(event, usual)
        if not self._logger.isEnabledFor(level):
            return
        trace = _trace(event) if self._logger.isEnabledFor(logging.DEBUG) else {}
        self._logger.log(level, name, **{**_dataset(event), **describe(event), **trace})


def _gravity(event: Event, usual: int) -> int:
    if isinstance(event, CyclePlanned) and not event.pending:
        return logging.DEBUG  # most cycles of most days
    if isinstance(event, BatchAbandoned) and isinstance(event.error, AbandonedError):
        return logging.WARNING  # else the failure of the dataset says it
    if isinstance(event, Alerted):
        return _alert_gravity(event.alert)
    if (isinstance(event, ModelRan) and event.error) or (isinstance(event, ModelsRan) and event.failed):
        return logging.ERROR
    return GRAVITY[event.state] if isinstance(event, Checked) else usual


def _alert_gravity(alert: Alert) -> int:
    if alert.state is State.RESOLVED:
        return logging.INFO
    return logging.ERROR if alert.severity is Severity.CRITICAL else logging.WARNING


def _dataset(event: Event) -> Fields:
    return {"dataset": event.dataset} if event.dataset else {}


def _plain(event: Event) -> Fields:
    """The event's own fields; an object as its key, a moment as text."""
    given: Fields = {}
    for each in fields(event):
        value = getattr(event, each.name)
        if isinstance(value, ObjectRef):
            given |= {"bucket": value.bucket, "key": value.key, "version": value.version}
        elif value is not None and each.name != "dataset":
            given[each.name] = value.isoformat() if isinstance(value, datetime) else value
    return given


def _began(event: BatchBegan | FetchBegan) -> Fields:
    objects = event.plan.objects
    return {"objects": len(objects), "bytes": sum(ref.size for ref in objects)}


def _committed(event: BatchCommitted) -> Fields:
    receipt, counts = event.receipt, event.receipt.counts
    outcomes = Counter(line.outcome for line in receipt.objects)
    optional = {
        "superseded": outcomes[Outcome.SUPERSEDED],
        "rows_filtered": counts.filtered,
        "rows_replaced": receipt.replaced,
        "deferred": len(receipt.deferrals),
        "reasons": dict(receipt.reasons),
        "anomalies": dict(receipt.anomalies),
        "watermark": receipt.watermark.isoformat() if receipt.watermark else "",
    }
    return {
        "batch_id": receipt.batch_id,
        "objects": outcomes[Outcome.LOADED],
        "refused": outcomes[Outcome.REFUSED],
        "rows_read": counts.read,
        "rows_loaded": counts.loaded,
        "rows_quarantined": counts.quarantined,
        "rows_superseded": counts.superseded,
        "seconds": round(event.seconds, 3),
        "rows_per_second": round(counts.read / event.seconds) if event.seconds else 0,
        **{name: value for name, value in optional.items() if value},
    }


def _abandoned(event: BatchAbandoned) -> Fields:
    return {"batch_id": event.batch_id, **(_told(event.error) if event.error else {})}


def _ran(event: ModelRan) -> Fields:
    told = _told(event.error) if event.error else {}
    return {"made_by": event.kind, "seconds": event.seconds, **event.counts, **told}


def _all_ran(event: ModelsRan) -> Fields:
    told = {"failed": list(event.failed), "detail": event.detail, "hint": event.hint} if event.failed else {}
    return {"made_by": event.kind, "models": event.models, "seconds": event.seconds, **told}


def _failed(event: DatasetFailed) -> Fields:
    return _told(event.error)


def _told(error: Exception) -> Fields:
    hint = {"hint": error.hint} if isinstance(error, EtlError) and error.hint else {}
    return {"kind": type(error).__name__, "detail": error.detail if isinstance(error, EtlError) else str(error), **hint}


def _alerted(event: Alerted) -> Fields:
    """The alert's fields, so that a rule over the log can tell alerts apart by ``key`` and ``state``."""
    alert = event.alert
    given = {"key": alert.key, "state": str(alert.state), "severity": str(alert.severity), "summary": alert.summary}
    optional = {"detail": alert.detail, "hint": alert.hint}
    return {**given, "since": alert.since.isoformat(), **{name: value for name, value in optional.items() if value}}


def _settings_refused(event: SettingsRefused) -> Fields:
    return {"detail": event.detail.strip(), "hint": event.hint, "settings": "those before stay in force"}


def _trace(event: Event) -> Fields:
    return {"exc_info": event.error} if isinstance(event, DatasetFailed) else {}


GRAVITY = {"ok": logging.DEBUG, "warn": logging.WARNING, "fail": logging.ERROR}
"""How grave a check's line is, by what it found."""

LINES: Mapping[type[Event], tuple[str, int, Callable[[Any], Fields]]] = {
    CycleBegan: ("cycle_began", logging.DEBUG, _plain),
    CyclePlanned: ("cycle_planned", logging.INFO, _plain),
    ObjectsNamed: ("objects_named", logging.INFO, _plain),
    MessagesMoved: ("messages_moved", logging.DEBUG, _plain),
    MessageRejected: ("message_rejected", logging.WARNING, _plain),
    StageEnded: ("stage_ended", logging.DEBUG, _plain),
    DatasetSettled: ("dataset_settled", logging.DEBUG, _plain),
    CycleEnded: ("cycle_ended", logging.DEBUG, _plain),
    LoopTurned: ("loop_turned", logging.DEBUG, _plain),
    BatchBegan: ("batch_began", logging.DEBUG, _began),
    FetchBegan: ("fetch_began", logging.DEBUG, _began),
    BatchAbandoned: ("batch_abandoned", logging.DEBUG, _abandoned),
    BatchCommitted: ("batch_committed", logging.INFO, _committed),
    ExtraColumns: ("extra_columns", logging.INFO, _plain),
    RowsFiltered: ("rows_filtered", logging.WARNING, _plain),
    ObjectExtracted: ("object_extracted", logging.INFO, _plain),
    ObjectRefused: ("object_refused", logging.WARNING, _plain),
    ObjectDeferred: ("object_deferred", logging.WARNING, _plain),
    RejectShareHigh: ("reject_share_high", logging.WARNING, _plain),
    Retried: ("retried", logging.WARNING, _plain),
    SettingDiscouraged: ("setting_discouraged", logging.WARNING, _plain),
    StateRebuilt: ("state_rebuilt", logging.WARNING, _plain),
    HistoryUnwritten: ("history_unwritten", logging.WARNING, _plain),
    Checked: ("checked", logging.INFO, _plain),
    CountsUnsent: ("counts_unsent", logging.WARNING, _plain),
    CountsResumed: ("counts_resumed", logging.INFO, _plain),
    ModelRan: ("model_ran", logging.INFO, _ran),
    ModelsRan: ("models_ran", logging.INFO, _all_ran),
    SecretsRead: ("secrets_read", logging.DEBUG, _plain),
    SecretsRenewed: ("secrets_renewed", logging.INFO, _plain),
    DatasetFailed: ("dataset_failed", logging.ERROR, _failed),
    DatasetPaused: ("dataset_paused", logging.WARNING, _plain),
    WorkFailed: ("work_failed", logging.ERROR, _failed),
    LeaseAwaited: ("lease_awaited", logging.INFO, _plain),
    LeaseTaken: ("lease_taken", logging.INFO, _plain),
    LeaseRenewed: ("lease_renewed", logging.INFO, _plain),
    LeaseReleased: ("lease_released", logging.INFO, _plain),
    LeaseLost: ("lease_lost", logging.WARNING, _plain),
    SettingsRefused: ("reload_refused", logging.ERROR, _settings_refused),
    Alerted: ("alert", logging.WARNING, _alerted),
    AlertFailed: ("alert_failed", logging.ERROR, _plain),
    LineageFailing: ("lineage_failing", logging.WARNING, _plain),
    LineageResumed: ("lineage_resumed", logging.INFO, _plain),
}
"""How an event is called in the log, how grave it is, and what it says; other events are told as they are."""
