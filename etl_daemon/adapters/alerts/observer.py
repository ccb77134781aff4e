"""Events become alerts: heard at any time, judged at the pauses of the work, sent by the courier."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from etl_daemon.adapters.alerts.courier import Courier
from etl_daemon.core.alerting.board import AlertPolicy, Board, Notice, judge, undelivered
from etl_daemon.core.alerting.signs import signs, weighed
from etl_daemon.core.alerting.situation import Situation, fresh
from etl_daemon.core.alerting.troubles import FOLDS, follow, is_pause
from etl_daemon.core.events import Alerted, AlertFailed, Event
from etl_daemon.errors import EtlError
from etl_daemon.ports import BoardStore, Clock

T = TypeVar("T")
NO_STORE = "what was told is kept in memory only, so a restart may tell it again; "


@dataclass(slots=True)
class AlertObserver:
    """Hears events from any thread. What stands is kept in ``store``; without that, in this process alone.

    At the end ``close`` waits for ``last_seconds`` at most until alerts have gone out.
    """

    situation: Situation
    policy: AlertPolicy
    store: BoardStore
    courier: Courier
    clock: Clock
    tell: Callable[[Event], None]
    last_seconds: float = 10.0
    _board: Board = field(default_factory=Board)
    _kept: bool = True
    _pending: bool = True
    _changing: threading.RLock = field(default_factory=threading.RLock)

    def notice(self, event: Event) -> None:
        """Take note, and at a pause see what is due."""
        if type(event) not in FOLDS:
            return
        with self._changing:
            self.situation = follow(self.situation, event)
            notices = self._judged(self.policy) if is_pause(event) else ()
        self._send(notices)

    def close(self) -> None:
        """See what is due at the end, and wait, within bounds, until it has gone out.

        What this process cannot leave to the next one to tell, it tells now, however short it has lasted.
        """
        with self._changing:
            notices = self._judged(self.policy)
            if not self._kept:
                notices += self._judged(replace(self.policy, after=timedelta(0)), again=True)
        self._send(notices)
        self.courier.close(self.last_seconds)

    def _judged(self, policy: AlertPolicy, *, again: bool = False) -> tuple[Notice, ...]:
        situation, self.situation = self.situation, fresh(self.situation)
        found, now = signs(situation), self.clock.now()
        if not (found or situation.committed or self._pending or again):
            return ()

        def change(board: Board) -> tuple[Board, tuple[Notice, ...]]:
            board, spikes = weighed(board, situation)
            return judge(board, (*found, *spikes), now, policy)

        notices = self._update(change, now)
        self._pending = any(each.pending for each in self._board.standing.values())
        return notices

    def _update(self, change: Callable[[Board], tuple[Board, T]], now: datetime) -> T:
        """Change the board that is kept; if that cannot be, the one that was last seen."""
        ours = None if self._kept else self._board  # the store has missed what happened since
        seen = [self._board]

        def attempt(stored: Board) -> tuple[Board, T]:
            seen.append(stored if ours is None else ours)
            after, made = change(seen[-1])
            seen.append(after)
            return after, made

        try:
            made = self.store.update(attempt, now)
            self._board, self._kept = seen[-1], True
        except EtlError as error:
            self._board, made = change(seen[-2] if len(seen) > 1 else seen[0])
            if self._kept:
                self.tell(AlertFailed("", "state file", "", error.detail, f"{NO_STORE}{error.hint}"))
            self._kept = False
        return made

    def _send(self, notices: tuple[Notice, ...]) -> None:
        for notice in notices:
            for alert in notice.covers:
                self.tell(Alerted("", alert))
            self.courier.send(notice, self._lost)

    def _lost(self, notice: Notice) -> None:
        now = self.clock.now()
        with self._changing:
            self._update(lambda board: (undelivered(board, notice.covers, now, self.policy), None), now)
            self._pending = True
