"""The models of countries, built by dbt on what the daemon loaded from an HTTP API, and on the Snowflake stand-in."""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.api_server import Api, answer, api_server
from tests.support.command import Shell
from tests.support.dbt import PROJECT, Project
from tests.support.shared_data import SHARED, needs_shared_data, oracle
from tests.support.snowflake import Emulator

pytestmark = [pytest.mark.dbt, pytest.mark.xdist_group("dbt")]

MARTS = {
    "Africa": "countries_in_africa",
    "Antarctica": "countries_in_antarctica",
    "Asia": "countries_in_asia",
    "Europe": "countries_in_europe",
    "North America": "countries_in_north_america",
    "Oceania": "countries_in_oceania",
    "South America": "countries_in_south_america",
}
TABLES = (
    *("RAW.countries_copy", "RAW.countries_raw", "MART.countries_by_continent"),
    *(f"TRANSFORM.{name}" for name in ("countries", "country_capitals", "country_continents", "country_currencies")),
    *("TRANSFORM.country_languages", *(f"MART.{table}" for table in MARTS.values())),
)
SAMPLE = next((PROJECT / "sample" / "data" / "countries").rglob("*.json"))
Entry = dict[str, Any]
Totals = tuple[int, int, int, int]


def members(document: Sequence[Entry]) -> dict[str, set[str]]:
    """Codes of the countries per continent, and of those on none."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in document:
        for continent in entry.get("continents") or ["none"]:
            found[continent].add(entry["cca3"])
    return found


def totals(document: Sequence[Entry]) -> dict[str, Totals]:
    """Countries, members of the United Nations, inhabitants and currencies per continent."""
    by_code = {entry["cca3"]: entry for entry in document}
    return {
        continent: (
            len(codes),
            sum(bool(by_code[code].get("unMember")) for code in codes),
            sum(by_code[code].get("population", 0) for code in codes),
            len({currency for code in codes for currency in by_code[code].get("currencies", {})}),
        )
        for continent, codes in members(document).items()
    }


def the_world() -> list[Entry]:
    """All countries of the shared data, in the form of the API, and one that lies nowhere and has nothing."""
    folder = SHARED / "countries_mit"
    facts = json.loads((folder / "annexare_countries.min.json").read_text())
    names = json.loads((folder / "annexare_continents.min.json").read_text())
    lines = json.loads((folder / "samayo_country-by-population.json").read_text())
    populations = {line["country"]: line["population"] for line in lines}
    return [
        {
            "cca2": code,
            "cca3": f"{code}_",
            "name": {"common": fact["name"], "official": fact["native"]},
            "continents": [names[each] for each in fact.get("continents", [fact["continent"]])],
            "capital": [fact["capital"]] if fact["capital"] else [],
            "currencies": {each: {"name": each} for each in fact["currency"]},
            "languages": {each: each for each in fact["languages"]},
            "population": populations.get(fact["name"], 0),
            "unMember": fact.get("partOf") is None,
            "car": {"side": "right"},
        }
        for code, fact in facts.items()
    ] + [{"cca3": "XXX", "name": {"common": "Nowhere", "official": "The Void"}}]


@dataclass
class World:
    """A DuckDB file of the daemon, an API that it takes countries from, and the models over the file."""

    folder: Path
    api: Api
    document: list[Entry]
    shell: Shell = field(init=False)
    project: Project = field(init=False)

    def __post_init__(self) -> None:
        url = self.api.at("/v3.1/all", lambda _: answer(self.document))
        lines = ('table = "RAW.COUNTRIES"', 'raw = "document"', "[datasets.countries.api]", f'url = "{url}"')
        (self.folder / "datasets.toml").write_text("\n".join(["[datasets.countries]", *lines]))
        self.shell = Shell.embedded(self.folder, ETL_DATASETS_FILE=self.folder / "datasets.toml")
        self.project = Project(self.folder, self.shell.settings)

    def load(self) -> None:
        """Have the daemon fetch the document and load it."""
        ended = self.shell.run("extract", "api", "--load")
        assert ended.code == 0, ended.err

    def build(self, target: str = "duckdb_dev") -> None:
        """Build and test all that is about countries."""
        ended = self.project.build(target, "--select", "countries")
        assert ended.code == 0, ended.out

    def rows(self, sql: str, target: str = "dev") -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / f"financial_models_{target}.duckdb"), read_only=True) as connection:
            return connection.sql(sql).fetchall()

    def everything(self, target: str) -> dict[str, list[tuple[Any, ...]]]:
        unlike = "COLUMNS(lambda name: name <> 'insert_dts')"
        return {table: sorted(self.rows(f"SELECT {unlike} FROM {table}", target), key=str) for table in TABLES}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world, loaded and built once; the tests below go on from one another."""
    with api_server() as api:
        made = World(tmp_path_factory.mktemp("world"), api, the_world())
        made.load()
        made.build()
        yield made


@needs_shared_data
def test_each_continent_has_the_countries_that_an_independent_count_finds(world):
    found = {name: {code for (code,) in world.rows(f"SELECT country_code FROM MART.{MARTS[name]}")} for name in MARTS}
    assert found | {"none": {"XXX"}} == members(world.document)
    expected = oracle("countries_mit")["annexare"]
    counts = {expected["continents"][code]: count for code, count in expected["by_continent_multi"].items()}
    assert {name: len(codes) for name, codes in found.items()} == counts
    columns = "continent, countries, un_members, coalesce(population, 0), currencies"
    summary = world.rows(f"SELECT {columns} FROM MART.countries_by_continent")
    assert {name: tuple(map(int, rest)) for name, *rest in summary} == totals(world.document)


@needs_shared_data
def test_a_country_without_anything_is_there(world):
    (nowhere,) = world.rows(
        "SELECT common_name, continents, capital, currencies, languages, population, un_member "
        "FROM TRANSFORM.countries WHERE country_code = 'XXX'"
    )
    assert nowhere == ("Nowhere", None, None, None, None, None, None)
    assert world.rows("SELECT count(*) FROM TRANSFORM.countries") == [(251,)]


@needs_shared_data
def test_prod_is_a_database_of_its_own_with_the_same_content(world):
    before = (world.folder / "financial_models_dev.duckdb").read_bytes()
    world.build("duckdb_prod")
    assert (world.folder / "financial_models_dev.duckdb").read_bytes() == before
    assert world.everything("prod") == world.everything("dev")


@needs_shared_data
def test_a_new_response_changes_what_it_says_anew_and_a_broken_one_nothing(world):
    codes = "SELECT country_code, insert_dts FROM RAW.countries_raw"
    before = dict(world.rows(codes))
    world.document = [entry for entry in world.document if entry["cca3"] != "DE_"]
    world.document[0]["population"] = 1
    world.document.append(world.document[1])
    world.load()
    world.build()
    after = dict(world.rows(codes))
    changed = world.document[0]["cca3"]
    assert set(before) - set(after) == {"DE_"}
    assert {code for code, moment in after.items() if moment != before[code]} == {changed}
    assert world.rows(f"SELECT population FROM TRANSFORM.countries WHERE country_code = '{changed}'") == [(1,)]
    assert world.rows("SELECT country_code FROM MART.countries_in_europe WHERE country_code = 'DE_'") == []

    marts = world.everything("dev")
    world.document = [{"message": "the countries are closed today"}]
    world.load()
    ended = world.project.build("duckdb_dev", "--select", "countries")
    assert ended.code == 1
    assert "keyed_entries_countries_copy" in ended.out
    built = world.everything("dev")
    del built["RAW.countries_copy"], marts["RAW.countries_copy"]
    assert built == marts


def test_without_the_daemons_table_the_build_says_what_to_do(tmp_path):
    duckdb.connect(str(tmp_path / "market.duckdb")).close()
    ended = Project(tmp_path, {"ETL_DUCKDB_PATH": "market.duckdb"}).build("duckdb_dev", "--select", "countries_copy")
    assert ended.code == 1
    assert "--exclude countries" in ended.out


def test_on_snowflake_the_newest_run_of_the_stage_is_built_and_a_second_build_changes_nothing(
    tmp_path: Path, snowflake: Emulator, snowflake_database: str
) -> None:
    document = json.loads(SAMPLE.read_text())
    bucket = tmp_path / "bucket" / "data" / "countries" / "2026-01-02"
    bucket.mkdir(parents=True)
    shutil.copy(SAMPLE, bucket / "20260102T090000000000Z.json")
    os.utime(bucket / "20260102T090000000000Z.json", (1, 1))
    pages = document[:10], document[10:-1]
    for number, page in enumerate(pages, 1):
        (bucket / f"20260102T210000000000Z-p00{number}.json").write_text(json.dumps(page))
    stage = f"{snowflake_database}.RAW.API_STAGE"
    snowflake.run(f"CREATE SCHEMA {snowflake_database}.RAW", f"CREATE STAGE {stage} URL = 'file://{tmp_path}/bucket/'")
    settings = {
        "DBT_SNOWFLAKE_DATABASE_DEV": snowflake_database,
        "DBT_SNOWFLAKE_ROLE": "SYSADMIN",
        "DBT_COUNTRIES_STAGE": f"@{stage}/data/countries/",
    }
    project = Project(tmp_path, {**snowflake.settings(), **settings})
    built = []
    for _ in range(2):
        ended = project.build("snowflake_dev", "--select", "countries")
        assert ended.code == 0, ended.out
        rows = {table: snowflake.run(f"SELECT * FROM {snowflake_database}.{table}") for table in TABLES}
        built.append({table: sorted(found, key=str) for table, found in rows.items()})
    assert built[0] == built[1]
    found = {name: {row[0] for row in built[0][f"MART.{table}"]} for name, table in MARTS.items()}
    assert found == members(document[:-1])

    (bucket / "20260103T090000000000Z.json").write_text('[{"cca3": ')
    assert project.build("snowflake_dev", "--select", "countries_copy").code == 1
    copied = snowflake.run(f"SELECT * FROM {snowflake_database}.RAW.countries_copy")
    assert sorted(copied, key=str) == built[0]["RAW.countries_copy"]
