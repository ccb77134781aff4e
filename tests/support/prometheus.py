"""Debian's Prometheus and Alertmanager on the loopback, with the files of deploy/ made quick."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.support.s3_servers import require
from tests.support.watching import free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
FILES = DEPLOY / "prometheus"
PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}
CHOSEN = {"$job": ".+", "$instance": ".+", "$dataset": ".+", "$__rate_interval": "15s", "$__range": "5m"}
"""What Grafana puts in the place of its variables."""

_PATIENCE_SECONDS = 60.0


def need(program: str) -> None:
    """Skip, or fail, without it."""
    require(
        shutil.which(program) is not None, program, f"apt-get install -y --no-install-recommends {PACKAGES[program]}"
    )


def rules() -> list[dict[str, Any]]:
    """The alert rules that are deployed."""
    groups = yaml.safe_load((FILES / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard, as Grafana reads them."""
    found = json.loads((DEPLOY / "grafana/etl-pipeline.json").read_text("utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def filled(query: str) -> str:
    """The query with all that can be chosen."""
    for name, value in CHOSEN.items():
        query = query.replace(name, value)
    return query


@dataclass(frozen=True)
class Server:
    """Something that answers in JSON."""

    url: str

    def ask(self, path: str, **values: object) -> Any:
        with urlopen(f"{self.url}/{path}?{urlencode(values)}", timeout=_PATIENCE_SECONDS) as answer:
            return json.load(answer)

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.1)


class Prometheus(Server):
    """It scrapes and judges every second."""

    def series(self, query: str) -> list[dict[str, Any]]:
        """What the query finds now."""
        found: list[dict[str, Any]] = self.ask("api/v1/query", query=query)["data"]["result"]
        return found

    def history(self, query: str, since: float) -> list[dict[str, Any]]:
        """What it found at each second since then (epoch)."""
        stretch = {"start": since, "end": time.time(), "step": 1}
        found: list[dict[str, Any]] = self.ask("api/v1/query_range", query=query, **stretch)["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """The alerts that fire."""
        alerts = self.ask("api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


@contextmanager
def prometheus(folder: Path, target: int, alertmanager: int) -> Iterator[Prometheus]:
    """Prometheus as deployed, but for addresses and times: alerts fire within seconds."""
    need("prometheus")
    folder.mkdir()
    document = yaml.safe_load((FILES / "alerts.yml").read_text("utf-8"))
    for rule in (rule for group in document["groups"] for rule in group["rules"]):
        rule["for"] = "1s"
    (folder / "alerts.yml").write_text(yaml.safe_dump(document))
    config = yaml.safe_load((FILES / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{alertmanager}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with _running(["prometheus", *options], folder) as url:
        yield Prometheus(url)


@contextmanager
def alertmanager(folder: Path, port: int, mail: int, pager: str) -> Iterator[Server]:
    """Alertmanager as deployed, but for addresses and times; ``mail`` is a port of ours, ``pager`` an address."""
    need("prometheus-alertmanager")
    folder.mkdir()
    config = yaml.safe_load((FILES / "alertmanager.yml").read_text("utf-8"))
    config["global"] |= {"smtp_smarthost": f"127.0.0.1:{mail}", "smtp_require_tls": False}
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    (hook,) = (hook for receiver in config["receivers"] for hook in receiver.get("webhook_configs", ()))
    hook["url"] = pager
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    options = [f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data"]
    with _running(["prometheus-alertmanager", "--cluster.listen-address=", *options], folder, port) as url:
        yield Server(url)


@contextmanager
def _running(command: Sequence[str], folder: Path, port: int = 0) -> Iterator[str]:
    """The address of the server, once it is ready; what it says is in ``log``."""
    port = port or free_port()
    listen = [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, *listen], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _ready(f"http://127.0.0.1:{port}/-/ready"):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def _ready(url: str) -> bool:
    try:
        with urlopen(url, timeout=_PATIENCE_SECONDS):
            return True
    except OSError:  # it does not listen yet, or says that it is not ready
        return False
