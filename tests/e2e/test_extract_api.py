"""``etl-daemon extract api`` as a process, from an HTTP API to a table in DuckDB."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.support.api_server import Answer, Api, answer, api_server
from tests.support.command import Shell
from tests.support.s3_servers import moto_server, s3_client
from tests.support.shared_data import SHARED, needs_shared_data

SAMPLE = Path(__file__).parents[1] / "data" / "sample.json"


@pytest.fixture
def api() -> Iterator[Api]:
    with api_server() as served:
        yield served


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "bucket").mkdir()
    settings = {
        "ETL_SOURCE": "local",
        "ETL_LOCAL_DIR": tmp_path / "bucket",
        "ETL_DUCKDB_PATH": tmp_path / "market.duckdb",
        "ETL_DATASETS_FILE": tmp_path / "datasets.toml",
        "ETL_MAX_RETRIES": 1,
        "ETL_RETRY_DELAY": 0.01,
    }
    return Shell(tmp_path, settings)


def configure(shell: Shell, *tables: str) -> None:
    (shell.folder / "datasets.toml").write_text("\n".join(tables))


def dataset(name: str, url: str, more: str = "", api: str = "", raw: str = "document") -> str:
    head = f'[datasets.{name}]\ntable = "RAW.{name.upper()}"\nraw = "{raw}"\n{more}\n'
    return f'{head}[datasets.{name}.api]\nurl = "{url}"\nrate_per_second = 1000\n{api}\n'


def rows(shell: Shell, table: str) -> list[object]:
    with duckdb.connect(str(shell.folder / "market.duckdb"), read_only=True) as connection:
        found = connection.sql(f"SELECT DATA FROM RAW.{table} ORDER BY _OBJECT_KEY, _OBJECT_ROW").fetchall()
    return [json.loads(text, parse_float=Decimal) for (text,) in found]


def objects(shell: Shell) -> list[str]:
    root = shell.folder / "bucket"
    return sorted(str(each.relative_to(root)) for each in root.rglob("*.json") if "_etl_daemon" not in each.parts)


def test_the_sample_becomes_a_row_as_it_came(shell, api):
    body = SAMPLE.read_bytes()
    configure(shell, dataset("countries", api.at("/v1/countries", answer(body))))
    ended = shell.run("extract", "api", "--load", "--json")
    assert ended.code == 0, ended.err
    (line,) = ended.document["extracted"]
    (put,) = line["objects"]
    assert put["size"] == len(body)
    assert objects(shell) == [put["key"]]
    assert put["key"].startswith("data/countries/20")
    assert (shell.folder / "bucket" / put["key"]).read_bytes() == body
    assert ended.document["loaded"][0]["rows"]["loaded"] == 1
    (row,) = rows(shell, "COUNTRIES")
    assert row == json.loads(body, parse_float=Decimal)
    assert row["rates"]["NOK"] == Decimal("0.0876543210987654321")


def test_pages_of_a_run_belong_together_and_unchanged_ones_cost_nothing(shell, api):
    def page(asked):
        number = int(asked.params["page"])
        return answer({"countries": [number] * 2 if number < 3 else [], "page": number})

    url = api.at("/rows", page)
    records = 'records_path = "countries"'
    configure(shell, dataset("numbers", url, records, 'paging = { kind = "page" }', raw="records"))
    assert shell.run("extract", "api", "--load").code == 0
    stems = [key.rpartition("/")[2].partition("-") for key in objects(shell)]
    assert [(dash, number) for _, dash, number in stems] == [("-", f"p00{n}.json") for n in (1, 2, 3)]
    assert len({stem for stem, _, _ in stems}) == 1
    assert rows(shell, "NUMBERS") == [1, 1, 2, 2]
    again = shell.run("extract", "api", "--load", "--json")
    assert again.document["extracted"][0]["objects"] == []
    assert rows(shell, "NUMBERS") == [1, 1, 2, 2]
    full = shell.run("extract", "api", "--full", "--json")
    assert len(full.document["extracted"][0]["objects"]) == 3


def test_the_newest_run_is_the_table_where_it_is_replaced(shell, api):
    url = api.at("/rows", [answer([1, 2, 3]), answer([9])])
    configure(shell, dataset("numbers", url, 'mode = "FULL"', raw="records"))
    for expected in ([1, 2, 3], [9]):
        assert shell.run("extract", "api", "--load").code == 0
        assert rows(shell, "NUMBERS") == expected


def test_columns_are_made_where_raw_is_not_asked_for(shell, api):
    url = api.at("/countries", answer(SAMPLE.read_bytes()))
    table = '[datasets.countries]\ntable = "RAW.COUNTRIES"\nprimary_key = ["code"]\nrecords_path = "countries"\n'
    configure(shell, f'{table}[datasets.countries.api]\nurl = "{url}"\n')
    assert shell.run("extract", "api", "--load").code == 0
    with duckdb.connect(str(shell.folder / "market.duckdb"), read_only=True) as connection:
        found = connection.sql("SELECT CODE, POPULATION FROM RAW.COUNTRIES ORDER BY CODE").fetchall()
    assert found == [("AQ", None), ("CH", 9002763), ("IS", 389444), ("NO", 5594340)]


def test_a_failing_api_costs_itself_only_and_no_secret_shows(shell, api):
    good = dataset("good", api.at("/good", answer({"ok": True})))
    login = 'auth = { kind = "query", secret = "quotes", name = "apikey" }'
    bad = dataset("bad", api.at("/bad", Answer(b"{}", 403)), api=login)
    configure(shell, bad, good)
    ended = shell.run("extract", "api", "--json", QUOTES_API_KEY="hush-hush")
    assert ended.code == 1
    lines = {each["dataset"]: each for each in ended.document["extracted"]}
    assert len(lines["good"]["objects"]) == 1
    assert "answered 403" in lines["bad"]["error"]["detail"]
    assert api.asked[0].params == {"apikey": "hush-hush"}
    assert "hush-hush" not in ended.out + ended.err
    stored = [each.read_text() for each in (shell.folder / "bucket").rglob("*") if each.is_file()]
    assert not any("hush-hush" in text for text in stored)


def test_the_daemon_extracts_by_itself_when_it_is_time(shell, api):
    url = api.at("/v1/tick", lambda asked: answer({"n": len(api.asked)}))
    configure(shell, dataset("ticks", url, api="every_seconds = 0.2"))
    daemon = shell.start("run", ETL_POLL_INTERVAL_SECONDS=0.2, ETL_LEASE_SECONDS=2)
    try:
        committed = 0
        for line in daemon.stderr:
            committed += '"batch_committed"' in line
            if committed == 3:
                break
    finally:
        daemon.terminate()
        daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    found = [row["n"] for row in rows(shell, "TICKS")]
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= 3


def test_it_works_over_s3_with_conditional_writes(shell, api):
    body = SAMPLE.read_bytes()
    configure(shell, dataset("countries", api.at("/x", answer(body, ETag='"1"'))))
    with moto_server() as url:
        s3_client(url).create_bucket(Bucket="bucket")
        place = {"ETL_SOURCE": "s3", "S3_BUCKET": "bucket", "AWS_ENDPOINT_URL": url}
        first, second = (shell.run("extract", "api", "--load", "--json", **place) for _ in range(2))
        assert (first.code, second.code) == (0, 0), first.err
        (put,) = first.document["extracted"][0]["objects"]
        assert second.document["extracted"][0]["objects"] == []
        assert s3_client(url).get_object(Bucket="bucket", Key=put["key"])["Body"].read() == body
    assert api.asked[1].headers["if-none-match"] == '"1"'
    assert rows(shell, "COUNTRIES") == [json.loads(body, parse_float=Decimal)]


def test_without_an_api_it_says_what_to_do(shell):
    configure(shell)
    ended = shell.run("extract", "api")
    assert ended.code == 78
    assert "[datasets.NAME.api]" in ended.err


@needs_shared_data
@pytest.mark.parametrize(
    "name", ["countries_mit/annexare_countries.min.json", "countries_mit/samayo_country-by-population.json"]
)
def test_recorded_bodies_arrive_whole(shell, api, name):
    body = (SHARED / name).read_bytes()
    configure(shell, dataset("recorded", api.at("/x", answer(body))))
    assert shell.run("extract", "api", "--load").code == 0
    assert rows(shell, "RECORDED") == [json.loads(body, parse_float=Decimal)]


@needs_shared_data
def test_recorded_pages_are_followed_by_their_next_url_with_the_key(shell, api):
    with tarfile.open(SHARED / "vendor_json" / "polygon_rest_mocks.tar.gz") as recorded:
        names = [name for name in recorded.getnames() if name.startswith("v3/reference/tickers")]
        first = json.load(recorded.extractfile("v3/reference/tickers.json"))
        second = json.load(recorded.extractfile(next(name for name in names if "&cursor=" in name)))
    first["next_url"] = first["next_url"].replace("https://api.massive.com", api.url)
    second.pop("next_url", None)
    url = api.at("/v3/reference/tickers", lambda asked: answer(second if "cursor" in asked.params else first))
    login = 'auth = { kind = "query", secret = "polygon", name = "apiKey" }'
    paging = 'paging = { kind = "next", path = "next_url" }'
    configure(shell, dataset("tickers", url, 'records_path = "results"', f"{login}\n{paging}", raw="records"))
    assert shell.run("extract", "api", "--load", POLYGON_API_KEY="k3y").code == 0
    assert rows(shell, "TICKERS") == json.loads(json.dumps(first["results"] + second["results"]), parse_float=Decimal)
    assert [asked.params.get("apiKey") for asked in api.asked] == ["k3y", "k3y"]
