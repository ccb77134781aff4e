"""The patterns of docs/alerts.md find in a real log what they are said to find, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from etl_daemon.adapters.observers.log import LogObserver, configure_logging
from etl_daemon.adapters.observers.log.lines import LINES
from etl_daemon.core.alerting.alert import KINDS, Alert, Severity, State
from etl_daemon.core.events import Alerted, AlertFailed, Checked, DatasetFailed, Event, LeaseLost
from etl_daemon.errors import SetupError
from tests.support.s3_servers import require

pytestmark = pytest.mark.usefixtures("logging_as_before")
TEXT = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")
ROWS = re.findall(r"^\| (.+?) \| `(\..+)` \| `\{ (.+) \}` \|$", TEXT, re.MULTILINE)
JOURNAL = {name.strip("`"): jq.replace(r"\|", "|") for name, jq, _ in ROWS}
CLOUDWATCH = {name.strip("`"): pattern for name, _, pattern in ROWS}
KEYS = {kind: kind if kind in {"cycle_failing", "lease_lost", "configuration"} else f"{kind}:x" for kind in KINDS}
OTHERS = ("any critical one", "an alert that is over", "an alert that did not get through", "a process that ended")
NOISE = "Started etl-pipeline.service - Market data from S3 into Snowflake."


def alert(kind: str, state: State) -> Alerted:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    return Alerted("", Alert(KEYS[kind], KINDS[kind].severity, state, f"{kind}.", "detail", "hint", at))


def events() -> list[Event]:
    told: list[Event] = [alert(kind, state) for kind in KINDS for state in State]
    failed = AlertFailed("", "webhook at h", "configuration", "503")
    raw = [DatasetFailed("x", SetupError("no")), LeaseLost("", "late"), Checked("x", "freshness", "fail", "old")]
    return [*told, failed, *raw]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the journal has of it, systemd's own lines included."""
    configure_logging("DEBUG", "json", None)
    observer = LogObserver()
    for event in events():
        observer.notice(event)
    ended = json.dumps({"event": "failed", "level": "critical", "exit_code": 1})
    return [NOISE, *capsys.readouterr().err.splitlines(), ended]


def found(lines: list[dict[str, Any]]) -> list[str]:
    return [f"{each.get('state', '')} {each.get('key', each['event'])}".strip() for each in lines]


def expected(name: str) -> list[str]:
    firing = [f"firing {KEYS[kind]}" for kind in KINDS if name == kind]
    if name == "any critical one":
        firing = [f"firing {KEYS[name]}" for name, kind in KINDS.items() if kind.severity is Severity.CRITICAL]
    rest = {
        "an alert that is over": [f"resolved {KEYS[kind]}" for kind in KINDS],
        "an alert that did not get through": ["configuration"],
        "a process that ended": ["failed"],
    }
    return firing or rest[name]


def test_every_alert_has_patterns_whose_events_exist() -> None:
    assert tuple(JOURNAL) == (*KINDS, *OTHERS)
    names = {name for name, _, _ in LINES.values()} | {"failed"}
    for pattern in (*JOURNAL.values(), *CLOUDWATCH.values()):
        assert set(re.findall(r'\.event ==? "(\w+)"', pattern)) <= names
        assert ".event =" in pattern


@pytest.mark.parametrize("name", JOURNAL)
def test_a_pattern_for_the_journal(log: list[str], name: str) -> None:
    require(shutil.which("jq") is not None, "jq", "apt-get install -y jq")
    program = f"fromjson? | select({JOURNAL[name]})"
    done = subprocess.run(
        ["jq", "-cR", program], input="\n".join(log), capture_output=True, text=True, check=True, timeout=30
    )
    assert found([json.loads(line) for line in done.stdout.splitlines()]) == expected(name)


@pytest.mark.parametrize("name", CLOUDWATCH)
def test_a_pattern_for_cloudwatch(log: list[str], name: str) -> None:
    lines = [json.loads(line) for line in log if line.startswith("{")]
    matches = understood(CLOUDWATCH[name])
    assert found([line for line in lines if matches(line)]) == expected(name)


def understood(pattern: str) -> Callable[[dict[str, Any]], bool]:
    """What CloudWatch makes of a pattern of equalities joined by &&, where * stands for any text."""
    terms = [re.fullmatch(r'\$\.(\w+) = "([\w:*]+)"', term) for term in pattern.split(" && ")]
    assert all(terms), pattern
    wanted = [(term[1], term[2]) for term in terms if term]
    return lambda line: all(name in line and fnmatchcase(str(line[name]), value) for name, value in wanted)
