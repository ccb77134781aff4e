"""Alert rules ask for what there is, have their tests, and name commands and runbooks that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from etl_daemon.cli.app import app
from tests.support.prometheus import FILES, rules
from tests.support.promql import unknown

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "docs/runbook.md"
RULES = rules()
NAMES = [rule["alert"] for rule in RULES]
EVENTS = [
    event
    for path in (ROOT / "etl_daemon/adapters/observers").rglob("*.py")
    for event in re.findall(r'"(\w+)", logging\.', path.read_text("utf-8"))
]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_asks_for_what_a_daemon_exposes(rule: dict) -> None:
    assert unknown(rule["expr"]) == set()


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("etl_row_total > 0", {"etl_row_total"}),
        ('rate(etl_rows_total{outcom="x"}[5m])', {"etl_rows_total{outcom}"}),
        ("sum by (datset) (etl_rows_total) or up", {"{datset}"}),
        ("etl_stage_duration_seconds", {"etl_stage_duration_seconds"}),
        ('etl_stage_duration_seconds_sum{le="1"}', {"etl_stage_duration_seconds_sum{le}"}),
        ("etl_lease_held unless on (job) node_load1 offset 5m", {"node_load1"}),
        ("histogram_quantile(0.5, sum by (le) (rate(etl_cycle_duration_seconds_bucket[5m]))) > bool 1e3", set()),
        ("time() - process_start_time_seconds * on (job) group_left (version) etl_build_info", set()),
    ],
)
def test_what_no_daemon_exposes_is_found(query: str, wrong: set[str]) -> None:
    assert unknown(query) == wrong


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_says_how_grave_it_is_and_what_to_type(rule: dict) -> None:
    assert rule["for"]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    texts = rule["annotations"]
    assert set(texts) == {"summary", "description", "runbook"}
    assert re.search(r"[Tt]ype: (systemctl|journalctl|promtool|etl-daemon) ", texts["description"])
    assert texts["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_every_alert_has_its_place_in_the_runbook_and_every_place_an_alert() -> None:
    text = RUNBOOK.read_text("utf-8")
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == NAMES
    headings = {name.lower() for name in re.findall(r"^###? (\w+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\(#(\w+)\)", text)) <= headings


def test_every_alert_has_a_test_that_fires_and_one_that_stays_silent() -> None:
    cases = yaml.safe_load((FILES / "alerts_test.yml").read_text("utf-8"))["tests"]
    tests = [(each["alertname"], bool(each["exp_alerts"])) for case in cases for each in case["alert_rule_test"]]
    assert set(tests) == {(name, fires) for name in NAMES for fires in (True, False)}


def commands() -> list[str]:
    """Commands in the descriptions and in the runbook, with an example for each template."""
    text = RUNBOOK.read_text("utf-8")
    quoted = [part for piece in re.findall(r"`([^`\n]+)`", text) for part in piece.split(" | ")]
    blocks = [line for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    descriptions = [rule["annotations"]["description"].partition("type: ")[2] or "" for rule in RULES]
    descriptions += [rule["annotations"]["description"].partition("Type: ")[2] or "" for rule in RULES]
    typed = [part.strip() for each in descriptions for part in re.split(r"[;|]|, and |, then ", each)]
    return [re.sub(r"{{.*?}}", "x", each) for each in (*quoted, *blocks, *typed)]


def test_the_commands_that_are_named_exist() -> None:
    named = {each for each in commands() if each.startswith("etl-daemon ")}
    assert len(named) >= 10
    for each in sorted(named):
        command: Any = typer.main.get_command(app)
        words = shlex.split(each)[1:]
        while words and hasattr(command, "commands") and not words[0].startswith("-"):
            assert words[0] in command.commands, each
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, each


def test_the_events_that_are_searched_for_are_logged() -> None:
    searched = {each.removeprefix("grep ") for each in commands() if each.startswith("grep ")} - {"x", "KIND"}
    assert len(searched) >= 3
    assert [each for each in searched if not any(event.startswith(each) for event in EVENTS)] == []
