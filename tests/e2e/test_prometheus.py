"""A real Prometheus scrapes a real daemon, runs the dashboard's queries and fires an alert."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from tests.support.command import Shell
from tests.support.s3_servers import require
from tests.support.watching import free_port, watched

ROOT = Path(__file__).resolve().parents[2]
INSTALL = "apt-get install -y --no-install-recommends prometheus"
FIT = '{"symbol":"AAPL","timestamp":"2026-01-02T15:%02d:%02dZ","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
PATIENCE_SECONDS = 60.0
QUIET = {"Anomalies", "Retries", "Errors"}
"""Panels that have nothing to show, or zeros only, while all is well; their queries run all the same."""


@dataclass(frozen=True)
class Prometheus:
    """A server on a port of its own, with storage of its own."""

    url: str

    def ask(self, path: str, **values: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(values)}", timeout=PATIENCE_SECONDS) as answer:
            document = json.load(answer)
        assert document["status"] == "success", document
        return document["data"]

    def value(self, expression: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _answered(holds):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.1)


def _answered(holds: Callable[[], object]) -> bool:
    try:
        return bool(holds())
    except OSError:  # it does not listen yet
        return False


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[Prometheus]:
    """It scrapes and judges every second; the rules are those of the deployment, but for how long they wait."""
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text("utf-8"))
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        if "for" in rule:
            rule["for"] = "1s"
    (folder / "alerts.yml").write_text(yaml.safe_dump(rules))
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield Prometheus(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


def panels() -> list[tuple[str, str]]:
    """(title, query) of the dashboard, variables filled in as Grafana does."""
    dashboard = json.loads((ROOT / "deploy/grafana/etl-pipeline.json").read_text("utf-8"))
    filled = {"$job": "etl_daemon", "$instance": ".*", "$dataset": ".*", "$__rate_interval": "30s", "$__range": "5m"}
    found = []
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for name, value in filled.items():
                expression = expression.replace(name, value)
            assert "$" not in expression
            found.append((panel["title"], expression))
    return found


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "bucket/processed/price_data").mkdir(parents=True)
    settings = {
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": tmp_path / "bucket",
        "ETL_DUCKDB_PATH": tmp_path / "etl.duckdb",
        "ETL_STATE_DIR": tmp_path / "state",
        "ETL_POLL_INTERVAL_SECONDS": 0.2,
    }
    return Shell(tmp_path, settings)


def deliver(shell: Shell, name: str, text: str) -> None:
    unfinished = shell.folder / f"{name}.tmp"
    unfinished.write_text(text)
    unfinished.rename(shell.folder / "bucket/processed/price_data" / name)


def test_prometheus_scrapes_it_draws_the_dashboard_and_fires_an_alert(shell: Shell, tmp_path: Path) -> None:
    require(shutil.which("prometheus") is not None, "prometheus", INSTALL)
    (tmp_path / "prometheus").mkdir()
    with watched(shell) as daemon, prometheus(tmp_path / "prometheus", daemon.port) as server:
        server.until(lambda: server.value('up{job="etl_daemon"} == 1'))
        for number in range(3):
            deliver(shell, f"{number}.ndjson", "".join(FIT % (number, second) for second in range(60)) + "nonsense\n")
            server.until(lambda wanted=60 * (number + 1): server.value(f"sum(etl_rows_total) >= {wanted}"))
            server.until(lambda: server.value("sum(etl_pending_objects) == 0"))

        drawn = {title: False for title, _ in panels()}
        for title, expression in panels():
            drawn[title] |= bool(server.value(expression))
        assert not {title for title, has_data in drawn.items() if not has_data} - QUIET - {"Oldest object waiting"}
        rows = server.value('sum by (outcome) (increase(etl_rows_total{dataset="price_data"}[5m])) > 0')
        assert {each["metric"]["outcome"] for each in rows} == {"loaded", "quarantined"}

        loaded = {rule["name"] for group in server.ask("rules")["groups"] for rule in group["rules"]}
        assert "EtlDependencyDown" in loaded
        assert not firing(server) - {"EtlQuarantineShareHigh"}
        (tmp_path / "bucket").rename(tmp_path / "away")
        server.until(lambda: {"EtlDependencyDown", "EtlDatasetFailing"} <= firing(server))
        (tmp_path / "away").rename(tmp_path / "bucket")
        server.until(lambda: "EtlDependencyDown" not in firing(server))
        daemon.process.terminate()
        server.until(lambda: "EtlDaemonDown" in firing(server))


def firing(server: Prometheus) -> set[str]:
    return {each["labels"]["alertname"] for each in server.ask("alerts")["alerts"] if each["state"] == "firing"}
