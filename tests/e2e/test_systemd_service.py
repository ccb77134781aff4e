"""The deploy script and the service on a machine with a real systemd: ``make test-systemd``, as root."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.s3_servers import require
from tests.support.systemd_box import Box, available, box

pytestmark = pytest.mark.systemd

ROOT = Path(__file__).resolve().parents[2]
WHEELS = ROOT / "build" / "wheels"
DEB = ROOT / "build" / "deb"
SERVICE = "etl-pipeline.service"
MONITOR, MONITOR_TIMER = "etl-pipeline-monitor.service", "etl-pipeline-monitor.timer"
CRON = "etc/cron.d/etl-pipeline"
LOGS = "var/log/etl-pipeline"
SETTINGS = "/etc/etl-pipeline/etl-config.env"
PRICES = "srv/bucket/processed/price_data"
PATIENCE_SECONDS = 60
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/srv/wheels", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
BAR = '{"symbol":"%s","timestamp":"2025-06-02T00:00:00Z","open":1,"high":2,"low":1,"close":2,"volume":5}\n'


def eventually(what: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box with the checkout, the wheels and a folder of objects."""
    require(available() and os.geteuid() == 0, "a systemd that root can boot", "apt-get install systemd, as root")
    assert any(WHEELS.glob("*.whl")), "make test-systemd brings the packages to build/wheels"
    with box(tmp_path_factory.mktemp("box")) as machine:
        left_out = shutil.ignore_patterns(".git", ".venv*", "build", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(ROOT, machine.root / "srv/checkout", ignore=left_out)
        shutil.copytree(WHEELS, machine.root / "srv/wheels")
        shutil.copy(next(DEB.glob("*.deb")), machine.root / "srv/etl-daemon.deb")
        (machine.root / PRICES).mkdir(parents=True)
        yield machine


def deploy(machine: Box, *words: str) -> str:
    return machine.run("/srv/checkout/scripts/deploy-etl-pipeline.sh", *words, **OFFLINE)


def arrive(machine: Box, name: str, text: str) -> None:
    path = machine.root / PRICES / name
    path.with_suffix(".tmp").write_text(text)
    path.with_suffix(".tmp").rename(path)


def configure(machine: Box, *lines: str) -> None:
    local = (
        "ETL_SOURCE=local",
        "ETL_LOCAL_DIR=/srv/bucket",
        "ETL_POLL_INTERVAL_SECONDS=0.5",
        "ETL_HTTP_PORT=0",
        *lines,
    )
    (machine.root / SETTINGS.lstrip("/")).write_text("\n".join(local) + "\n")


def drop_in(machine: Box, *lines: str) -> None:
    path = machine.root / f"etc/systemd/system/{SERVICE}.d/test.conf"
    path.write_text("\n".join(("[Service]", "RestartSec=100ms", *lines)) + "\n")
    machine.run("systemctl", "daemon-reload")


def logged(machine: Box, text: str) -> bool:
    return any(text in str(line["MESSAGE"]) for line in machine.journal("--unit", SERVICE))


def committed(machine: Box) -> int:
    return sum('"batch_committed"' in str(line["MESSAGE"]) for line in machine.journal("--unit", SERVICE))


def main_pid(machine: Box) -> str:
    return machine.shown(SERVICE, "MainPID")


def await_another(machine: Box, pid: str, why: str) -> None:
    eventually(lambda: main_pid(machine) not in {pid, "0"} and machine.shown(SERVICE, "SubState") == "running", why)


def test_1_a_first_installation_asks_for_settings(machine: Box) -> None:
    said = deploy(machine, "--daemon")
    assert f"Now edit {SETTINGS}" in said
    assert machine.shown(SERVICE, "ActiveState") == "inactive"
    assert machine.shown(SERVICE, "UnitFileState") == "enabled"
    assert machine.run("stat", "--format=%a %U:%G", SETTINGS).strip() == "640 root:etl"
    assert machine.run("stat", "--format=%a %U:%G", "/var/log/etl-pipeline").strip() == "750 etl:etl"


def test_2_the_service_is_ready_and_loads(machine: Box) -> None:
    configure(machine)
    arrive(machine, "a.ndjson", BAR % "AAPL")
    drop_in(machine, "WatchdogSec=3s")
    before = machine.run("readlink", "/opt/etl-pipeline/current")
    deploy(machine, "--daemon")
    assert machine.run("readlink", "/opt/etl-pipeline/current") == before, "the same checkout is the same release"
    assert machine.shown(SERVICE, "ActiveState") == "active"
    eventually(lambda: "last batch price_data: 1 rows" in machine.shown(SERVICE, "StatusText"), "the status says so")
    assert committed(machine) == 1
    assert machine.shown(SERVICE, "User") == "etl"
    assert machine.shown(SERVICE, "KillMode") == "mixed", "or dbt would be told to end as its parent is"
    exposure = machine.run("systemd-analyze", "security", "--no-pager", SERVICE)
    score = re.search(r"Overall exposure level for \S+: ([0-9.]+)", exposure)
    assert score
    assert float(score[1]) <= 1.2


def test_3_killed_it_is_started_again_and_loads_on(machine: Box) -> None:
    pid = main_pid(machine)
    machine.run("kill", "-KILL", pid)
    arrive(machine, "b.ndjson", BAR % "MSFT")
    await_another(machine, pid, "it is restarted")
    eventually(lambda: committed(machine) == 2, "what arrived is loaded")


def test_4_stopped_in_its_tracks_it_is_restarted_by_the_watchdog(machine: Box) -> None:
    pid = main_pid(machine)
    machine.run("kill", "-STOP", pid)
    await_another(machine, pid, "the watchdog restarts it")
    assert logged(machine, "Watchdog timeout")
    last_words = [str(line["MESSAGE"]) for line in machine.journal("--unit", SERVICE, "--priority", "err")]
    assert "Fatal Python error: Aborted" in last_words, "a traceback per thread is left behind"


def test_5_a_reload_takes_right_settings_and_refuses_wrong_ones(machine: Box) -> None:
    pid = main_pid(machine)
    configure(machine, "ETL_BATCH_SIZE=many")
    machine.run("systemctl", "reload", SERVICE)
    eventually(lambda: logged(machine, "reload_refused"), "it is told")
    configure(machine, "LOG_LEVEL=WARNING")
    machine.run("systemctl", "reload", SERVICE)
    configure(machine)
    eventually(lambda: machine.shown(SERVICE, "ActiveState") == "active", "it goes on")
    machine.run("systemctl", "reload", SERVICE)
    eventually(lambda: machine.shown(SERVICE, "ActiveState") == "active", "it goes on")
    arrive(machine, "c.ndjson", BAR % "GOOG")
    eventually(lambda: committed(machine) == 3, "what arrived is loaded")
    assert main_pid(machine) == pid


def test_5_the_journal_knows_how_grave_each_line_is(machine: Box) -> None:
    arrive(machine, "broken.parquet", "PAR1, and nothing else")
    eventually(lambda: logged(machine, '"object_refused"'), "it is told")
    mine = [f"_PID={main_pid(machine)}", "_TRANSPORT=stdout"]
    lines = [(int(line["PRIORITY"]), json.loads(line["MESSAGE"])) for line in machine.journal(*mine)]
    grave = [json.loads(line["MESSAGE"]) for line in machine.journal(*mine, "--priority", "warning")]
    assert {(number, line["level"]) for number, line in lines} == {(6, "info"), (4, "warning"), (3, "error")}
    assert grave == [line for number, line in lines if number <= 4]
    (refused,) = (line for line in grave if line["event"] == "object_refused")
    assert refused["key"] == "processed/price_data/broken.parquet"
    committed = next(line for _, line in reversed(lines) if line["event"] == "batch_committed")
    assert (refused["cycle_id"], refused["batch_id"]) == (committed["cycle_id"], committed["batch_id"])


def monitored(machine: Box) -> list[str]:
    return [str(line["MESSAGE"]) for line in machine.journal("--unit", MONITOR)]


def test_5_the_monitor_finds_it_well_every_hour(machine: Box) -> None:
    assert machine.shown(MONITOR_TIMER, "ActiveState") == "active"
    assert machine.shown(MONITOR_TIMER, "UnitFileState") == "enabled"
    often = machine.root / f"etc/systemd/system/{MONITOR_TIMER}.d/test.conf"
    often.parent.mkdir()
    often.write_text("[Timer]\nOnActiveSec=100ms\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", MONITOR_TIMER)
    eventually(lambda: any(line.startswith("ok   process: The last cycle") for line in monitored(machine)), "it looks")
    eventually(lambda: machine.shown(MONITOR, "ActiveState") == "inactive", "it ends")
    assert machine.shown(MONITOR, "Result") == "success"
    assert any("free for state and logs and the database" in line for line in monitored(machine))
    shutil.rmtree(often.parent)
    machine.run("systemctl", "daemon-reload")


def test_5_the_monitor_fails_where_something_is_wrong_and_the_alert_says_what(machine: Box) -> None:
    configure(machine, "MIN_FREE_DISK_MB=999999999")
    assert machine.attempt("systemctl", "start", MONITOR).returncode != 0
    assert machine.shown(MONITOR, "ExecMainStatus") == "1"
    alerts = lambda: machine.journal("--identifier", "etl-pipeline-alert", "--priority", "err")  # noqa: E731
    eventually(lambda: any("fail disk" in str(line["MESSAGE"]) for line in alerts()), "the last lines are there")
    configure(machine)
    machine.run("systemctl", "start", MONITOR)


def test_6_it_stops_in_the_middle_of_a_batch_within_15_seconds(machine: Box) -> None:
    drop_in(machine)
    machine.run("systemctl", "restart", SERVICE)
    rows = "".join(BAR % "AAPL" for _ in range(1_000_000))
    for part in range(3):
        arrive(machine, f"large-{part}.ndjson", rows)
    eventually(lambda: " objects planned" in machine.shown(SERVICE, "StatusText"), "a batch is under way")
    started, before = time.monotonic(), committed(machine)
    machine.run("systemctl", "stop", SERVICE)
    assert time.monotonic() - started < 15
    assert machine.shown(SERVICE, "Result") == "success"
    assert committed(machine) > before, "the batch in hand is finished"
    assert logged(machine, '"stopped"')


def test_7_wrong_settings_fail_it_at_once_and_the_alert_says_why(machine: Box) -> None:
    configure(machine, "ETL_BATCH_SIZE=many")
    assert machine.attempt("systemctl", "start", SERVICE).returncode != 0
    assert machine.shown(SERVICE, "ExecMainStatus") == "78"
    alerts = lambda: machine.journal("--identifier", "etl-pipeline-alert", "--priority", "err")  # noqa: E731
    eventually(lambda: any("ETL_BATCH_SIZE" in str(line["MESSAGE"]) for line in alerts()), "the last lines are there")
    assert machine.shown(SERVICE, "NRestarts") == "0"


@pytest.mark.parametrize(
    ("file", "right", "wrong", "code", "told"),
    [
        ("config/load.py", "ETL_LOCAL_DIR", "ETL_LOCAL_FOLDER", 78, "does not accept the settings"),
        ("cli/run.py", "    orders = ", "    raise RuntimeError\n    orders = ", 1, "does not start"),
    ],
)
def test_8_an_upgrade_that_fails_leaves_the_version_before(
    machine: Box, file: str, right: str, wrong: str, code: int, told: str
) -> None:
    configure(machine)
    before = machine.run("readlink", "/opt/etl-pipeline/current")
    path = machine.root / "srv/checkout/etl_daemon" / file
    text = path.read_text()
    path.write_text(text.replace(right, wrong))
    refused = machine.attempt("/srv/checkout/scripts/deploy-etl-pipeline.sh", "--daemon", **OFFLINE)
    path.write_text(text)
    assert refused.returncode == code, refused.stdout + refused.stderr
    assert told in refused.stderr
    assert machine.run("readlink", "/opt/etl-pipeline/current") == before
    assert machine.run("ls", "/opt/etl-pipeline/releases").split() == [Path(before.strip()).name]
    deploy(machine, "--daemon")
    assert machine.shown(SERVICE, "ActiveState") == "active"


def test_8_an_upgrade_without_an_option_runs_it_as_before_with_its_credentials(machine: Box) -> None:
    settings = machine.root / SETTINGS.lstrip("/")
    text = settings.read_text()
    settings.write_text(text.replace("ETL_LOCAL_DIR=/srv/bucket\n", ""))
    refused = machine.attempt("/srv/checkout/scripts/deploy-etl-pipeline.sh", **OFFLINE)
    assert "Now edit" in refused.stdout, "without the credential the settings are not enough"
    drop_in(machine, "SetCredential=etl_local_dir:/srv/bucket")
    assert "Now edit" not in deploy(machine)
    assert machine.shown(SERVICE, "ActiveState") == "active"
    assert machine.shown(SERVICE, "UnitFileState") == "enabled"
    assert not (machine.root / CRON).exists()
    settings.write_text(text)
    drop_in(machine)
    deploy(machine)


def cron_command(machine: Box, word: str) -> str:
    line = next(each for each in (machine.root / CRON).read_text().splitlines() if f"etl-pipeline {word} " in each)
    return line.split(maxsplit=6)[6]


def test_9_cron_takes_its_place(machine: Box) -> None:
    machine.attempt("systemctl", "stop", "cron.service")  # here it is this test that says when
    deploy(machine, "--cron")
    assert machine.shown(SERVICE, "UnitFileState") == "disabled"
    assert machine.shown(MONITOR_TIMER, "UnitFileState") == "disabled"
    for word in ("once", "monitor"):
        machine.run("runuser", "--user", "etl", "--", "sh", "-c", cron_command(machine, word))
    assert '"failed": false' in (machine.root / LOGS / "etl-cron.log").read_text()
    assert '"ok": true' in (machine.root / LOGS / "etl-monitor.log").read_text()
    machine.run("logrotate", "--force", "/etc/logrotate.d/etl-pipeline")
    assert {f"etl-{name}.log.1" for name in ("cron", "monitor")} <= {
        each.name for each in (machine.root / LOGS).iterdir()
    }


def test_9_a_real_cron_fires_the_one_shot(machine: Box) -> None:
    for package, command in (("cron", "cron"), ("faketime", "faketime")):
        require(bool(shutil.which(command, path="/usr/sbin:/usr/bin")), command, f"apt-get install {package}")
    arrive(machine, "by-cron.ndjson", BAR % "AMZN")
    fast = ("--unit=fast-cron", "--collect", "faketime", "-f", "+0 x15", "cron", "-f")  # a minute takes four seconds
    machine.run("systemd-run", "--quiet", *fast)
    log = machine.root / LOGS / "etl-cron.log"
    eventually(lambda: log.exists() and '"rows_loaded": 1,' in log.read_text(), "cron loads what has arrived")
    machine.run("systemctl", "stop", "fast-cron")
    assert machine.run("stat", "--format=%U", f"/{LOGS}/etl-cron.log").strip() == "etl"


def test_9_the_timers_take_the_place_of_cron(machine: Box) -> None:
    deploy(machine, "--timer")
    assert not (machine.root / CRON).exists()
    for name in ("once", "monitor"):
        assert machine.shown(f"etl-pipeline-{name}.timer", "ActiveState") == "active"
        machine.run("systemctl", "start", f"etl-pipeline-{name}.service")
    deploy(machine)
    assert machine.shown("etl-pipeline-once.timer", "UnitFileState") == "enabled"
    assert not (machine.root / CRON).exists()


def test_uninstalling_keeps_settings_and_data_unless_purged(machine: Box) -> None:
    deploy(machine, "--uninstall")
    left = [path for path in ("opt", "etc", "var/lib", "var/log") if (machine.root / path / "etl-pipeline").exists()]
    assert left == ["etc", "var/lib", "var/log"]
    for unit in (SERVICE, MONITOR, MONITOR_TIMER):
        assert machine.shown(unit, "LoadState") == "not-found"
    deploy(machine, "--uninstall", "--purge")
    assert not (machine.root / "var/lib/etl-pipeline").exists()
    assert machine.attempt("getent", "passwd", "etl").returncode != 0


def test_the_debian_package_installs_removes_and_purges(machine: Box) -> None:
    machine.run("dpkg", "--install", "/srv/etl-daemon.deb")
    assert machine.shown(SERVICE, "UnitFileState") == "enabled"
    configure(machine)
    drop_in(machine)
    before = committed(machine)
    arrive(machine, "packaged.json", BAR % "DEB")
    machine.run("systemctl", "restart", SERVICE)
    eventually(lambda: committed(machine) > before, "the packaged service loads")

    machine.run("dpkg", "--install", "/srv/etl-daemon.deb")  # an upgrade to the same is nothing new
    assert machine.shown(SERVICE, "ActiveState") == "active"

    machine.run("dpkg", "--remove", "etl-daemon")
    assert machine.shown(SERVICE, "ActiveState") != "active"
    assert not (machine.root / "opt/etl-pipeline").exists()
    assert (machine.root / SETTINGS.lstrip("/")).exists()
    machine.run("dpkg", "--purge", "etl-daemon")
    left = [path for path in ("opt", "etc", "var/lib", "var/log") if (machine.root / path / "etl-pipeline").exists()]
    assert left == []
    assert machine.attempt("getent", "passwd", "etl").returncode != 0
