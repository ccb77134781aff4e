"""Which way to log in the settings choose, what they lack, and that none of their secrets is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl_daemon.adapters.snowflake.login import connect_arguments, method_of, query_tag
from etl_daemon.config import load_settings, settings_from, shown
from etl_daemon.config.authentication import Method, choose
from etl_daemon.errors import ConfigError

ACCOUNT = {"ETL_DESTINATION": "snowflake", "SNOWFLAKE_ACCOUNT": "org-account"}
USER = {"SNOWFLAKE_USERNAME": "loader"}
CLIENT = {
    "SNOWFLAKE_OAUTH_CLIENT_ID": "id",
    "SNOWFLAKE_OAUTH_CLIENT_SECRET": "s3cret",
    "SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL": "https://idp/token",
}


def problems(**values: object) -> str:
    with pytest.raises(ConfigError) as caught:
        settings_from({**ACCOUNT, **values})
    assert caught.value.exit_code == 78
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "method"),
    [
        ({"SNOWFLAKE_PRIVATE_KEY": "pem", **USER}, Method.KEY_PAIR),
        ({"SNOWFLAKE_PRIVATE_KEY_PATH": "key", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "x", **USER}, Method.KEY_PAIR),
        ({"SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "aws"}, Method.WORKLOAD_IDENTITY),
        ({"SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "oidc", "SNOWFLAKE_TOKEN": "t"}, Method.WORKLOAD_IDENTITY),
        ({"SNOWFLAKE_TOKEN": "t", **USER}, Method.ACCESS_TOKEN),
        ({"SNOWFLAKE_TOKEN_FILE_PATH": "f", **USER}, Method.ACCESS_TOKEN),
        ({"SNOWFLAKE_TOKEN": "t", "SNOWFLAKE_AUTHENTICATOR": "OAuth"}, Method.OAUTH_TOKEN),
        (CLIENT, Method.CLIENT_CREDENTIALS),
        ({"SNOWFLAKE_PASSWORD": "p", **USER}, Method.PASSWORD),
        (
            {"SNOWFLAKE_PASSWORD": "p", "SNOWFLAKE_TOKEN": "t", "SNOWFLAKE_AUTHENTICATOR": "snowflake", **USER},
            "snowflake",
        ),
    ],
)
def test_what_is_set_chooses_the_method(given: dict[str, object], method: Method) -> None:
    choice = choose(given)
    assert (choice.method, choice.problems) == (method, ())


def test_every_missing_setting_is_told_at_once() -> None:
    said = problems(SNOWFLAKE_ACCOUNT=None, SNOWFLAKE_AUTHENTICATOR="snowflake_jwt")
    assert "3 settings are wrong" in said
    for name in ("SNOWFLAKE_ACCOUNT", "SNOWFLAKE_USERNAME", "SNOWFLAKE_PRIVATE_KEY_PATH or SNOWFLAKE_PRIVATE_KEY"):
        assert f"{name}: must be set" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing says how to log in"),
        ({"SNOWFLAKE_PASSWORD": "p"}, "SNOWFLAKE_USERNAME: must be set to log in by snowflake"),
        ({"SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "p", **USER}, "SNOWFLAKE_PRIVATE_KEY: must be set to log in"),
        ({"SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "OIDC"}, "SNOWFLAKE_TOKEN: must be set to log in by workload"),
        ({"SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "ibm"}, "should be 'AWS', 'AZURE', 'GCP' or 'OIDC'"),
        ({"SNOWFLAKE_OAUTH_CLIENT_ID": "i"}, "SNOWFLAKE_OAUTH_CLIENT_SECRET: must be set"),
        ({"SNOWFLAKE_OAUTH_CLIENT_ID": "i"}, "SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL: must be set"),
        (
            {"SNOWFLAKE_AUTHENTICATOR": "externalbrowser", **USER},
            "SNOWFLAKE_AUTHENTICATOR='externalbrowser': should be",
        ),
        ({"SNOWFLAKE_PASSWORD": "p", "SNOWFLAKE_PRIVATE_KEY": "k", **USER}, "Set it, for example to snowflake_jwt"),
        ({"SNOWFLAKE_TOKEN": "t", "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "AWS"}, "several ways to log in"),
        ({"SNOWFLAKE_PORT": "70000", "SNOWFLAKE_TOKEN": "t", **USER}, "SNOWFLAKE_PORT='70000'"),
    ],
)
def test_gaps_and_contradictions_are_problems(given: dict[str, object], said: str) -> None:
    assert said in problems(**given)


def test_two_keys_and_two_tokens_contradict_each_other(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    keys = problems(SNOWFLAKE_PRIVATE_KEY="k", SNOWFLAKE_PRIVATE_KEY_PATH=str(file), **USER)
    assert "SNOWFLAKE_PRIVATE_KEY_PATH and SNOWFLAKE_PRIVATE_KEY: only one" in keys
    tokens = problems(SNOWFLAKE_TOKEN="t", SNOWFLAKE_TOKEN_FILE_PATH=str(file), **USER)
    assert "SNOWFLAKE_TOKEN_FILE_PATH and SNOWFLAKE_TOKEN: only one" in tokens


def test_nothing_of_it_is_needed_for_duckdb() -> None:
    assert load_settings({}, needs_source=False).etl_destination == "duckdb"
    assert settings_from({"SNOWFLAKE_PASSWORD": "p"}).snowflake_password == "p"


def test_the_environment_is_checked_too() -> None:
    with pytest.raises(ConfigError, match="SNOWFLAKE_ACCOUNT: must be set when ETL_DESTINATION is snowflake"):
        load_settings({"ETL_DESTINATION": "snowflake"}, needs_source=False)


def test_a_session_does_not_start_on_half_the_settings() -> None:
    with pytest.raises(ConfigError, match="nothing says how to log in"):
        connect_arguments(settings_from({}))
    with pytest.raises(ConfigError, match="SNOWFLAKE_ACCOUNT"):
        method_of(settings_from({"SNOWFLAKE_TOKEN": "t", **USER}))


SECRETS = {
    "SNOWFLAKE_PASSWORD": "s3cret-1",
    "SNOWFLAKE_PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----\ns3cret-2\n-----END PRIVATE KEY-----",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "s3cret-3",
    "SNOWFLAKE_TOKEN": "s3cret-4",
    "SNOWFLAKE_OAUTH_CLIENT_SECRET": "s3cret-5",
    "SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL": "https://me:s3cret-6@idp/token",
}


def test_secrets_are_starred_and_the_rest_is_shown() -> None:
    told = settings_from({**SECRETS, "SNOWFLAKE_HOST": "h"}).redacted()
    assert "s3cret" not in str(told)
    assert set(told) >= set(SECRETS)
    assert told["SNOWFLAKE_HOST"] == "h"
    assert told["SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL"] == "https://********@idp/token"
    assert told["SNOWFLAKE_ACCOUNT"] == ""
    assert shown("SNOWFLAKE_PRIVATE_KEY_PATH", "/etc/key.p8") == "/etc/key.p8"


def test_a_key_in_the_place_of_its_path_is_not_shown() -> None:
    key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + "s3cret\n" * 100
    said = problems(SNOWFLAKE_PRIVATE_KEY_PATH=key, **USER)
    assert "is no file" in said
    assert "s3cret" not in said


def test_the_tag_of_queries_is_json() -> None:
    assert query_tag("prices", "abc").startswith('{"app": "etl_daemon", "version": "')
    assert query_tag("prices", "abc").endswith('"dataset": "prices", "batch_id": "abc"}')


def test_what_a_session_sets_and_how_long_it_waits() -> None:
    settings = settings_from({**ACCOUNT, **USER, "SNOWFLAKE_TOKEN": "t", "SNOWFLAKE_STATEMENT_TIMEOUT": 100})
    arguments = connect_arguments(settings)
    assert arguments["session_parameters"] == {
        "TRANSACTION_ABORT_ON_ERROR": True,
        "LOCK_TIMEOUT": 200,
        "STATEMENT_TIMEOUT_IN_SECONDS": 100,
        "ABORT_DETACHED_QUERY": True,
    }
    assert (arguments["autocommit"], arguments["timezone"], arguments["paramstyle"]) == (True, "UTC", "qmark")
    assert (arguments["login_timeout"], arguments["query_timeout"]) == (300, 220)
    assert "network_timeout" not in arguments  # it would cap queries
    assert None not in arguments.values()
