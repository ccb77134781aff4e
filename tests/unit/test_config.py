from __future__ import annotations

import re
import time
from decimal import Decimal
from pathlib import Path

import pytest

from etl_daemon.config import Settings, load_settings, settings_from, shown
from etl_daemon.config.checks import SYMBOL_PRESETS
from etl_daemon.core.configure import (
    anomalies_dataset,
    datasets,
    full_table_name,
    lease_url,
    read_limits,
    retry_policy,
    rules,
)
from etl_daemon.core.datasets import Kind, Mode
from etl_daemon.core.policy import SYMBOL_PATTERNS, ReadLimits, RetryPolicy, Rules
from etl_daemon.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def env_file(folder: Path, text: str, name: str = "etl-config.env") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def problems(file: Path | None = None, **env: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings({"S3_BUCKET": "b", **env}, file)
    assert caught.value.exit_code == 78
    return str(caught.value)


# ---------------------------------------------------------------- where settings come from


def test_environment_wins_over_file_and_file_over_default(empty_folder: Path) -> None:
    env_file(empty_folder, "S3_BUCKET=from-file\nETL_BATCH_SIZE=7\n")
    settings = load_settings({"S3_BUCKET": "from-env"})
    assert (settings.s3_bucket, settings.etl_batch_size, settings.etl_max_retries) == ("from-env", 7, 3)


def test_environment_of_the_process_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET", "from-process")
    assert load_settings().s3_bucket == "from-process"


def test_config_file_is_named_by_the_environment(empty_folder: Path) -> None:
    env_file(empty_folder, "S3_BUCKET=wrong\n")
    other = env_file(empty_folder, "S3_BUCKET=right\n", "other.env")
    assert load_settings({"ETL_CONFIG_FILE": str(other)}).s3_bucket == "right"
    assert load_settings({"ETL_CONFIG_FILE": "missing.env"}, other).s3_bucket == "right"


def test_a_named_file_must_be_there() -> None:
    assert "no settings file missing.env" in problems(ETL_CONFIG_FILE="missing.env")
    assert "no settings file gone.env" in problems(file=Path("gone.env"))


def test_a_mapping_is_all_there_is(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file(empty_folder, "ETL_BATCH_SIZE=7\n")
    monkeypatch.setenv("S3_BUCKET", "from-process")
    settings = settings_from({"etl_max_retries": 5, "MIN_PRICE_VALUE": Decimal("0.5"), "LOG_FILE": None})
    assert (settings.s3_bucket, settings.etl_batch_size, settings.etl_max_retries) == (None, 3_000_000, 5)
    assert settings.min_price_value == Decimal("0.5")


def test_a_mapping_may_leave_out_the_bucket_but_not_misspell_a_name() -> None:
    assert settings_from({}) == Settings()
    with pytest.raises(ConfigError, match=r"S3_BUKET: there is no such setting; did you mean S3_BUCKET\?"):
        settings_from({"S3_BUKET": "b"})


def test_an_empty_value_counts_as_not_set(empty_folder: Path) -> None:
    env_file(empty_folder, "S3_BUCKET=b\nETL_BATCH_SIZE=\nREFUSE_ABOVE_SHARE=\nLOG_LEVEL=debug\n")
    settings = load_settings({"LOG_LEVEL": ""})
    assert (settings.etl_batch_size, settings.refuse_above_share, settings.log_level) == (3_000_000, None, "DEBUG")


def test_the_file_has_the_syntax_of_python_dotenv(empty_folder: Path) -> None:
    quoted = "\ufeff# comment\r\nexport S3_BUCKET='a b' # why\r\n\r\n"
    env_file(empty_folder, quoted + 'SYMBOL_PATTERN="^[A-Z]${X}$"\r\nS3_REGION=a\nS3_REGION=z\n')
    settings = load_settings({"X": "expanded"})
    assert (settings.s3_bucket, settings.symbol_pattern, settings.s3_region) == ("a b", "^[A-Z]${X}$", "z")


def test_a_file_that_is_no_text_is_a_config_error(empty_folder: Path) -> None:
    (empty_folder / "etl-config.env").write_bytes(b"S3_BUCKET=\xff\xfe\n")
    assert "etl-config.env cannot be read" in problems()


# ---------------------------------------------------------------- what is wrong with them


def test_all_problems_come_at_once_with_name_value_place_and_what_is_allowed(empty_folder: Path) -> None:
    env_file(empty_folder, "\n\nETL_BATCH_SIZE=many\nLOG_FORMT=json\nno value here\nETL_TIMEOUT\n")
    said = problems(ETL_SOURCE="ftp", MAX_PRICE_VALUE="0.001", ETL_POLL_INTERVAL_SECONDS="0")
    lines = said.splitlines()
    assert lines[0] == "7 settings are wrong:"
    assert "  LOG_FORMT (etl-config.env:4): there is no such setting; did you mean LOG_FORMAT?" in lines
    assert "  (etl-config.env:5): the line is no NAME=value." in lines
    assert "  ETL_TIMEOUT (etl-config.env:6): has no =value." in lines
    assert "  ETL_SOURCE='ftp' (environment): should be 's3' or 'local'. Where objects lie: s3 or local." in lines
    assert "  ETL_BATCH_SIZE='many' (etl-config.env:3): should be a valid integer" in said
    assert "  MAX_PRICE_VALUE='0.001' (environment): is below MIN_PRICE_VALUE=0.01." in said
    assert "  ETL_POLL_INTERVAL_SECONDS='0' (environment): should be greater than 0." in said
    assert "correct etl-config.env" in lines[-1]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SYMBOL_PATTERN", "[A-Z", "no valid regular expression"),
        ("SYMBOL_PATTERN", "us_equitty", "is no preset"),
        ("SOURCE_TIMEZONE", "Mars/Olympus", "no time zone"),
        ("PARTITION_TIMEZONE", "America", "no time zone"),
        ("PARTITION_TIMEZONE", "../etc/passwd", "no time zone"),
        ("MAX_RSI_VALUE", "-1", "below MIN_RSI_VALUE=0"),
        ("MIN_PRICE_VALUE", "2000000", "below MIN_PRICE_VALUE=2000000"),
        ("MIN_PRICE_VALUE", "NaN", "finite"),
        ("MAX_PRICE_VALUE", "1e12", "less than 1000000000000"),
        ("PRICE_DATA_TABLE", "A.B.C.D", "DATABASE.SCHEMA.TABLE"),
        ("PRICE_DATA_TABLE", "A.B.1C", "DATABASE.SCHEMA.TABLE"),
        ("ANOMALIES_TABLE", "A..C", "DATABASE.SCHEMA.TABLE"),
        ("ANOMALIES_TABLE", 'A.B.C"; DROP', "DATABASE.SCHEMA.TABLE"),
        ("SNOWFLAKE_DATABASE", "A.B", "letters, digits"),
        ("PRICE_DATA_PREFIX", "p/{yaer}/", "unknown placeholder {yaer}"),
        ("PRICE_DATA_PREFIX", "p/{year:04}/", "unknown placeholder"),
        ("PRICE_DATA_PREFIX", "p/{}/", "unknown placeholder"),
        ("ANOMALIES_PREFIX", "p/{year", "unbalanced braces"),
        ("PRICE_DATA_WINDOW", "0", "greater than 0"),
        ("PRICE_DATA_WINDOW", "inf", "finite"),
        ("PRICE_DATA_MODE", "MERGE", "or 'TRUNCATE_INSERT'"),
        ("ETL_DESTINATION", "oracle", "should be 'duckdb'"),
        ("ETL_LOCAL_DIR", "nowhere", "is no folder"),
        ("ETL_DATASETS_FILE", "nowhere.toml", "is no file"),
        ("ERROR_THRESHOLD", "1.5", "less than or equal to 1"),
        ("ALERT_SNS_TOPIC_ARN", "arn:aws:sqs:eu-central-1:123456789012:q", "arn:aws:sns:REGION"),
        ("SMTP_FROM", "ETL <etl@example.org>", "an address like"),
        ("ALERT_AFTER_MINUTES", "-1", "greater than or equal to 0"),
        ("ALERT_REPEAT_HOURS", "0", "greater than 0"),
        ("ALERT_MAX_PER_HOUR", "0", "greater than or equal to 1"),
        ("SMTP_TLS", "ssl", "'starttls', 'tls' or 'none'"),
        ("SMTP_PORT", "70000", "less than or equal to 65535"),
        ("REFUSE_ABOVE_SHARE", "-0.1", "greater than or equal to 0"),
        ("ETL_MAX_RETRIES", "-1", "greater than or equal to 0"),
        ("MEMORY_LIMIT_MB", "511", "greater than or equal to 512"),
        ("OUTLIER_Z", "nan", "finite"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO'"),
        ("DBT_ARGS", "--exclude 'countries", "a quote that does not close"),
        ("MODELS_AFTER_LOAD_SECONDS", "10000000000", "less than or equal to 604800"),
    ],
)
def test_a_value_out_of_bounds_is_turned_down(name: str, value: str, said: str) -> None:
    line = problems(None, **{name: value})
    assert line.startswith("1 setting is wrong:")
    assert said in line


def test_s3_needs_a_bucket_and_local_a_folder(empty_folder: Path) -> None:
    assert "S3_BUCKET: must be set when ETL_SOURCE is s3." in problems(S3_BUCKET="")
    assert "ETL_LOCAL_DIR: must be set when ETL_SOURCE is local." in problems(ETL_SOURCE="LOCAL")
    assert load_settings({"ETL_SOURCE": "local", "ETL_LOCAL_DIR": str(empty_folder)}).etl_local_dir == empty_folder
    assert load_settings({}, needs_source=False).s3_bucket is None


def test_aws_names_in_the_file_are_allowed_only_if_exported_too(empty_folder: Path) -> None:
    env_file(empty_folder, "S3_BUCKET=b\nAWS_PROFILE=prod\n")
    assert "AWS_PROFILE (etl-config.env:2): the AWS SDK reads it from the environment only" in problems()
    assert load_settings({"AWS_PROFILE": "prod"}).s3_bucket == "b"


def test_unknown_names_in_the_environment_are_none_of_ours() -> None:
    assert load_settings({"S3_BUCKET": "b", "ETL_SOMETHING": "1"}).s3_bucket == "b"


def test_values_come_in_their_normal_form() -> None:
    given = {"PRICE_DATA_MODE": "append", "ETL_SOURCE": "Local", "PRICE_DATA_TABLE": "db.s.t$1", "S3_BUCKET": " b "}
    settings = settings_from(given)
    assert settings.price_data_mode == "APPEND"
    assert (settings.etl_source, settings.price_data_table, settings.s3_bucket) == ("local", "DB.S.T$1", "b")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().etl_batch_size = 1  # type: ignore[misc] # that is the point


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("", ""),
        ("Console", "console"),
        ("https://lineage.example/v1", "https://lineage.example/v1"),
        ("lineage.ndjson", "lineage.ndjson"),
        ("file:///tmp/lineage.ndjson", "/tmp/lineage.ndjson"),
    ],
)
def test_lineage_goes_to_a_url_a_file_or_the_log(value: str, wanted: str) -> None:
    assert settings_from({"ETL_LINEAGE_URL": value}).etl_lineage_url == wanted


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("https:///v1", "names no host"),
        ("kafka://host", "must be http"),
        ("file://relative", "must be http"),
        ("/tmp", "is a folder"),
        ("no/such/folder/x", "folder that is not there"),
    ],
)
def test_lineage_goes_nowhere_else(value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"ETL_LINEAGE_URL.*{said}"):
        settings_from({"ETL_LINEAGE_URL": value})


# ---------------------------------------------------------------- alerts


def test_addresses_are_taken_apart_by_commas_and_blanks() -> None:
    given = settings_from({"ALERT_EMAIL": " ops@example.org,dba@example.org  x@y ", "SMTP_HOST": "h"})
    assert given.alert_email == "ops@example.org, dba@example.org, x@y"
    assert "must be an address like" in problems(ALERT_EMAIL="ops@example.org; dba@example.org", SMTP_HOST="h")


def test_mail_needs_a_server_and_a_password_goes_out_encrypted() -> None:
    assert "SMTP_HOST: must be set when ALERT_EMAIL is set." in problems(ALERT_EMAIL="ops@example.org")
    assert "SMTP_PASSWORD: must be set when SMTP_USERNAME is set." in problems(SMTP_USERNAME="etl")
    wrong = problems(SMTP_USERNAME="etl", SMTP_PASSWORD="hunter2", SMTP_TLS="None")
    assert "SMTP_TLS: must be starttls or tls when SMTP_PASSWORD is set." in wrong
    assert "hunter2" not in wrong


@pytest.mark.parametrize("url", ["hooks.example.org/s3cret", "ftp://h/s3cret", "https://[s3cret", "https://h/a s3cret"])
def test_a_webhook_that_is_none_is_said_without_showing_it(url: str) -> None:
    said = problems(ALERT_WEBHOOK=url)
    assert "ALERT_WEBHOOK='********' (environment): must be https://HOST/PATH." in said
    assert "s3cret" not in said


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "name",
    [
        "ALERT_WEBHOOK",
        "ALERT_URLS",
        "SMTP_PASSWORD",
        "SNOWFLAKE_PASSWORD",
        "snowflake_private_key_passphrase",
        "API_TOKEN",
        "AWS_SECRET",
    ],
)
def test_secrets_are_starred(name: str) -> None:
    assert shown(name, "hunter2") == "********"
    assert shown(name, "") == shown(name, None) == ""


def test_passwords_in_urls_are_starred() -> None:
    assert shown("ETL_ANY_URL", "mailto://me:hunter2@host/x") == "mailto://********@host/x"
    assert shown("", "http://h/t?client_secret=hunter2&scope=x") == "http://h/t?client_secret=********&scope=x"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"PASSWORD": "', '", "LOGIN_NAME": "me"}'),
        (r'{"PASSWORD": "\"', '"}'),
        (r"{\"data\":{\"TOKEN\":\"", r"\",\"N\":1}}"),
        ("{'oauth_client_secret': '", "'}"),
        ("password='", "' was refused"),
        ("<Token-0>", "</Token-0>"),
        ("grant_type=x&client_secret=", "&scope=y"),
        ("X-Amz-Security-Token: ", "\nHost: h"),
        ("Authorization: Bearer ", "\nHost: h"),
        ("https://me:", "@host/path"),
    ],
)
@pytest.mark.parametrize("secret", ["hunter2", "hun%40ter2", "hun@ter2"])
def test_what_a_server_says_back_is_starred(before: str, after: str, secret: str) -> None:
    told = shown("detail", f"400: {before}{secret}{after}")
    assert "ter2" not in told
    assert told.startswith("400: ")
    assert after in told
    assert "********" in told


@pytest.mark.parametrize(
    "text",
    [
        "SNOWFLAKE_TOKEN: must be set to log in by oauth.",
        "renew the token, then try again",
        "s3://bucket/key@2x.csv",
        "/etc/private_key.p8",
        "<Key>processed/a.csv</Key>",
        "https://host/path?prefix=a&delimiter=b",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert shown("detail", text) == text


def test_long_text_takes_no_time() -> None:
    started = time.perf_counter()
    for letter in ("a", "&", "<", "token", "://", "\\"):
        shown("detail", letter * 100_000)
    assert time.perf_counter() - started < 5


def test_redacted_shows_every_setting() -> None:
    logged = settings_from({"S3_BUCKET": "b", "S3_REGION": "https://me:hunter2@host"}).redacted()
    assert list(logged) == [name.upper() for name in Settings.model_fields]
    assert (logged["S3_BUCKET"], logged["ETL_BATCH_SIZE"], logged["LOG_FILE"]) == ("b", "3000000", "")
    assert "hunter2" not in str(logged)


# ---------------------------------------------------------------- what the core makes of them


def test_defaults_are_the_defaults_of_the_policies() -> None:
    settings = Settings()
    assert rules(settings) == Rules()
    assert read_limits(settings) == ReadLimits()
    assert retry_policy(settings) == RetryPolicy(attempts=4)


def test_rules_limits_and_retries_follow_the_settings() -> None:
    given = {
        "MIN_RSI_VALUE": "1",
        "MAX_RSI_VALUE": "99",
        "SOURCE_TIMEZONE": "America/New_York",
        "OUTLIER_METHOD": "quantile",
    }
    limits = {"MAX_OBJECT_MB": 1, "MAX_EXPANDED_MB": 2, "MAX_EXPANSION_RATIO": 3}
    retries = {"ETL_MAX_RETRIES": 0, "ETL_RETRY_DELAY": 90, "ETL_TIMEOUT": 10}
    bounds = {"MIN_PRICE_VALUE": "1", "MAX_PRICE_VALUE": "2", "MIN_VOLUME_VALUE": "3", "SCALE_OVERFLOW": "quarantine"}
    flags = {"EXTREME_MOVE_PERCENT": 5, "OUTLIER_Z": 4, "OUTLIER_METHOD": "quantile"}
    settings = settings_from({**given, **limits, **retries, **bounds, **flags})
    assert rules(settings) == Rules(
        min_price=Decimal(1),
        max_price=Decimal(2),
        min_volume=Decimal(3),
        min_rsi=Decimal(1),
        max_rsi=Decimal(99),
        scale_overflow="quarantine",
        timezone="America/New_York",
        move_percent=5,
        outlier_method="quantile",
        outlier_z=4,
    )
    assert read_limits(settings) == ReadLimits(2**20, 2 * 2**20, 3)
    assert retry_policy(settings) == RetryPolicy(1, 90, 90, 10)


def test_symbol_pattern_is_a_preset_or_an_expression() -> None:
    assert set(SYMBOL_PRESETS) == set(SYMBOL_PATTERNS)
    assert rules(settings_from({"SYMBOL_PATTERN": "any"})).symbol_pattern == SYMBOL_PATTERNS["any"]
    assert rules(settings_from({"SYMBOL_PATTERN": "^[A-Z]+$"})).symbol_pattern == "^[A-Z]+$"


@pytest.mark.parametrize(
    ("name", "full"), [("t", "DB.S.T"), ("x.t", "DB.X.T"), ("a.b.c", "A.B.C"), ("DB.S.T", "DB.S.T")]
)
def test_table_names_are_completed(name: str, full: str) -> None:
    settings = settings_from({"SNOWFLAKE_DATABASE": "db", "SNOWFLAKE_SCHEMA": "s"})
    assert full_table_name(name, settings) == full


def test_built_in_datasets_have_the_documented_defaults() -> None:
    found = [
        (item.name, item.kind, item.prefix, item.table, item.window_hours, item.mode) for item in datasets(Settings())
    ]
    prices, indicators, anomalies = (
        ("price_data", "MARKET_DATA.PRICE_DATA", 1),
        ("technical_indicators", "ANALYTICS.TECHNICAL_INDICATORS", 2),
        ("anomalies", "ANALYTICS.ANOMALIES", 24),
    )
    assert found == [
        (name, Kind(name), f"processed/{name}", f"FINANCIAL_DATA.{table}", hours, Mode.UPSERT)
        for name, table, hours in (prices, indicators, anomalies)
    ]


def test_built_in_datasets_follow_the_settings() -> None:
    given = {
        "SNOWFLAKE_DATABASE": "PROD",
        "ANOMALIES_PREFIX": "a/{year}/",
        "ANOMALIES_WINDOW": 3,
        "ANOMALIES_MODE": "append",
    }
    prices, _, anomalies = datasets(settings_from({**given, "PRICE_DATA_TABLE": "p"}))
    assert prices.table == "PROD.MARKET_DATA.P"
    assert (anomalies.table, anomalies.prefix) == ("PROD.ANALYTICS.ANOMALIES", "a/{year}/")
    assert (anomalies.window_hours, anomalies.mode) == (3, Mode.APPEND)


def test_duckdb_has_all_tables_in_one_database() -> None:
    with pytest.raises(ConfigError, match=r"price_data: table OTHER\.S\.T: DuckDB commits to one database"):
        datasets(settings_from({"PRICE_DATA_TABLE": "OTHER.S.T"}))


# ---------------------------------------------------------------- the file of datasets


def toml(folder: Path, text: str) -> dict[str, object]:
    path = folder / "datasets.toml"
    path.write_text(text, "utf-8")
    return {"ETL_DATASETS_FILE": path}


def test_the_file_overrides_disables_and_adds(empty_folder: Path) -> None:
    given = toml(
        empty_folder,
        """
        [datasets.price_data]
        window_hours = 12
        columns = { Name = "symbol" }
        [datasets.anomalies]
        enabled = false
        [datasets.crypto]
        kind = "price_data"
        prefix = "raw/{year}/{month}/"
        table = "crypto.candles"
        mode = "append"
        symbol_from_key = "([A-Z]+)[.]json$"
        records_path = "data.rows"
        timestamp_formats = ["%d/%m/%Y"]
        thousands_separators = true
        immutable_keys = true
        """,
    )
    prices, indicators, crypto = datasets(settings_from({**given, "PRICE_DATA_PREFIX": "mine"}))
    assert (prices.window_hours, prices.columns, prices.prefix) == (12, {"Name": "symbol"}, "mine")
    assert indicators == datasets(Settings())[1]
    assert (crypto.name, crypto.kind, crypto.mode) == ("crypto", Kind.PRICES, Mode.APPEND)
    assert (crypto.prefix, crypto.table) == ("raw/{year}/{month}/", "FINANCIAL_DATA.CRYPTO.CANDLES")
    assert (crypto.symbol_from_key, crypto.records_path) == ("([A-Z]+)[.]json$", "data.rows")
    assert (crypto.timestamp_formats, crypto.thousands_separators, crypto.immutable_keys) == (("%d/%m/%Y",), True, True)
    assert crypto.window_hours == 24


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[datasets.price_data]\nprefx = 'p'",
            "[datasets.price_data]): there is no such setting; did you mean prefix?",
        ),
        ("[datset.price_data]\nprefix = 'p'", "datset (datasets.toml): there is no such setting; did you mean dat"),
        ("datasets = 1", "should be tables [datasets.NAME]"),
        ("[datasets]\nprice_data = 1", "should be a table [datasets.price_data]"),
        ("[datasets.'my data']\nkind = 'price_data'", "should be letters, digits"),
        ("[datasets.more]\nkind = 'price_data'\nprefix = 'p'", "table (datasets.toml [datasets.more]): must be set"),
        ("[datasets.price_data]\nkind = 'prices'", "kind='prices' (datasets.toml [datasets.price_data]): should be"),
        ("[datasets.price_data]\ntable = 'a b'", "DATABASE.SCHEMA.TABLE"),
        ("[datasets.price_data]\nsymbol_from_key = '[A-Z]+'", "needs a group"),
        ("[datasets.price_data]\nsymbol_from_key = '('", "no valid regular expression"),
        ("[datasets.price_data]\nwindow_hours = -1", "greater than 0"),
        ("[datasets.price_data]\ncolumns = { A = 1 }", "should be a valid string"),
        ("[datasets.price_data", "datasets.toml': "),
    ],
)
def test_what_is_wrong_in_the_file_stands_beside_other_problems(empty_folder: Path, text: str, said: str) -> None:
    toml(empty_folder, text)
    line = problems(ETL_DATASETS_FILE="datasets.toml", ETL_BATCH_SIZE="many")
    assert line.startswith("2 settings are wrong:")
    assert said in line
    assert "ETL_BATCH_SIZE='many'" in line


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (
            "snapshot_group = '/([0-9]+)/'",
            "UPSERT",
            "price_data: snapshot_group: has a meaning in mode TRUNCATE_INSERT",
        ),
        (
            "incremental_by = 'primary_key'",
            "FULL",
            "incremental_by: has a meaning in mode INCREMENTAL only, not in FULL",
        ),
        ("truncate_before_insert = true", "APPEND", "APPEND never empties its table; should be false or left out."),
        ("truncate_before_insert = false", "FULL", "FULL always replaces its table; should be true or left out."),
        ("snapshot_group = '('", "TRUNCATE_INSERT", "no valid regular expression"),
    ],
)
def test_options_fit_the_mode(empty_folder: Path, text: str, mode: str, said: str) -> None:
    for option in (f"{text}\nmode = '{mode}'", text):
        given = {**toml(empty_folder, f"[datasets.price_data]\n{option}"), "PRICE_DATA_MODE": mode}
        with pytest.raises(ConfigError) as caught:
            datasets(settings_from(given))
        assert said in str(caught.value)


def test_the_mode_may_come_from_the_settings(empty_folder: Path) -> None:
    options = "snapshot_group = '[0-9]{8}'\ntruncate_before_insert = true"
    given = {**toml(empty_folder, f"[datasets.price_data]\n{options}"), "PRICE_DATA_MODE": "truncate_insert"}
    prices = datasets(settings_from(given))[0]
    assert (prices.mode, prices.snapshot_group) == (Mode.TRUNCATE_INSERT, "[0-9]{8}")
    by_time = toml(empty_folder, "[datasets.price_data]\nincremental_by = 'timestamp_column'")
    prices = datasets(settings_from({**by_time, "PRICE_DATA_MODE": "incremental"}))[0]
    assert (prices.by_timestamp, prices.instant) == (True, "TIMESTAMP")


def test_columns_lead_to_columns_of_the_kind(empty_folder: Path) -> None:
    given = toml(empty_folder, "[datasets.price_data]\ncolumns = { Last = 'clse', Q = 'quantum' }")
    for read in (settings_from, lambda values: datasets(Settings(etl_datasets_file=values["ETL_DATASETS_FILE"]))):
        with pytest.raises(ConfigError) as caught:
            read(given)
        said = str(caught.value)
        assert re.search(r"columns Last='clse' \(\S+ \S+\): is no column of price_data; did you mean close\?", said)
        assert re.search(r"columns Q='quantum' \(.*\): is no column of price_data; there are symbol, timestamp, ", said)
        assert caught.value.exit_code == 78


def test_detected_anomalies_have_a_table_even_if_the_dataset_is_disabled(empty_folder: Path) -> None:
    moved = settings_from(toml(empty_folder, "[datasets.anomalies]\ntable = 'x.flags'"))
    assert anomalies_dataset(moved, datasets(moved)).table == "FINANCIAL_DATA.X.FLAGS"
    disabled = settings_from(toml(empty_folder, "[datasets.anomalies]\nenabled = false"))
    assert anomalies_dataset(disabled, datasets(disabled)).table == "FINANCIAL_DATA.ANALYTICS.ANOMALIES"


def test_something_must_be_left_to_load(empty_folder: Path) -> None:
    text = "\n".join(f"[datasets.{kind}]\nenabled = false" for kind in Kind)
    with pytest.raises(ConfigError, match="every dataset is disabled"):
        datasets(settings_from(toml(empty_folder, text)))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "s3://market-data/_etl_daemon/lease/etl-daemon.json"),
        ({"ETL_DAEMON_NAME": "prices"}, "s3://market-data/_etl_daemon/lease/prices.json"),
        ({"ETL_SOURCE": "local", "ETL_STATE_DIR": "/var/lib/etl"}, "/var/lib/etl/lease/etl-daemon.json"),
        ({"ETL_LEASE_URL": "None"}, "none"),
        ({"ETL_LEASE_URL": "s3://locks/etl/a.json"}, "s3://locks/etl/a.json"),
        ({"ETL_LEASE_URL": "file:///mnt/shared/a.json"}, "/mnt/shared/a.json"),
        ({"ETL_LEASE_URL": "shared/a.json"}, "shared/a.json"),
    ],
)
def test_where_the_lease_lies(given, url):
    assert lease_url(settings_from({"S3_BUCKET": "market-data", **given})) == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ETL_LEASE_URL", "s3://locks"),
        ("ETL_LEASE_URL", "s3://locks/folder/"),
        ("ETL_LEASE_URL", "http://locks/a.json"),
        ("ETL_LEASE_URL", "file://relative.json"),
        ("ETL_LEASE_URL", "/tmp"),
        ("ETL_DAEMON_NAME", "../x"),
        ("ETL_DAEMON_NAME", "a b"),
        ("ETL_LEASE_SECONDS", "0.5"),
    ],
)
def test_a_lease_that_cannot_be(name, value):
    with pytest.raises(ConfigError, match=name):
        settings_from({name: value})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("etl-events", "must be the queue's URL"),
        ("https://sqs.eu-west-1.amazonaws.com", "must be the queue's URL"),
        ("https://sqs.eu-west-1.amazonaws.com/1/q.fifo", "FIFO"),
    ],
)
def test_a_queue_is_named_by_its_url(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"ETL_EVENTS_QUEUE_URL.*{said}"):
        settings_from({"S3_BUCKET": "b", "ETL_EVENTS_QUEUE_URL": url})


def test_a_queue_needs_a_bucket_and_a_dead_letter_queue_a_queue() -> None:
    url = "https://sqs.eu-west-1.amazonaws.com/1/q"
    with pytest.raises(ConfigError, match="ETL_SOURCE is s3 only"):
        settings_from({"ETL_SOURCE": "local", "ETL_LOCAL_DIR": "/", "ETL_EVENTS_QUEUE_URL": url})
    with pytest.raises(ConfigError, match="beside ETL_EVENTS_QUEUE_URL only"):
        settings_from({"S3_BUCKET": "b", "ETL_EVENTS_DLQ_URL": url})
