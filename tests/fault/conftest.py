"""What the tests of kills share: their scenes, an impatient Snowflake, and a line per kill in the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.chaos.kills import Death

if TYPE_CHECKING:
    from tests.support.chaos.runs import Case, Scenes
    from tests.support.snowflake import Emulator

KILL = "kill"
DETACHED_SECONDS = 1.5
"""How soon the transaction of a killed client is rolled back; longer than a living one is ever silent in one."""


@pytest.fixture(scope="session")
def impatient_snowflake() -> Iterator[Emulator]:
    """A stand-in for Snowflake that soon gives up on vanished clients."""
    from tests.support.snowflake import Emulator

    with Emulator(detached_after_seconds=DETACHED_SECONDS) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def scenes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    """Where runs begin and how they should end."""
    from tests.support.chaos.runs import Scenes

    return Scenes(tmp_path_factory.mktemp("scenes"), lambda: request.getfixturevalue("impatient_snowflake"))


@pytest.fixture
def killed(tmp_path: Path, scenes: Scenes, record_property: Callable[[str, object], None]) -> Callable[[Case], None]:
    """Run a case, with a line for the report."""
    from tests.support.chaos.runs import Stopwatch, run

    def perform(case: Case) -> None:
        watch, outcome = Stopwatch.start(), "FAILED"
        try:
            run(case, tmp_path, scenes)
            outcome = "as undisturbed"
        finally:
            record_property(KILL, line(case, outcome, watch.seconds))

    return perform


def line(case: Case, outcome: str, seconds: float) -> str:
    """A kill in the report."""
    death: Death = case.death
    place = f"{death.step} #{death.nth + 1}"
    return (
        f"{case.mode:<15} {death.destination:<9} {place:<14} {death.moment:<6} {case.heir:<11} {outcome:<14} "
        f"{seconds:5.1f} s"
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A line per kill or pair of daemons, how many kills there were, and the report of each storm."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    properties = [each for report in reports for each in report.user_properties]
    for title in (KILL, "hammer", "storm"):
        if lines := sorted(value for name, value in properties if name == title):
            terminalreporter.section(title)
            terminalreporter.write_line("\n".join(lines))
    kills = [value for name, value in properties if name == KILL]
    if kills:
        well = sum("as undisturbed" in each for each in kills)
        terminalreporter.write_line(f"{len(kills)} kills, {well} as undisturbed")
