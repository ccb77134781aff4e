"""The monitor's round: what the daemon answers, what the history says, and how full the disks are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from etl_daemon.adapters.local.daemon import probed
from etl_daemon.adapters.local.disk import kept, spaces
from etl_daemon.adapters.sqlite.file import StateFile
from etl_daemon.adapters.sqlite.past import Past
from etl_daemon.adapters.sqlite.tables import HISTORY
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.events import Checked, Event
from etl_daemon.core.findings import Finding, State
from etl_daemon.core.monitor.judgement import judged
from etl_daemon.core.monitor.seen import Limits, Seen
from etl_daemon.core.pages.charts import HOUR
from etl_daemon.core.status.history import Period
from etl_daemon.errors import EtlError
from etl_daemon.ports import Clock

PATIENCE_SECONDS = 5.0
"""How long a daemon may take to answer; it does so from values at hand."""


def inspect(settings: Settings, clock: Clock, tell: Callable[[Event], None]) -> Iterator[Finding]:
    """Look at everything; each finding is announced, too.

    Raises:
        ConfigError: the datasets are wrong.
    """
    limits = configure.limits(settings)
    seen = Seen(
        clock.now(),
        configure.datasets(settings),
        f"{settings.etl_http_host}:{settings.etl_http_port}" if settings.etl_http_port else "",
        probed(settings, PATIENCE_SECONDS),
        spaces=spaces(kept(settings)),
    )
    for finding in _findings(seen, limits, settings, tell):
        tell(Checked(finding.dataset, finding.name, finding.state, finding.detail, finding.hint))
        yield finding


def last_hour(settings: Settings, now: datetime) -> tuple[Period, ...]:
    """What the history has of it, minute by minute; nothing where it cannot be read."""
    try:
        return Past(StateFile(settings.etl_state_dir, HISTORY), settings.etl_daemon_name).minutes(HOUR.starts(now)[0])
    except EtlError:
        return ()


def _findings(seen: Seen, limits: Limits, settings: Settings, tell: Callable[[Event], None]) -> Iterator[Finding]:
    past = Past(StateFile(settings.etl_state_dir, HISTORY, tell), settings.etl_daemon_name)
    try:
        seen = _remembering(seen, past, seen.now - limits.lately)
    except EtlError as error:
        yield Finding("history", State.FAIL, error.detail, error.hint)
        seen = replace(seen, datasets=())
    yield from judged(seen, limits)


def _remembering(seen: Seen, past: Past, lately: datetime) -> Seen:
    """Raises EtlError where the history cannot be read."""
    return replace(
        seen,
        process=past.last_process(),
        marks=past.marks(),
        minutes=past.minutes(lately),
        hours=past.hours(datetime.fromtimestamp(0, seen.now.tzinfo)),
        batches=past.batches(lately),
        failures=past.failures(lately),
    )
