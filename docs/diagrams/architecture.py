"""Draws how rows flow and how the code is layered: ``make diagrams``."""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

from diagrams import Node

from docs.diagrams.drawing import AMBER, BLUE, GREEN, GREY, ROOT, VIOLET, WHITE, Picture, Row, area, below, card, to

S3, SQS = "aws/storage/simple-storage-service-s3", "aws/integration/simple-queue-service-sqs-queue"
SNOWFLAKE, DUCKDB, SQL = "saas/analytics/snowflake", "onprem/database/duckdb", "generic/database/sql"
PROMETHEUS, GRAFANA = "onprem/monitoring/prometheus", "onprem/monitoring/grafana"
DBT, CLOUDWATCH = "onprem/analytics/dbt", "aws/management/cloudwatch"
OUR = {"fillcolor": "#f7fbff", "color": "#4a8fd6"}
CHAIN = {"rank": "same"}

MEANS = {
    "cli": "words to calls, exit codes",
    "__main__": "python -m etl_daemon",
    "api": "the corridor for Python",
    "bootstrap": "settings to things that work; chooses technologies",
    "operations": "replay, backfill, audit, upload",
    "vault": "secrets, asked again",
    "loop": "when it works and rests",
    "server": "health, metrics, status",
    "daemon": "a cycle, dataset after dataset",
    "pipeline": "the corridor",
    "leasing": "the lease, kept",
    "extraction": "into the bucket",
    "inbox": "messages in hand",
    "ports": "what the corridor asks of the world: small protocols",
    "core": "pure: nouns, rules, decisions, the text of SQL",
    "config": "settings, validated whole",
    "errors": "classed by what to do next",
}
ADAPTERS = (
    {"Source, Store": ("s3", "local", "memory"), "EventQueue": ("sqs", "memory"), "Decoder": ("decode",)},
    {"Fleet, Outlet": ("spark",), "Depot": ("s3", "local")},
    {
        "Leaser": ("s3", "local", "memory"),
        "Observer": ("observers", "alerts", "sqlite", "systemd", "cloudwatch", "lineage"),
        "SecretStore": ("ssm", "secretsmanager", "systemd", "local", "memory"),
    },
    {
        "Snapshot": ("sql",),
        "Web": ("http",),
        "Notifier": ("alerts", "sns", "memory"),
        "BoardStore": ("sqlite", "memory"),
    },
    {"Destination": ("destination",), "Session, Engine": ("snowflake", "duckdb")},
)
"""Which folders stand behind which ports, row by row of the picture."""


def system(folder: Path) -> None:
    """From where rows come to what is made of them, and who watches."""
    with Picture(folder, "system"):
        bucket, queue = _ways_in()
        daemon = _daemon()
        same = "every object takes the same five steps, whoever asks for it"
        with area("Corridor", BLUE, note=same, labelloc="b", **CHAIN):
            discover = card("discover", "pipeline", "inbox", note="what is due", **OUR)
            read = card("read", "adapters/decode", "adapters/spark", note="in slices", **OUR)
            transform = card("transform", "core", note="rules, one row per key", **OUR)
            stage = card("stage", "adapters/destination", note="outside the transaction", **OUR)
            commit = card("commit", "adapters/destination", note="all of it, once", **OUR)
        queue >> to("names") >> discover
        bucket >> to("   listing") >> discover
        bucket >> to("bytes") >> read
        discover >> to("BatchPlan") >> read >> to("RawBatch") >> transform >> to("CleanBatch") >> stage
        stage >> to("StagedBatch") >> commit
        daemon >> to("  turns", ltail="cluster_Daemon", lhead="cluster_Corridor") >> stage

        alerts, lineage = _watchers()
        tables, engine = _destination()
        staging, bronze = _models()
        read >> to("  events", ltail="cluster_Corridor", lhead="cluster_Watched by") >> alerts
        commit >> to("  Receipt", ltail="cluster_Corridor", lhead="cluster_Destination") >> tables
        engine >> to(ltail="cluster_Destination", lhead="cluster_Models") >> bronze
        below(lineage, staging)


def _ways_in() -> tuple[Node, Node]:
    """The bucket and its events, and what is put there."""
    with area("Where rows come from", GREY), Row():
        databases = card("SQL databases", "adapters/sql", icon=SQL)
        apis = card("HTTP APIs", "adapters/http")
        files = card("Files", note="or standard input")
    with Row():
        extraction = card("Extraction", "extraction", note="what is new, each once", **OUR)
        upload = card("Upload", "operations", note="nothing overwritten", **OUR)
    with area("Raw objects", GREY, note="never changed, moved or deleted", **CHAIN):
        queue = card("S3 events", "adapters/sqs", icon=SQS)
        bucket = card("S3 bucket or folder", "adapters/s3", "adapters/local", icon=S3)
    [databases, apis] >> extraction
    files >> upload
    [extraction, upload] >> to(lhead="cluster_Raw objects") >> bucket
    queue << bucket
    return bucket, queue


def _daemon() -> Node:
    with area("Daemon", BLUE, note="when, and who"):
        with Row():
            units = card("systemd or cron", "systemd", "adapters/systemd")
            secrets = card("Secrets", "vault", "adapters/ssm", "adapters/secretsmanager")
            status = card("Status", "server", note="health, metrics", **OUR)
        with Row():
            loop = card("Loop", "loop", "daemon", note="dataset after dataset", **OUR)
            lease = card("Lease", "leasing", note="one works at a time", **OUR)
            history = card("History", "adapters/sqlite", note="for monitor and alerts", **OUR)
    for upper, lower in ((units, loop), (secrets, lease), (status, history)):
        below(upper, lower)
    return lease


def _watchers() -> tuple[Node, Node]:
    with area("Watched by", VIOLET, note="observers of its events"):
        with Row():
            metrics = card("Prometheus", "adapters/observers", "deploy/prometheus", icon=PROMETHEUS)
            alerts = card("Alerts", "adapters/alerts", "adapters/sns", note="mail, webhook, SNS, Apprise")
        with Row():
            grafana = card("Grafana", "deploy/grafana", icon=GRAFANA)
            card("CloudWatch", "adapters/cloudwatch", icon=CLOUDWATCH)
            lineage = card("OpenLineage", "adapters/lineage")
    metrics >> grafana
    below(alerts, lineage)
    return alerts, lineage


def _destination() -> tuple[Node, Node]:
    with area("Destination", GREEN, note="one transaction"):
        with Row():
            targets = card("Targets", note="PRICE_DATA and others")
            anomalies = card("Anomalies", note="ANOMALIES")
            quarantine = card("Quarantine", note="ETL_QUARANTINE")
            card("Ledger", note="ETL_OBJECTS")
        with Row():
            snowflake = card("Snowflake", "adapters/snowflake", icon=SNOWFLAKE)
            duckdb = card("DuckDB file", "adapters/duckdb", icon=DUCKDB)
    below(targets, snowflake)
    below(quarantine, duckdb)
    return anomalies, duckdb


def _models() -> tuple[Node, Node]:
    with area("Models", AMBER, note="inside the warehouse"):
        with area("dbt", WHITE, "deploy/dbt", icon=DBT, **CHAIN):
            staging = card("STAGING", "adapters/dbt")
            staging >> card("TRANSFORM") >> card("MART")
        with area("Medallion", WHITE, "deploy/snowflake/medallion", icon=SNOWFLAKE, **CHAIN):
            bronze = card("Bronze", fillcolor="#e8c9a5")
            bronze >> card("Silver", fillcolor="#dfe3e8") >> card("Gold", fillcolor="#f5dc83")
    return staging, bronze


def rooms(folder: Path) -> None:
    """The layers of the code from top to bottom, and which adapters stand behind which ports."""
    with Picture(folder, "rooms"):
        layer = {names[0]: _layer(names) for names in layers()}
        for (upper, first), (lower, second) in pairwise(layer.items()):
            first >> to(ltail=f"cluster_{upper}", lhead=f"cluster_{lower}") >> second
        with area("adapters", GREEN, "adapters", note="one technology, one folder; behind these ports"):
            rows = [_adapters(ports) for ports in ADAPTERS]
        for upper, lower in pairwise(rows):
            below(upper, lower)
        layer["bootstrap"] >> to("  chooses", ltail="cluster_bootstrap", lhead="cluster_adapters") >> rows[0]
        rows[-1] >> to("  stand behind", ltail="cluster_adapters", lhead="cluster_ports") >> layer["ports"]


def layers() -> list[list[str]]:
    """The rooms of each layer, as the contract of import-linter has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (found,) = (contract["layers"] for contract in contracts if contract["id"] == "layers")
    return [[room.strip("() ") for room in re.split("[|:]", layer)] for layer in found]


def _layer(names: list[str]) -> Node:
    """A band of rooms of one height; the one in its middle."""
    with area(names[0], GREY, label=""), Row():
        cards = [card(name, name, note=MEANS[name], **OUR) for name in names if name != "adapters"]
    return cards[len(cards) // 2]


def _adapters(ports: dict[str, tuple[str, ...]]) -> Node:
    with Row():
        cards = [card(port, *(f"adapters/{each}" for each in folders), **OUR) for port, folders in ports.items()]
    return cards[len(cards) // 2]


def main(folder: Path) -> None:
    """Draw all of it into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    system(folder)
    rooms(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
