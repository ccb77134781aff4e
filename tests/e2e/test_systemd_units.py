"""The units say nothing that systemd does not know, and shut the daemon in."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.s3_servers import require

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "systemd"
UNITS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".service", ".timer"})
GREATEST_EXPOSURE = 1.2


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    require(bool(shutil.which("systemd-analyze")), "systemd-analyze", "apt-get install systemd")
    return subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, check=False)


def section(unit: str, heading: str) -> str:
    return (FOLDER / unit).read_text("utf-8").partition(heading)[2].partition("\n[")[0].strip()


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with the drop-in, and with a command that is there."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.glob("*.service"):
        path.write_text(re.sub(r"/opt/etl-pipeline/\S+/etl-daemon", "/bin/true", path.read_text("utf-8")))
    example = tmp_path / "etl-pipeline.service.d" / "key.conf.example"
    example.rename(example.with_suffix(""))
    return tmp_path


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_every_line(units: Path, unit: str) -> None:
    verified = analyze("verify", "--man=no", units / unit)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", ""), "unknown keys are on standard error"


def test_a_key_that_systemd_does_not_know_is_found(units: Path) -> None:
    drop_in = units / "etl-pipeline.service.d" / "key.conf"
    drop_in.write_text(drop_in.read_text("utf-8").replace("LoadCredential", "LoadCredentials"))
    assert (
        "LoadCredentials' in section [Service]" in analyze("verify", "--man=no", units / "etl-pipeline.service").stderr
    )


@pytest.mark.parametrize("unit", [name for name in UNITS if name.endswith(".service")])
def test_exposure_is_low(unit: str) -> None:
    judged = analyze("security", "--offline=true", "--no-pager", FOLDER / unit).stdout
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged)
    assert score, judged
    assert float(score[1]) <= GREATEST_EXPOSURE, judged


@pytest.mark.parametrize(
    "unit", ["etl-pipeline-once.service", "etl-pipeline-monitor.service", "etl-pipeline-models.service"]
)
def test_what_ends_is_shut_in_like_the_daemon(unit: str) -> None:
    assert section(unit, "# sandbox") == section("etl-pipeline.service", "# sandbox")


@pytest.mark.parametrize(("timer", "per_day"), [("once", 288), ("monitor", 24), ("models", 1)])
def test_a_timer_goes_off_as_often_as_it_should(timer: str, per_day: int) -> None:
    (calendar,) = re.findall(
        r"^OnCalendar=(.*)$", (FOLDER / f"etl-pipeline-{timer}.timer").read_text("utf-8"), re.MULTILINE
    )
    told = analyze("calendar", f"--iterations={per_day + 1}", "--base-time=2026-01-01 00:03:30", calendar).stdout
    times = re.findall(r"(?:elapse|#\d+): \w+ (\S+ \S+)", told)
    first, last = (datetime.fromisoformat(times[at]) for at in (0, per_day))
    assert last - first == timedelta(days=1)


def test_the_service_restarts_for_ever_but_for_wrong_settings() -> None:
    unit = (FOLDER / "etl-pipeline.service").read_text("utf-8")
    wanted = {"Type=notify", "Restart=always", "StartLimitIntervalSec=0", "RestartPreventExitStatus=78", "User=etl"}
    assert wanted <= set(unit.splitlines())


def test_every_unit_is_described() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    assert [name for name in (*UNITS, "key.conf.example") if f"`{name}`" not in text] == []
