"""The dashboard is what its table says, Grafana's own types read it, and it asks for what a daemon exposes."""

from __future__ import annotations

import json
import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import dashboard
from etl_daemon.adapters.observers.metric_table import TABLE
from tests.support.prometheus import panels, rules
from tests.support.promql import known, unknown

GRAFANA = Path(dashboard.__file__).parent
DOCUMENT: dict[str, Any] = json.loads((GRAFANA / "etl-pipeline.json").read_text("utf-8"))
OF_ALL = ("Statements per batch",)
"""Statements are counted for all datasets together."""
PANELS = panels()


def test_the_file_is_what_the_table_makes() -> None:
    assert (GRAFANA / "etl-pipeline.json").read_text("utf-8") == dashboard.text(), "make dashboard"


def test_grafanas_types_read_all_of_it() -> None:
    assert json.loads(json.dumps(Dashboard.from_json(DOCUMENT), cls=JSONEncoder)) == DOCUMENT


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_asks_for_what_a_daemon_exposes_and_heeds_what_is_chosen(panel: dict[str, Any]) -> None:
    (query,) = panel["targets"]
    assert unknown(query["expr"]) == set()
    assert "@" not in query["expr"]
    assert panel["datasource"] == query["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    selectors = re.findall(r"(\w+)\{([^}]*)\}", query["expr"])
    assert selectors
    for name, matchers in selectors:
        chosen = known()[name] & ({"job", "instance"} if panel["title"] in OF_ALL else {"job", "instance", "dataset"})
        assert {label for label in chosen if f'{label}=~"${label}"' in matchers} == chosen, name
    assert panel["description"].endswith(".")


def test_every_metric_is_drawn_or_judged() -> None:
    queries = " ".join([panel["targets"][0]["expr"] for panel in PANELS] + [rule["expr"] for rule in rules()])
    assert [each.name for each in TABLE if not re.search(rf"\b{each.name}(_sum|_count|_bucket)?\b", queries)] == []


def test_what_can_be_chosen_comes_from_what_a_daemon_exposes() -> None:
    source, *choices = DOCUMENT["templating"]["list"]
    assert (source["name"], source["query"]) == ("datasource", "prometheus")
    for choice in choices:
        query = re.fullmatch(r"label_values\((.*), (\w+)\)", choice["query"])
        assert query
        assert unknown(f"sum by ({query[2]}) ({query[1]})") == set()
        assert choice["name"] == query[2]
    assert [choice["name"] for choice in choices] == ["job", "instance", "dataset"]


def test_panels_stand_beside_each_other() -> None:
    ids = [panel["id"] for panel in DOCUMENT["panels"]]
    assert ids == list(range(1, len(ids) + 1))
    places = [panel["gridPos"] for panel in DOCUMENT["panels"]]
    for before, after in pairwise(places):
        beside = (after["x"], after["y"]) == (before["x"] + before["w"], before["y"])
        below = (after["x"], after["y"]) == (0, before["y"] + before["h"])
        assert beside or below
        assert after["x"] + after["w"] <= 24


def test_the_table_holds_what_operators_ask_for() -> None:
    rows = [row["title"] for row in tomllib.loads(dashboard.PANELS.read_text("utf-8"))["rows"]]
    assert rows == ["Now", "Throughput", "Lag", "Quality", "Stages", "Cost", "Errors", "States", "Process"]


def test_provisioning_leads_to_a_prometheus_and_to_where_the_readme_puts_the_file() -> None:
    readme = (GRAFANA / "README.md").read_text("utf-8")
    provisioning = GRAFANA / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards/etl-pipeline.yml").read_text("utf-8"))["providers"]
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text("utf-8"))["datasources"]
    assert f"{provider['options']['path']}/etl-pipeline.json" in readme
    example = yaml.safe_load((GRAFANA.parent / "prometheus/prometheus.yml").read_text("utf-8"))
    assert source["jsonData"]["timeInterval"] == example["global"]["scrape_interval"]
    assert source["type"] == "prometheus"
