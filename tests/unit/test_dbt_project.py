"""What the files of deploy/dbt promise, read without dbt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl_daemon.config import Settings

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "deploy" / "dbt"
MODELS = sorted((PROJECT / "models").rglob("*.sql"))
LAYERS = {path.parent for path in MODELS}
DOCUMENT = (ROOT / "docs" / "dbt.md").read_text("utf-8")
PROFILES = (PROJECT / "profiles.yml").read_text("utf-8")


def described(folder: Path) -> dict[str, dict[str, Any]]:
    """Models of the schema files in a folder."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in folder.glob("*.yml")]
    return {model["name"]: model for file in files for model in file.get("models", [])}


@pytest.mark.parametrize("folder", sorted(LAYERS), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_each_model_has_a_description_and_tests_in_the_schema_file_beside_it(folder: Path) -> None:
    models = described(folder)
    assert set(models) == {path.stem for path in folder.glob("*.sql")}
    assert [name for name, model in models.items() if not model.get("description")] == []
    tested = [name for name, model in models.items() if "data_tests" in str(model)]
    assert tested == list(models)
    bare = [column["name"] for model in models.values() for column in model["columns"] if not column.get("description")]
    assert bare == []


def test_tables_of_continents_are_a_line_each() -> None:
    files = sorted((PROJECT / "models" / "countries" / "mart").glob("countries_in_*.sql"))
    texts = [path.read_text("utf-8") for path in files]
    assert len(texts) == 7
    continents = [re.fullmatch(r"\{\{ countries_in\('([A-Z][A-Za-z ]+)'\) \}\}\n", text) for text in texts]
    names = [match[1] for match in continents if match]
    assert [f"countries_in_{name.lower().replace(' ', '_')}" for name in names] == [path.stem for path in files]


def test_dev_and_prod_differ_in_the_database_alone() -> None:
    outputs = yaml.safe_load(PROFILES)["etl_daemon"]["outputs"]
    for kind, place in (("duckdb", "path"), ("snowflake", "database")):
        dev, prod = outputs[f"{kind}_dev"], outputs[f"{kind}_prod"]
        assert dev[place] != prod[place]
        assert {**dev, place: ""} == {**prod, place: ""}
    assert all(attached["read_only"] is True for attached in outputs["duckdb_prod"]["attach"])


def test_settings_of_the_profile_are_those_of_the_daemon_or_documented() -> None:
    read = "".join(path.read_text("utf-8") for path in (PROJECT / "models").rglob("*.*")) + PROFILES
    names = set(re.findall(r"env_var\('(\w+)'", read))
    own = {name for name in names if name.startswith("DBT_")}
    assert {name.lower() for name in names - own} <= set(Settings.model_fields)
    assert own == set(re.findall(r"`(DBT_[A-Z_]+)`", DOCUMENT)) - {name.upper() for name in Settings.model_fields}


def test_nothing_is_sent_and_nothing_fetched() -> None:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    assert project["flags"]["send_anonymous_usage_stats"] is False
    assert not (PROJECT / "packages.yml").exists()
    assert "packages" not in project


def test_the_account_gets_what_the_profile_names_and_the_teardown_takes_it_away() -> None:
    setup, teardown = ((PROJECT / "snowflake" / f"{name}.sql").read_text("utf-8") for name in ("setup", "teardown"))
    made = set(re.findall(r"^CREATE (DATABASE|ROLE|SCHEMA) IF NOT EXISTS ([\w.]+)", setup, re.MULTILINE))
    assert len(made) == len(re.findall(r"^CREATE ", setup, re.MULTILINE))
    dropped = set(re.findall(r"DROP (\w+) IF EXISTS (\w+)", teardown))
    assert dropped == made - {("SCHEMA", "FINANCIAL_DATA.RAW")}
    defaults = set(re.findall(r"or '((?:FINANCIAL_MODELS|ETL_DAEMON)\w+)'", PROFILES))
    assert defaults == {name for _, name in dropped}
    assert re.search(r"RAISE not_confirmed;\s+END IF;\s+DROP", teardown)
    granted = re.findall(r"^GRANT (.+) ON (?:.*) TO ROLE ETL_DAEMON_DBT;", setup, re.MULTILINE)
    assert {word for words in granted for word in words.split(", ")} == {"USAGE", "CREATE SCHEMA", "SELECT"}
