"""What befalls requests to the store."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from tests.storm.script import LATE, Act
from tests.support.faultproxy import Fault, FaultProxy

LATE_SECONDS = 40.0
"""How long objects that come late are in no listing."""

_LIST = r"^GET /[^/?]+/?\?.*list-type"
_GET = r"^GET /[^/?]+/(?!_etl_daemon)\w"
"""Of the writer's objects: the lease is read so often that it would take all of these faults."""

_LISTED = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
_ALL = 10**9


def _some(most: int, act: Act) -> int:
    return 1 + int(act.amount * (most - 1))


FAULTS: dict[str, Callable[[Act], Fault]] = {
    "latency": lambda act: Fault(".", _some(20, act), delay_seconds=0.1 + act.amount),
    "500": lambda act: Fault(".", _some(8, act), status=500, code="InternalError"),
    "503 slow down": lambda act: Fault(".", _some(15, act), status=503, code="SlowDown"),
    "429 throttled": lambda act: Fault(".", _some(8, act), status=429, code="TooManyRequests"),
    "reset": lambda act: Fault(".", _some(6, act), cut_after=0),
    "partial body": lambda act: Fault(_GET, _some(5, act), cut_after=1 + int(200 * act.amount)),
    "partial listing": lambda act: Fault(_LIST, _some(4, act), cut_after=1 + int(900 * act.amount)),
    "short body": lambda act: Fault(_GET, _some(5, act), short_by=1 + int(50 * act.amount)),
    "short listing": lambda act: Fault(_LIST, _some(4, act), short_by=1 + int(400 * act.amount)),
    "long body": lambda act: Fault(_GET, _some(5, act), short_by=-1 - int(50 * act.amount)),
    "no answer": lambda act: Fault(".", _some(3, act), silent=True),
    "answer lost": lambda act: Fault("^(PUT|GET) ", _some(6, act), lost=True),
}
STALE, OUTAGE = "stale listing", "outage"
EVERY_SECONDS = {**dict.fromkeys(FAULTS, 60.0), "answer lost": 30.0, STALE: 20.0, OUTAGE: 200.0}


@dataclass
class StoreFaults:
    """Has requests through a proxy befallen by faults until it ceases."""

    proxy: FaultProxy
    stale: int = 0
    ceased: bool = False
    _earlier: dict[str, bytes] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.proxy.edit = self._edit

    def strike(self, act: Act) -> None:
        """Let requests from now on be befallen."""
        if act.kind == STALE:
            self.stale += _some(6, act)
        elif act.kind == OUTAGE:
            self._add(0, Fault(".", _ALL, cut_after=0, kind=OUTAGE))
        else:
            fault = FAULTS[act.kind](act)
            fault.kind = act.kind
            self._add(len(self.proxy.faults), fault)

    def recover(self) -> None:
        """End outages."""
        with self.proxy.lock:
            self.proxy.faults = [fault for fault in self.proxy.faults if fault.kind != OUTAGE]

    def cease(self) -> None:
        """Let everything pass, and show all that there is."""
        self.ceased = True
        with self.proxy.lock:
            self.proxy.faults = []

    def _add(self, at: int, fault: Fault) -> None:
        with self.proxy.lock:
            self.proxy.faults = [each for each in self.proxy.faults if each.times > 0]
            self.proxy.faults.insert(at, fault)

    def _edit(self, line: str, content: bytes) -> bytes:
        if not re.search(_LIST, line) or self.ceased:
            return content
        with self._lock:
            shown = _LISTED.sub(self._shown, content)
            earlier = self._earlier.get(line)
            if self.stale and earlier is not None:
                self.stale -= 1
                self.proxy.befallen[STALE] += 1
                return earlier
            self._earlier[line] = shown
            return shown

    def _shown(self, listed: re.Match[bytes]) -> bytes:
        """An entry, or nothing while it is late."""
        text = listed[0].decode()
        if f"/{LATE}" not in text and f"%2F{LATE}" not in text:
            return listed[0]
        modified = re.search("<LastModified>(.*?)</LastModified>", text)
        assert modified
        age = datetime.now(UTC) - datetime.fromisoformat(modified[1])
        if age.total_seconds() > LATE_SECONDS:
            return listed[0]
        self.proxy.befallen["hidden from a listing"] += 1
        return b""
