"""What is written is what the code does."""

from __future__ import annotations

import logging
import re
import subprocess
import tomllib
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from unittest.mock import Mock

import pytest
from dotenv import dotenv_values

from benchmarks import cost
from etl_daemon.adapters.decode import ObjectDecoder
from etl_daemon.adapters.observers.log.lines import LINES
from etl_daemon.adapters.observers.metric_table import TABLE
from etl_daemon.config import Settings, load_settings, read_datasets_file, settings_from, template
from etl_daemon.config.authentication import NEEDS, Method
from etl_daemon.config.connections import STORES as CONNECTION_STORES
from etl_daemon.config.datasets_file import DatasetOptions
from etl_daemon.config.silver_options import SilverOptions
from etl_daemon.core.alerting.alert import KINDS
from etl_daemon.core.configure import datasets, limits
from etl_daemon.core.datasets import Mode
from etl_daemon.core.medallion.refinement import Tidying
from etl_daemon.core.model import ObjectRef, Outcome
from etl_daemon.core.monitor.disk import Space
from etl_daemon.core.monitor.judgement import judged
from etl_daemon.core.monitor.seen import Seen
from etl_daemon.core.overrides import overridden
from etl_daemon.core.policy import Rules
from etl_daemon.core.rules.clean import clean
from etl_daemon.core.rules.reasons import CODES
from etl_daemon.core.sql.dialect import DUCKDB
from etl_daemon.core.status.health import REASONS, Identity, Patience
from etl_daemon.core.status.progress import (
    BATCH_OUTCOMES,
    MESSAGE_OUTCOMES,
    OBJECT_OUTCOMES,
    ROW_OUTCOMES,
    SEVERITIES,
    STAGES,
)
from etl_daemon.core.status.table_counts import MEASURES
from etl_daemon.core.tables.mapping import fit
from etl_daemon.server import Sight, pages

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "etl-config.env.template"
LOCKS = ("requirements.txt", "requirements-dev.txt")


def help_lines_in(text: str) -> dict[str, str]:
    """The help line of each setting: the comment right above it."""
    return {name: line for line, name in re.findall(r"^# (.*)\n([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)}


def test_template_equals_settings() -> None:
    text = TEMPLATE.read_text("utf-8")
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}

    assert list(values) == list(fields)
    assert values == {name: "" if field.default is None else str(field.default) for name, field in fields.items()}
    assert help_lines_in(text) == {name: field.description for name, field in fields.items()}
    assert text == template(), "make template"


def test_template_is_a_valid_file_but_for_the_bucket() -> None:
    assert load_settings({}, TEMPLATE, needs_source=False) == Settings()


def test_every_setting_with_a_unit_names_it() -> None:
    numeric = {
        name: field.description or ""
        for name, field in Settings.model_fields.items()
        if isinstance(field.default, int | float) and not isinstance(field.default, bool)
    }
    assert "etl_timeout" in numeric
    without = {name for name, line in numeric.items() if not re.search(r"\(.+\)|z-score", line)}
    assert without == set()


def test_the_ways_to_log_in_are_documented_with_what_they_need() -> None:
    text = (ROOT / "docs/snowflake.md").read_text("utf-8")
    rows = {method: next((row for row in text.splitlines() if f"| `{method}`" in row), "") for method in Method}
    for method, row in rows.items():
        needs = NEEDS[method]
        assert [name for name in (*needs.all_of, *needs.one_of) if f"`{name}`" not in row] == [], method
    fields = {name.upper() for name in Settings.model_fields}
    of_the_connector = {"SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES"}
    assert set(re.findall(r"SNOWFLAKE_[A-Z_]*[A-Z]", text)) - fields == of_the_connector


def test_the_example_of_further_datasets_does_what_it_says(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "datasets.md").read_text("utf-8")
    csv, toml = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[0] for kind in ("csv", "toml"))
    (tmp_path / "datasets.toml").write_text(toml)
    settings = settings_from({"S3_BUCKET": "bucket", "ETL_DATASETS_FILE": str(tmp_path / "datasets.toml")})
    dataset = next(each for each in datasets(settings) if each.name == "trades")
    ref = ObjectRef(datetime(2026, 1, 3, tzinfo=UTC), "vendor/trades/a.csv", "1")
    with closing(ObjectDecoder()) as decoder:
        slices = [clean(part, dataset, Rules()) for part in decoder.decode(ref, memoryview(csv.encode()), dataset)]
    fitted = fit(slices, None, dataset)

    described = re.findall(r"^\| `([A-Z_]+)` \| `([A-Z0-9(),]+)` \|", text, re.MULTILINE)
    assert described == [(field.name, DUCKDB.column_type(field.type)) for field in fitted.schema]
    assert fitted.slices[0].accepted["NOTE"].to_pylist() == [None, "corrected"]
    assert dataset.table == "FINANCIAL_DATA.TRADING.TRADES"
    assert dataset.table in text


def test_every_option_of_a_dataset_is_documented() -> None:
    text = (ROOT / "docs" / "datasets.md").read_text("utf-8")
    assert [name for name in DatasetOptions.model_fields if f"`{name}`" not in text] == []


def test_silver_is_documented_with_an_example_that_works(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "medallion.md").read_text("utf-8")
    assert [name for name in SilverOptions.model_fields if f"\n{name} = " not in text] == []
    assert [step for step in Tidying if f"`{step}`" not in text] == []
    (tmp_path / "datasets.toml").write_text(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])
    settings = settings_from({"S3_BUCKET": "bucket", "ETL_DATASETS_FILE": str(tmp_path / "datasets.toml")})
    (refined,) = [each.silver for each in datasets(settings) if each.silver]
    assert (refined.table, refined.view) == ("FINANCIAL_DATA.SILVER.CUSTOMER", "FINANCIAL_DATA.GOLD.CUSTOMER_VIEW")


def test_connections_are_documented_with_an_example_that_works(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "secrets.md").read_text("utf-8")
    assert [name for name in CONNECTION_STORES if f"| `{name}` |" not in text] == []
    (tmp_path / "datasets.toml").write_text(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])
    found = read_datasets_file(tmp_path / "datasets.toml")
    assert (found.problems, list(found.connections)) == ((), ["AFFILIATE"])
    assert found.connections["AFFILIATE"].secret == "ssm:/prod/affiliate"


def test_every_reason_code_is_documented() -> None:
    text = (ROOT / "docs" / "rules.md").read_text("utf-8")
    assert [code for code in CODES if f"| `{code}` |" not in text] == []


def test_metrics_paths_and_reasons_are_documented() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    rows = re.findall(r"^\| `(etl_\w+)` \| (\w+) \|(.*?)\| (.*) \|$", text, re.MULTILINE)
    documented = [(name, kind, tuple(re.findall(r"`(\w+)`", labels)), means) for name, kind, labels, means in rows]
    assert documented == [(each.name, each.kind, each.labels, each.help) for each in TABLE]

    sight = Sight(Identity("d", "1", "h", datetime(2026, 1, 1, tzinfo=UTC), "p"), Patience(1, 1), Mock(), Mock(), "")
    assert re.findall(r"^\| `(/[a-z/.<>]*)` \|", text, re.MULTILINE) == list(pages(sight))
    given = set(re.findall(r'Reason\("(\w+)"', (ROOT / "etl_daemon/core/status/health.py").read_text("utf-8")))
    assert given == set(REASONS)
    assert given == set(re.findall(r"^\| `([a-z_]+)` \| [^|]*\|$", text, re.MULTILINE)) - {row[0] for row in rows}
    for name in (*STAGES, *OBJECT_OUTCOMES, *ROW_OUTCOMES, *BATCH_OUTCOMES, *MESSAGE_OUTCOMES, *SEVERITIES):
        assert f"`{name}`" in text, name


def test_counts_for_cloudwatch_are_documented() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    documented = re.findall(r"^\| `([A-Z]\w+)` \| (\w+) \| (.*) \|$", text, re.MULTILINE)
    assert documented == [(each.name, each.unit, each.means) for each in MEASURES]


def test_every_event_of_the_log_is_documented_with_its_level() -> None:
    text = (ROOT / "docs" / "logs.md").read_text("utf-8")
    rows = re.findall(r"^\| (`\w+`.*?) \| (\w+).*? \|", text, re.MULTILINE)
    documented = {name: level for names, level in rows for name in re.findall(r"\w+", names)}
    assert {name: level for name, level, _ in LINES.values()}.items() <= {
        name: logging.getLevelNamesMapping()[level.upper()] for name, level in documented.items()
    }.items()


def test_every_kind_of_alert_is_documented_with_its_severity() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)[:`].*?\| (\w+) \| [^|]+ \|$", text, re.MULTILINE)
    assert rows == [(name, str(kind.severity)) for name, kind in KINDS.items()]
    named = set(re.findall(r"\b(?:ALERT|SMTP)_[A-Z_]+\b", text))
    assert named <= {name.upper() for name in Settings.model_fields}


def test_every_check_of_the_monitor_is_documented() -> None:
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8").partition("## The hourly check")[2]
    text = text.partition("\n## ")[0]
    prices = datasets(Settings())[0]
    seen = Seen(datetime(2026, 1, 1, tzinfo=UTC), (prices,), spaces=(Space("/var", ("state",), 1, 2),))
    names = {each.name.replace(prices.name, "DATASET") for each in judged(seen, limits(Settings()))}
    named = {name.replace("/var", "MOUNT") for name in names} | {"history"}
    assert set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)) == named


def test_the_tables_of_costs_are_what_the_code_makes_of_them() -> None:
    """test_statements.py holds the counts against what is sent."""
    text = (ROOT / "docs" / "cost.md").read_text("utf-8")
    for made in (cost.statements(), cost.seconds()):
        assert "\n".join(made) in text, "python -m benchmarks.cost"
    assumed = re.findall(r"^\| .* \| ([\d.,]+)[^|]* \| `(\w+)` \|$", text, re.MULTILINE)
    said = {name: float(value.replace(",", "")) for value, name in assumed}
    assert said | {"rows_per_batch": Settings().etl_batch_size} == asdict(cost.ASSUMED)
    busy = {mode: f"{cost.busy_seconds(mode, 1_000_000):.1f} s" for mode in Mode}
    assert {f"about {busy[Mode.APPEND]}", busy[Mode.UPSERT], busy[Mode.FULL]} <= set(
        re.findall(r"(?:about )?\d\.\d s", text)
    )
    assert (busy[Mode.INCREMENTAL], busy[Mode.TRUNCATE_INSERT]) == (busy[Mode.UPSERT], busy[Mode.FULL])


def test_make_help_prints_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    printed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in printed.splitlines()} == targets


def test_readme_names_the_commands_that_start_it() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "make run" in readme
    assert "make test" in readme


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_documents_name_make_targets_that_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^ *|`)make ([a-z][a-z-]*)", (ROOT / document).read_text("utf-8"), re.MULTILINE)
    assert named
    assert set(named) <= targets


def test_every_mode_and_outcome_is_described() -> None:
    modes, tables, rules = (
        (ROOT / f"docs/{name}.md").read_text("utf-8") for name in ("modes", "control-tables", "rules")
    )
    assert [mode for mode in Mode if not re.search(rf"^\| `{mode}`.* \| .*\|$", modes, re.MULTILINE)] == []
    assert [mode for mode in Mode if mode not in (ROOT / "README.md").read_text("utf-8")] == []
    assert [outcome for outcome in Outcome if f"`{outcome}`" not in tables] == []
    assert [reason for reason in ("delivery_incomplete", "older_delivery") if f"`{reason}`" not in rules] == []


def test_the_documented_overrides_work() -> None:
    documents = [(ROOT / name).read_text("utf-8") for name in ("docs/modes.md", "README.md")]
    for document in documents:
        (given,) = re.findall(r"--obj '(.*?)'", document)
        (prices, *_) = overridden(datasets(Settings()), given, ())
        assert (prices.mode, prices.table) == (Mode.INCREMENTAL, "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA_DELTA")


@pytest.mark.parametrize("name", [*LOCKS, "deploy/dbt/requirements.txt"])
def test_locks_pin_with_hashes_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) > 20
    pinned = [block for block in blocks if re.search(r"==\S+ .*--hash=sha256:", block, re.DOTALL)]
    assert [block.splitlines()[0] for block in blocks if block not in pinned] == []
    assert re.findall(r"\S*://\S*|--(?:extra-)?index-url.*|--find-links.*|--trusted-host.*", text) == []


def test_locks_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    runtime, everything = (
        set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text("utf-8"), re.MULTILINE)) for name in LOCKS
    )
    extras = [item for items in project["optional-dependencies"].values() for item in items]
    names = {
        asked: {re.split(r"[\[<>=]", item)[0].replace("_", "-") for item in asked_for}
        for asked, asked_for in {"runtime": project["dependencies"], "extras": extras}.items()
    }
    assert names["runtime"] <= runtime <= everything
    assert names["extras"] - {"pyspark"} <= everything
    for lock in ("spark", "spark35"):  # Spark has environments of its own
        text = (ROOT / "deploy" / "spark" / f"{lock}.txt").read_text("utf-8")
        assert names["runtime"] | {"pyspark"} <= set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)), "make lock"
