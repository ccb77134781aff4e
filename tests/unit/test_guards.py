"""What is refused before any work: settings that would mislead, hang or fail later with a stranger message."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest
from botocore.exceptions import EndpointConnectionError

from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.adapters.s3.clients import Endpoint, connect
from etl_daemon.adapters.s3.failures import translated
from etl_daemon.config import load_settings, settings_from
from etl_daemon.config.datasets_file import BUILT_IN, COLUMNS, TABLE
from etl_daemon.core.configure import datasets
from etl_daemon.core.datasets import SCHEMAS, Kind
from etl_daemon.errors import ConfigError, SetupError, TransientError


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return tmp_path


def refused(**env: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_settings({"S3_BUCKET": "b", **env})
    assert caught.value.exit_code == 78
    return caught.value


def file(text: str) -> str:
    Path("datasets.toml").write_text(text, "utf-8")
    return "datasets.toml"


# ---------------------------------------------------------------- single values


@pytest.mark.parametrize("name", ["PRICE_DATA_WINDOW", "TECHNICAL_INDICATORS_WINDOW", "ANOMALIES_WINDOW"])
@pytest.mark.parametrize("value", ["1e300", "876001"])
def test_windows_are_bounded(name: str, value: str) -> None:
    assert f"{name}='{value}' (environment): should be less than or equal to 876000." in str(refused(**{name: value}))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ETL_SWEEP_HOURS", "1e300", "less than or equal to 876000"),
        ("CPU_LIMIT_CORES", "100000", "less than or equal to 1024"),
        ("MAX_CONCURRENT_JOBS", "257", "less than or equal to 256"),
        ("MAX_CONCURRENT_JOBS", "0", "greater than or equal to 1"),
        ("ETL_DUCKDB_PATH", ":memory:", "must be a file"),
        ("SNOWFLAKE_DATABASE", "select", "means something else to DuckDB"),
        ("SNOWFLAKE_DATABASE", "Temp", "means something else to DuckDB"),
        ("SNOWFLAKE_DATABASE", "main", "means something else to DuckDB"),
        ("SNOWFLAKE_SCHEMA", "system", "means something else to DuckDB"),
        ("SNOWFLAKE_SCHEMA", "information_schema", "means something else to DuckDB"),
        ("LOG_FILE", "missing/etl.log", "is in a folder that is not there"),
        ("LOG_FILE", ".", "is a folder"),
        ("SYMBOL_PATTERN", "[a-z]+", "symbols are upper-cased first"),
        ("SYMBOL_PATTERN", "^[a-z]{1,5}$", "symbols are upper-cased first"),
        ("SYMBOL_PATTERN", "(btc|eth)-usd", "symbols are upper-cased first"),
    ],
)
def test_a_value_that_would_fail_later_is_turned_down(name: str, value: str, said: str) -> None:
    line = str(refused(**{name: value}))
    assert line.startswith("1 setting is wrong:")
    assert said in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SNOWFLAKE_SCHEMA", "main"),
        ("SNOWFLAKE_DATABASE", "market"),
        ("PRICE_DATA_WINDOW", "876000"),
        ("CPU_LIMIT_CORES", "1024"),
        ("MAX_CONCURRENT_JOBS", "256"),
        ("LOG_FILE", "etl.log"),
        *(
            ("SYMBOL_PATTERN", text)
            for text in ("(?i)[a-z]+", r"[a-z]*\w+", "[!-z]+", "[^a-z]+", "[0-9a-z]+", ".+[a-z]?")
        ),
    ],
)
def test_a_value_that_works_is_kept(name: str, value: str) -> None:
    assert load_settings({"S3_BUCKET": "b", name: value}) is not None


def test_no_database_name_that_is_let_through_fails_in_duckdb() -> None:
    """As a session attaches it, but in memory: to make a file for each of the words takes a quarter of a minute."""
    with duckdb.connect() as connection:
        words = connection.execute(
            "SELECT keyword_name FROM duckdb_keywords() UNION SELECT database_name FROM duckdb_databases()"
        ).fetchall()
        tried = 0
        for (word,) in words:
            try:
                name = settings_from({"SNOWFLAKE_DATABASE": word}).snowflake_database
            except ConfigError:
                continue
            connection.execute(f"ATTACH ':memory:' AS {name}; USE {name}; CREATE SCHEMA {name}.S")
            connection.execute(f"CREATE TABLE {name}.S.T (A INTEGER); FROM {name}.S.T")
            tried += 1
        assert 100 < tried < len(words)


# ---------------------------------------------------------------- the file of datasets


@pytest.mark.parametrize("form", ["%d/%m/%Q", "%d/%m/%Y %", "%Y-%Y", "epoch_seconds", "%d/%m", "ISO8601", "%%Y"])
def test_wrong_timestamp_formats_are_turned_down(form: str) -> None:
    text = f"[datasets.price_data]\ntimestamp_formats = ['%Y', '{form}']"
    line = str(refused(ETL_DATASETS_FILE=file(text)))
    assert f"timestamp_formats='{form}' (datasets.toml [datasets.price_data]): is no strptime format" in line


def test_right_timestamp_formats_are_kept() -> None:
    forms = ["epoch_s", "epoch_ms", "epoch_us", "%d/%m/%Y %H:%M:%S.%f %z", "%d-%b-%y", "%G-%V-%u", "%c", "100%% %Y"]
    settings = load_settings(
        {"S3_BUCKET": "b", "ETL_DATASETS_FILE": file(f"[datasets.price_data]\ntimestamp_formats = {forms}")}
    )
    assert datasets(settings)[0].timestamp_formats == tuple(forms)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timestamp_formats = '%Y'", "should be a list."),
        ("columns = 'Name'", "should be a table."),
        ("window_hours = 1e300", "should be less than or equal to 876000."),
    ],
)
def test_the_words_are_those_of_toml(text: str, said: str) -> None:
    assert said in str(refused(ETL_DATASETS_FILE=file(f"[datasets.price_data]\n{text}")))


def test_the_hint_names_the_file_that_is_wrong() -> None:
    wrong = file("[datasets.price_data]\nmode = 'MERGE'")
    assert refused(ETL_DATASETS_FILE=wrong).hint == "correct datasets.toml, then start again."
    both = refused(ETL_DATASETS_FILE=wrong, ETL_BATCH_SIZE="many")
    assert both.hint == "correct the environment and datasets.toml, then start again."
    assert refused(ETL_BATCH_SIZE="many").hint == "correct the environment, then start again."


def test_unknown_columns_stand_beside_the_other_problems_of_the_file() -> None:
    text = "[datasets.price_data]\nmode = 'MERGE'\ncolumns = { Last = 'clse' }\n[datasets.more]\nkind = 'ANOMALIES'\n"
    line = str(refused(ETL_DATASETS_FILE=file(f"{text}prefix = 'p'\ntable = 't'\ncolumns = {{ Q = 'quantum' }}")))
    assert line.startswith("3 settings are wrong:")
    assert "mode='MERGE'" in line
    origin = "(datasets.toml [datasets.price_data])"
    assert f"columns Last='clse' {origin}: is no column of price_data; did you mean close?" in line
    assert "columns Q='quantum' (datasets.toml [datasets.more]): is no column of anomalies; there are symbol, " in line


def test_the_file_knows_the_columns_of_the_kinds() -> None:
    assert {kind: SCHEMAS[Kind(kind)].names for kind in BUILT_IN} == dict(COLUMNS)
    assert [*BUILT_IN, TABLE] == list(Kind)


# ---------------------------------------------------------------- tables


def test_two_datasets_need_two_tables_and_none_lies_among_the_control_tables() -> None:
    text = "[datasets.more]\nkind = 'price_data'\nprefix = 'p'\ntable = 'Market_Data.Price_Data'\n"
    settings = settings_from(
        {"ETL_DATASETS_FILE": file(text), "TECHNICAL_INDICATORS_TABLE": "etl_control.t", "ANOMALIES_TABLE": "OTHER.S.T"}
    )
    with pytest.raises(ConfigError) as caught:
        datasets(settings)
    said = str(caught.value)
    assert caught.value.exit_code == 78
    assert "price_data, more: table FINANCIAL_DATA.MARKET_DATA.PRICE_DATA: each needs a table of its own." in said
    assert "technical_indicators: table FINANCIAL_DATA.ETL_CONTROL.T: the schema ETL_CONTROL is kept for" in said
    assert "anomalies: table OTHER.S.T: DuckDB commits to one database" in said


def test_detected_anomalies_need_a_table_of_their_own() -> None:
    path = file("[datasets.anomalies]\nenabled = false")
    with pytest.raises(ConfigError, match=r"price_data, anomalies: table \S+PRICE_DATA: each needs a table of its own"):
        datasets(settings_from({"ETL_DATASETS_FILE": path, "ANOMALIES_TABLE": "MARKET_DATA.PRICE_DATA"}))
    with pytest.raises(ConfigError, match=r"anomalies: table \S+ETL_CONTROL\.A: the schema ETL_CONTROL"):
        datasets(settings_from({"ETL_DATASETS_FILE": path, "ANOMALIES_TABLE": "ETL_CONTROL.A"}))


def test_a_disabled_dataset_may_share_a_table() -> None:
    text = "[datasets.price_data]\nenabled = false\n[datasets.more]\nkind = 'price_data'\nprefix = 'p'\n"
    found = datasets(settings_from({"ETL_DATASETS_FILE": file(f"{text}table = 'MARKET_DATA.PRICE_DATA'")}))
    assert "more" in [dataset.name for dataset in found]


# ---------------------------------------------------------------- the store and the database


@pytest.mark.parametrize("url", ["not a url", "localhost:9000", "ftp://host", "http://"])
def test_an_endpoint_that_is_no_url_names_the_variable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(ConfigError, match=r"Hint: .*AWS_ENDPOINT_URL") as caught:
        connect(Endpoint(region="us-east-1"), 1.0)
    assert url in str(caught.value)


def test_a_region_that_is_none_names_the_setting() -> None:
    with pytest.raises(ConfigError, match=r"S3_REGION"):
        connect(Endpoint(region="not a region"), 1.0)


def test_a_name_that_no_bucket_can_have_is_not_asked_for_again() -> None:
    clients = connect(Endpoint("us-east-1", "http://127.0.0.1:9"), 1.0)
    with pytest.raises(ConfigError, match=r"(?s)Bad_Bucket!!.*S3_BUCKET"), translated("Listing"):
        clients.boto.list_objects_v2(Bucket="Bad_Bucket!!")
    with pytest.raises(TransientError), translated("Listing"):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")


@pytest.mark.parametrize("kind", ["text", "empty", "sqlite"])
def test_a_file_of_another_kind_is_no_duckdb_file(kind: str, empty_folder: Path) -> None:
    path = empty_folder / "other.db"
    path.write_text("no database\n" * 1000 if kind == "text" else "")
    if kind == "sqlite":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE T (A)")
    with (
        pytest.raises(SetupError, match=r"other\.db is no DuckDB file\. Hint: .*ETL_DUCKDB_PATH"),
        DuckDBFile(path, "D").session(),
    ):
        pass
