"""An observer of alerts over whatever happens, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from etl_daemon.adapters.alerts.courier import Courier
from etl_daemon.adapters.alerts.observer import AlertObserver
from etl_daemon.adapters.memory.alerts import MemoryBoardStore
from etl_daemon.core.alerting.alert import Alert
from etl_daemon.core.alerting.board import AlertPolicy
from etl_daemon.core.alerting.situation import Scene, Situation
from etl_daemon.core.events import Alerted, AlertFailed, Event
from etl_daemon.ports import BoardStore, Notifier

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
SCENE = Scene(("a", "b", "c"), "s3", "snowflake", "s3")


@dataclass
class MovingClock:
    """Stands still until it is moved."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at


@dataclass
class Watch:
    """One process's observer; ``failures`` are what it said of channels and of the state file."""

    scene: Scene = SCENE
    policy: AlertPolicy = field(default_factory=AlertPolicy)
    store: BoardStore = field(default_factory=MemoryBoardStore)
    notifiers: tuple[Notifier, ...] = ()
    clock: MovingClock = field(default_factory=MovingClock)
    alerts: list[Alert] = field(default_factory=list)
    failures: list[AlertFailed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.observer = AlertObserver(
            Situation(self.scene), self.policy, self.store, Courier(self.notifiers, self.tell), self.clock, self.tell
        )

    def tell(self, event: Event) -> None:
        if isinstance(event, Alerted):
            self.alerts.append(event.alert)
        elif isinstance(event, AlertFailed):
            self.failures.append(event)
        self.observer.notice(event)

    def hear(self, *events: Event | Iterable[Event], later: float = 0) -> list[str]:
        """What is told when these happen, ``later`` minutes after the last time."""
        self.clock.at += timedelta(minutes=later)
        before = len(self.alerts)
        for each in events:
            for event in [each] if isinstance(each, Event) else each:
                self.observer.notice(event)
        return told(self.alerts[before:])

    def close(self) -> list[str]:
        """What is told at the end of the process."""
        before = len(self.alerts)
        self.observer.close()
        return told(self.alerts[before:])


def told(alerts: Iterable[Alert]) -> list[str]:
    return [f"{each.state} {each.key}" for each in alerts]
