"""docs/settings.md is what the code makes of the settings, and its examples are valid."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from dotenv import dotenv_values
from typer.main import get_command

from docs.reference.settings import FOLDER, NEEDED_BY, TABLES, takes, text, toml
from etl_daemon.cli.app import app
from etl_daemon.config import Settings, read_datasets_file, settings_from
from etl_daemon.config.template import GROUPS
from etl_daemon.core.configure import datasets

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = dotenv_values(FOLDER / "examples.env", interpolate=False)
OPTIONS = tomllib.loads((FOLDER / "examples.toml").read_text("utf-8"))
PLACES = {
    "sql": "datasets.x.sql",
    "api": "datasets.x.api",
    "silver": "datasets.x.silver",
    "connection": "connections.x",
}
BESIDE = {
    "dataset": 'prefix = "x"\ntable = "X"\n',
    "sql": 'url = "postgresql://etl@host/db"\ntable = "orders"\ndatabase = "db"\n',
    "api": 'url = "https://api.example.org"\nmethod = "POST"\n',
    "silver": 'table = "SILVER.X"\nprimary_key = ["ID"]\n',
    "connection": "",
}
INSTEAD = {
    "connection": "url =",
    "url_env": "url =",
    "ssm_key": "url =",
    "query": "table =",
    "api": "prefix =",
    "sql": "prefix =",
}
"""Options that stand in the place of another one."""


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that examples name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORDERS_URL", "postgresql://etl@host/orders")
    (tmp_path / "bucket").mkdir()
    for name in ("etl_daemon.p8", "token", "datasets.toml", "dbt"):
        (tmp_path / name).write_text("")


def test_the_reference_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == text(), "make template"


def test_each_setting_has_an_example_that_differs_from_its_default_and_is_valid() -> None:
    assert list(SETTINGS) == [name.upper() for name in Settings.model_fields]
    for name, example in SETTINGS.items():
        value = getattr(Settings.model_validate({name.lower(): example}), name.lower())
        assert value != getattr(Settings(), name.lower()), name


@pytest.mark.parametrize("table", TABLES)
def test_each_option_has_an_example(table: str) -> None:
    assert list(OPTIONS[table]) == list(TABLES[table][2].model_fields)


@pytest.mark.parametrize(("table", "option"), [(table, option) for table in BESIDE for option in OPTIONS[table]])
def test_the_examples_of_options_are_valid(table: str, option: str, tmp_path: Path) -> None:
    beside = "".join(
        line + "\n"
        for line in BESIDE[table].splitlines()
        if not line.startswith((f"{option} =", INSTEAD.get(option, f"{option} =")))
    )
    here = f"{beside}{option} = {toml(OPTIONS[table][option])}\n"
    dataset = "" if table == "dataset" else '[datasets.x]\ntable = "X"\n'
    file = tmp_path / "options.toml"
    file.write_text(f"{dataset}[{PLACES.get(table, 'datasets.x')}]\n{here}".replace("[datasets.x]\n[", "["))
    problems = read_datasets_file(file).problems

    assert [line for line in problems if not line.startswith("prefix (")] == [], file.read_text()


def test_the_example_of_the_file_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "settings.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "datasets.toml").write_text(example)
    settings_from({"S3_BUCKET": "bucket", "ETL_DATASETS_FILE": "datasets.toml"})


def test_each_group_says_which_commands_read_it() -> None:
    assert set(NEEDED_BY) == set(GROUPS)
    words = set(get_command(app).commands)  # type: ignore[attr-defined]  # a group
    named = {word for line in NEEDED_BY.values() for word in re.findall(r"`([a-z]+)[ `]", line)}
    assert named <= words


def test_values_are_told_in_words() -> None:
    assert takes(Settings.model_fields["etl_timeout"].annotation, "seconds", ()) == "seconds"
    assert takes(bool, "") == "`true` `false`"
    assert takes(dict[str, str] | None, "") == "table"


def test_defaults_of_datasets_are_those_that_count(tmp_path: Path) -> None:
    table = text().partition("### `[datasets.NAME]`\n")[2].partition("\n### ")[0]
    shown = {row[0]: row[1] for row in re.findall(r"^\| `(\w+)`(?: \\\*)? \| (.*?) \| ", table, re.MULTILINE)}
    (tmp_path / "datasets.toml").write_text('[datasets.x]\nprefix = "x"\ntable = "X"\nprimary_key = ["id"]\n')
    settings = settings_from({"S3_BUCKET": "bucket", "ETL_DATASETS_FILE": "datasets.toml"})
    made = next(each for each in datasets(settings) if each.name == "x")
    assert shown["mode"].startswith(f'`"{made.mode}"`')
    assert (shown["window_hours"], shown["drift"]) == (f"`{made.window_hours:g}`", f'`"{made.drift}"`')
    assert (shown["kind"], shown["extra_columns"]) == (f'`"{made.kind.value}"`', f'`"{made.extra_columns}"`')
