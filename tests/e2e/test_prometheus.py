"""A real Prometheus scrapes a daemon, answers the dashboard's queries and fires the deployed alerts."""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.channels import Hook, Mailbox, mail_server, web_server
from tests.support.command import Shell
from tests.support.prometheus import FILES, Prometheus, Server, alertmanager, filled, need, panels, prometheus, rules
from tests.support.watching import Watched, free_port, watched

pytestmark = pytest.mark.xdist_group("prometheus")

FIT = '{"symbol":"AAPL","timestamp":"2026-01-02T15:%02d:%02dZ","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
JUMP = FIT.replace('"high":11', '"high":90').replace('"close":10.5', '"close":60')
UNFIT = FIT.replace('"low":9', '"low":10.8')
NOTES = """
[datasets.notes]
prefix = "processed/notes"
table = "BRONZE.NOTES"
mode = "APPEND"
[datasets.notes.silver]
table = "SILVER.NOTES"
primary_key = ["ID"]
"""
QUIET = {
    "Reasons not to work",
    "Longest wait",
    "Oldest object that waits",
    "Messages",
    "Runs of models",
    "Time of a run of models",
    "Objects that wait",
    "Bytes that wait",
    "Retries",
    "Datasets that fail",
    "Not ready",
}
"""Panels that may have nothing but zeros to show while all is well."""


@dataclass(frozen=True)
class Scene:
    """A daemon that has loaded, refused and rejected, and all that watches it."""

    shell: Shell
    daemon: Watched
    prometheus: Prometheus
    alertmanager: Server
    mail: Mailbox
    pager: Hook
    began: float

    def pages(self) -> list[tuple[str, str, str]]:
        """(state, alert, summary) of what the pager was sent."""
        alerts = [alert for page in self.pager.posted for alert in page["alerts"]]
        return [(each["status"], each["labels"]["alertname"], each["annotations"]["summary"]) for each in alerts]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    (folder / "datasets.toml").write_text(NOTES)
    more = {"ETL_DATASETS_FILE": folder / "datasets.toml", "MODELS_AFTER_LOAD_SECONDS": 1}
    shell = Shell.embedded(folder, ETL_POLL_INTERVAL_SECONDS=0.5, **more)
    (folder / "bucket/processed/notes").mkdir()
    (folder / "bucket/processed/notes/a.csv").write_text("ID,SAID\n1,a\n")
    port, began = free_port(), time.time()
    with ExitStack() as running:
        mail, pager = running.enter_context(mail_server()), running.enter_context(web_server())
        managed = running.enter_context(alertmanager(folder / "alertmanager", port, mail.port, pager.url))
        daemon = running.enter_context(watched(shell))
        server = running.enter_context(prometheus(folder / "prometheus", daemon.port, port))
        server.until(lambda: server.series('up{job="etl_daemon"} == 1'))
        load(shell, server)
        yield Scene(shell, daemon, server, managed, mail, pager, began)


def load(shell: Shell, server: Prometheus) -> None:
    """Objects of each kind, one after another, so that there is something to draw."""
    rows = "".join(FIT % (minute, second) for minute in range(20) for second in range(60))
    deliver(shell, "a.ndjson", rows + JUMP % (30, 0) + "".join(UNFIT % (31, second) for second in range(60)))
    server.until(lambda: server.series('etl_rows_total{outcome="quarantined"} == 60'))
    deliver(shell, "b.ndjson", rows)
    server.until(lambda: server.series('etl_rows_total{outcome="loaded"} == 2401'))
    deliver(shell, "c.zip", "PK\x03\x04")
    server.until(lambda: server.series('etl_objects_total{outcome="refused"} == 1'))
    server.until(lambda: server.series('etl_model_runs_total{outcome="made"} > 0'))
    seen = server.series("sum(etl_cycle_duration_seconds_count)")[0]["value"][1]
    server.until(lambda: server.series(f"sum(etl_cycle_duration_seconds_count) > {seen} + 3"))


def deliver(shell: Shell, name: str, text: str) -> None:
    unfinished = shell.folder / f"{name}.tmp"
    unfinished.write_text(text)
    unfinished.rename(shell.folder / "bucket/processed/price_data" / name)


# ---------------------------------------------------------------- what the tools say of the files


@pytest.mark.parametrize(
    "words",
    ["check rules alerts.yml", "check config prometheus.yml", "test rules alerts_test.yml"],
)
def test_promtool_agrees(words: str) -> None:
    need("promtool")
    done = subprocess.run(["promtool", *words.split()], cwd=FILES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_amtool_agrees() -> None:
    need("amtool")
    command = ["amtool", "check-config", "alertmanager.yml"]
    done = subprocess.run(command, cwd=FILES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- queries


@pytest.mark.parametrize("panel", panels(), ids=[panel["title"] for panel in panels()])
def test_a_panel_has_something_to_draw(scene: Scene, panel: dict[str, Any]) -> None:
    (target,) = panel["targets"]
    query = filled(target["expr"])
    found = scene.prometheus.series(query) if target["instant"] else scene.prometheus.history(query, scene.began)
    values = [float(value) for each in found for _, value in each.get("values", (each.get("value"),))]
    finite = [value for value in values if math.isfinite(value)]
    assert finite
    assert max(finite) > 0 or panel["title"] in QUIET
    named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert all(named <= set(each["metric"]) for each in found)


def test_every_selector_finds_series(scene: Scene) -> None:
    queries = [filled(panel["targets"][0]["expr"]) for panel in panels()] + [rule["expr"] for rule in rules()]
    selectors = {found for query in queries for found in re.findall(r"\w+\{[^}]*\}", query)}
    excluding = {re.sub(r"!=", "=", selector) for selector in selectors}  # what is left out has to be there as well
    assert len(excluding) > 40
    assert [each for each in sorted(selectors | excluding) if not scene.prometheus.series(each)] == []


def test_what_can_be_chosen_is_there(scene: Scene) -> None:
    server = scene.prometheus
    assert server.ask("api/v1/label/dataset/values")["data"] == [
        "anomalies",
        "notes",
        "price_data",
        "technical_indicators",
    ]
    assert server.ask("api/v1/label/job/values")["data"] == ["etl_daemon"]


# ---------------------------------------------------------------- alerts


def test_prometheus_judges_by_every_rule(scene: Scene) -> None:
    loaded = [rule for group in scene.prometheus.ask("api/v1/rules")["data"]["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in loaded} == {rule["alert"] for rule in rules()}
    scene.prometheus.until(
        lambda: all(
            rule["health"] == "ok"
            for group in scene.prometheus.ask("api/v1/rules")["data"]["groups"]
            for rule in group["rules"]
        )
    )


def test_a_refused_object_comes_by_mail_with_what_to_type(scene: Scene) -> None:
    scene.prometheus.until(lambda: "EtlObjectsRefused" in scene.prometheus.firing())
    scene.prometheus.until(lambda: any("EtlObjectsRefused" in mail["subject"] for mail in scene.mail.messages))
    (mail, *_) = [mail for mail in scene.mail.messages if "EtlObjectsRefused" in mail["subject"]]
    assert mail["to"] == "data-team@example.com"
    body = mail.get_body()
    assert body
    text = body.get_content()
    assert "etl-daemon quarantine list --objects --dataset price_data" in text
    assert "docs/runbook.md#etlobjectsrefused" in text


def test_an_outage_is_one_page_when_it_begins_and_one_when_it_ends(scene: Scene) -> None:
    assert scene.prometheus.firing() <= {"EtlObjectsRefused"}
    assert scene.pages() == []
    bucket, away = scene.shell.folder / "bucket", scene.shell.folder / "away"
    bucket.rename(away)
    server, instance = scene.prometheus, f"127.0.0.1:{scene.daemon.port}"
    server.until(lambda: {"EtlDependencyDown", "EtlDatasetFailing", "EtlDaemonNotReady"} <= server.firing())
    page = ("firing", "EtlDependencyDown", f"{instance} cannot work with local")
    server.until(lambda: page in scene.pages())
    server.until(lambda: inhibited(scene.alertmanager) >= {"EtlDatasetFailing", "EtlDaemonNotReady"})
    away.rename(bucket)
    server.until(lambda: ("resolved", *page[1:]) in scene.pages())
    server.until(lambda: server.firing() <= {"EtlObjectsRefused", "EtlErrors"})


def inhibited(manager: Server) -> set[str]:
    """Alerts that are kept back because another one says it already."""
    return {alert["labels"]["alertname"] for alert in manager.ask("api/v2/alerts") if alert["status"]["inhibitedBy"]}


def test_a_daemon_that_is_gone_is_paged(scene: Scene) -> None:
    scene.daemon.process.terminate()
    page = ("firing", "EtlDaemonDown", f"127.0.0.1:{scene.daemon.port} does not answer")
    scene.prometheus.until(lambda: page in scene.pages())
    (alert, *_) = [
        each for page in scene.pager.posted for each in page["alerts"] if "Down" in each["labels"]["alertname"]
    ]
    assert alert["labels"]["severity"] == "critical"
    assert json.dumps(scene.pager.posted).count("docs/runbook.md#etldaemondown") >= 1
