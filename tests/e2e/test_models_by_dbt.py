"""`etl-daemon models` has a real dbt work on what was loaded: a small project, with the profile that is shipped."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.channels import web_server
from tests.support.command import Shell
from tests.support.dbt import DBT, PROJECT
from tests.support.s3_servers import require
from tests.support.watching import watched

pytestmark = [pytest.mark.dbt, pytest.mark.xdist_group("dbt-models")]

FIT = '{"symbol":"%s","timestamp":"2026-01-02T15:00:00Z","open":10,"high":11,"low":9,"close":10.5,"volume":7}\n'
FILES = {
    "dbt_project.yml": (
        "{name: small, version: 1.0.0, profile: etl_daemon, models: {+materialized: table},"
        " flags: {send_anonymous_usage_stats: false}}"
    ),
    "models/symbols.sql": "select distinct SYMBOL as symbol from FINANCIAL_DATA.MARKET_DATA.PRICE_DATA",
    "models/dear.sql": "select * from {{ ref('symbols') }}",
    "models/schema.yml": "models: [{name: symbols, columns: [{name: symbol, data_tests: [unique, not_null]}]}]",
    "tests/no_penny.sql": "select * from {{ ref('symbols') }} where symbol = 'PENNY'",
}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    require(DBT.exists(), "dbt", "make dbt-setup")
    project = tmp_path / "project"
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    shutil.copy(PROJECT / "profiles.yml", project)
    made = Shell.embedded(tmp_path, DBT_EXECUTABLE=DBT, DBT_PROJECT_DIR=project, ETL_MAX_RETRIES=0)
    assert made.run("init").code == 0
    return made


def deliver(shell: Shell, *symbols: str) -> None:
    place = shell.folder / "bucket/processed/price_data" / f"{symbols[0]}.ndjson"
    place.with_suffix(".tmp").write_text("".join(FIT % symbol for symbol in symbols))
    place.with_suffix(".tmp").rename(place)


def made(shell: Shell) -> list[str]:
    with duckdb.connect(str(shell.folder / "financial_models_prod.duckdb"), read_only=True) as models:
        return [name for (name,) in models.execute("SELECT symbol FROM MART.symbols ORDER BY 1").fetchall()]


def metrics(shell: Shell) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families((shell.folder / "models.prom").read_text())
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_dbt_builds_and_tests_and_what_fails_is_told(shell: Shell) -> None:
    deliver(shell, "AAPL", "MSFT")
    assert shell.run("once").code == 0
    with web_server() as hook:
        told = {"ALERT_WEBHOOK": hook.url, "MODELS_METRICS_FILE": shell.folder / "models.prom"}
        ended = shell.run("models", "run", "--json", **told)
        assert (ended.code, hook.posted) == (0, []), ended.err
        assert {(each["kind"], each["model"]) for each in ended.document["models"]} == {
            ("dbt", "symbols"),
            ("dbt", "dear"),
        }
        assert made(shell) == ["AAPL", "MSFT"]
        assert shell.run("models", "test", "--json").document["checks"] == [
            {"name": "dbt", "state": "ok", "detail": "3 of 3 tests pass.", "hint": "", "dataset": ""}
        ]
        well = metrics(shell)
        assert (well["etl_models_failed", "dbt"], well["etl_model_runs_total", "dbt", "made"]) == (0, 1)

        deliver(shell, "PENNY")
        assert shell.run("once").code == 0
        ended = shell.run("models", "run", "--json", **told)
        assert ended.code == 1
        (failed,) = [each for each in ended.document["models"] if each["model"] == "no_penny"]
        assert "Got 1 result" in failed["error"]["detail"]
        assert hook.posted[-1]["alert"]["key"] == "models_failing:dbt"
        (line,) = [each for each in ended.log if each["event"] == "models_ran"]
        assert (line["level"], line["made_by"], set(line["failed"])) == ("error", "dbt", {"no_penny", "dear"})
        ill = metrics(shell)
        assert ill["etl_models_failed", "dbt"] >= 1
        success = "etl_model_last_success_timestamp_seconds"
        assert ill[success, "dbt"] == pytest.approx(well[success, "dbt"], abs=1)  # the file still knows
        found = shell.run("models", "test", "--json")
        assert found.code == 1
        assert [each["name"] for each in found.document["checks"] if each["state"] == "fail"] == ["dbt no_penny"]

        (shell.folder / "project/tests/no_penny.sql").unlink()
        assert shell.run("models", "run", "--no-alerts", **told).code == 0
        count = len(hook.posted)
        assert shell.run("models", "run", **told).code == 0
        assert [each["alert"]["state"] for each in hook.posted[count:]] == ["resolved"]


def test_what_keeps_dbt_from_its_work_says_what_to_type(shell: Shell) -> None:
    deliver(shell, "AAPL")
    assert shell.run("once").code == 0
    with duckdb.connect(str(shell.folder / "etl.duckdb")):
        locked = shell.run("models", "run", "--json")
    assert locked.code == 75
    assert "Another process has the database" in locked.document["models"][0]["error"]["detail"]

    late = shell.run("models", "run", DBT_TIMEOUT=0.1)
    assert late.code == 1
    assert "raise DBT_TIMEOUT" in late.out

    elsewhere = shell.run("models", "run", DBT_PROJECT_DIR=shell.folder)
    assert elsewhere.code == 1
    assert "dbt_project.yml" in elsewhere.out
    missing = shell.run("models", "run", DBT_EXECUTABLE=shell.folder / "no-dbt")
    assert missing.code == 78
    assert "DBT_EXECUTABLE" in missing.err


def test_a_daemon_has_models_made_after_it_has_loaded(shell: Shell) -> None:
    after = {"MODELS_AFTER_LOAD_SECONDS": 1, "ETL_POLL_INTERVAL_SECONDS": 0.2}
    with watched(shell, **after) as daemon:
        daemon.until(lambda: daemon.probe("/readyz") == (200, []))
        assert not any(name == "etl_model_runs_total" for name, *_ in daemon.samples())
        deliver(shell, "AAPL")
        daemon.until(lambda: daemon.samples().get(("etl_model_runs_total", "dbt", "made"), 0) == 1)
        assert made(shell) == ["AAPL"]
        daemon.cycles(5)
        assert daemon.samples()["etl_model_runs_total", "dbt", "made"] == 1  # nothing was loaded since
        deliver(shell, "PENNY")
        daemon.until(lambda: daemon.samples()["etl_model_runs_total", "dbt", "failed"] == 1)
        assert daemon.samples()["etl_models_failed", "dbt"] >= 1
