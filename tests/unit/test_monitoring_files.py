"""Rules, dashboard and runbook speak of metrics that there are."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl_daemon.adapters.observers.metric_table import CYCLE, READ, STAGE
from tests.support.s3_servers import require

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS, GRAFANA = ROOT / "deploy/prometheus", ROOT / "deploy/grafana"
TARGET_LABELS = {"job", "instance"}
INSTALL = "apt-get install -y --no-install-recommends prometheus"


def known() -> dict[str, set[str]]:
    """Labels of every series by its name."""
    series = {each.name: set(each.labels) for each in READ}
    for each in (STAGE, CYCLE):
        series |= {f"{each.name}_{part}": set(each.labels) for part in ("sum", "count")}
        series[f"{each.name}_bucket"] = {*each.labels, "le"}
    return series


def expressions() -> list[str]:
    dashboard = json.loads((GRAFANA / "etl-pipeline.json").read_text("utf-8"))
    targets = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [*targets, *(rule["expr"] for rule in rules())]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_query_names_metrics_and_labels_that_there_are():
    series = known()
    asked = set()
    for expression in expressions():
        for name, matchers in re.findall(
            r"\b(etl_\w+)(?:\{([^}]*)\})?", re.sub(r'"etl_daemon[^"]*"', '""', expression)
        ):
            assert name in series, expression
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert labels <= series[name] | TARGET_LABELS, expression
            asked.add(name)
    stems = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert stems == {re.sub(r"_(bucket|sum|count)$", "", name) for name in series}, "every metric is on the dashboard"


def test_every_alert_says_what_to_type_and_has_its_heading_in_the_runbook():
    headings = set(re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text("utf-8"), re.MULTILINE))
    assert headings == {rule["alert"] for rule in rules()}
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        notes = rule["annotations"]
        assert notes["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert notes["summary"]
        assert re.search(r"[Tt]ype: ", notes["description"]), rule["alert"]


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_stays_silent():
    cases = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text("utf-8"))["tests"]
    fires, silent = set(), set()
    for case in cases:
        (check,) = case["promql_expr_test"]
        name, word, *_ = case["name"].split()
        assert f'alertname="{name}"' in check["expr"]
        assert (word == "fires") is bool(check["exp_samples"])
        (fires if check["exp_samples"] else silent).add(name)
    assert fires == silent == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize(
    "words",
    [["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]],
    ids=" ".join,
)
def test_promtool_agrees(words):
    require(shutil.which("promtool") is not None, "promtool", INSTALL)
    done = subprocess.run(["promtool", *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_amtool_agrees():
    require(shutil.which("amtool") is not None, "amtool", f"{INSTALL}-alertmanager")
    command = ["amtool", "check-config", "alertmanager.yml"]
    done = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_what_its_code_makes():
    spec = importlib.util.spec_from_file_location("dashboard", GRAFANA / "dashboard.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (GRAFANA / "etl-pipeline.json").read_text("utf-8") == module.text(), "make dashboard"


def test_provisioning_leads_to_the_dashboard():
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/etl-pipeline.yml").read_text("utf-8"))
    (entry,) = provider["providers"]
    assert f"{entry['options']['path']}/etl-pipeline.json" in (GRAFANA / "README.md").read_text("utf-8")
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text("utf-8"))
    assert [each["type"] for each in source["datasources"]] == ["prometheus"]
