"""Settings that file and environment leave open come from systemd, SSM and Secrets Manager; then all is checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from etl_daemon.api import DataTransformer
from etl_daemon.config import Settings
from etl_daemon.config import settings_from as unfilled
from etl_daemon.errors import ConfigError, SetupError, TransientError
from etl_daemon.vault import load_settings, settings_from
from tests.support.aws import answering, put_parameters, put_secret
from tests.support.s3_servers import moto_server

SNOWFLAKE = {"ETL_DESTINATION": "snowflake", "S3_BUCKET": "b"}
PLANTED = "Plant+ed!9f3"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(autouse=True)
def at_moto(moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def path(moto: str) -> str:
    """Below it is what a login takes."""
    path = f"/prod/{uuid4().hex}"
    put_parameters(moto, path, {"account": "org-acc", "username": "loader", "password": PLANTED})
    return path


def loaded(**env: str) -> Settings:
    return load_settings({**SNOWFLAKE, **env})


def test_parameters_below_the_path_fill_what_is_open(moto: str, path: str) -> None:
    put_parameters(moto, path, {"SNOWFLAKE_ROLE": "LOADER", "nonsense": "1", "private-key/more": "2"})
    made = loaded(SNOWFLAKE_SSM_PATH=path)
    assert (made.snowflake_account, made.snowflake_username, made.snowflake_role) == ("org-acc", "loader", "LOADER")
    assert made.snowflake_password == PLANTED
    (stored,) = made.stored
    names = ("SNOWFLAKE_ACCOUNT", "SNOWFLAKE_PASSWORD", "SNOWFLAKE_ROLE", "SNOWFLAKE_USERNAME")
    assert (stored.taken, stored.ignored) == (names, ("nonsense", "private_key_more"))


def test_environment_wins_over_file_and_file_over_systemd_and_that_over_aws(
    moto: str, path: str, tmp_path: Path
) -> None:
    secret = uuid4().hex
    put_secret(moto, secret, json.dumps(dict.fromkeys(["account", "user", "role", "warehouse", "host"], "manager")))
    put_parameters(moto, path, {"role": "ssm", "host": "ssm"})
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for name in ("snowflake_host", "snowflake_password", "s3_region", "log_level", "unrelated"):
        (credentials / name).write_text("INFO\n" if name == "log_level" else "systemd\n")
    (tmp_path / "etl-config.env").write_text("SNOWFLAKE_PASSWORD=file\nS3_REGION=file\n")
    made = loaded(
        SNOWFLAKE_SSM_PATH=path,
        SNOWFLAKE_SECRET_ID=secret,
        CREDENTIALS_DIRECTORY=str(credentials),
        S3_REGION="environment",
    )
    found = {name: getattr(made, f"snowflake_{name}") for name in ("password", "host", "role", "warehouse", "username")}
    assert found == {
        "password": "file",
        "host": "systemd",
        "role": "ssm",
        "warehouse": "manager",
        "username": "loader",
    }
    assert made.s3_region == "environment"
    assert [each.setting for each in made.stored] == ["", "SNOWFLAKE_SSM_PATH", "SNOWFLAKE_SECRET_ID"]


def test_a_mapping_may_name_a_store_too(path: str) -> None:
    assert settings_from({**SNOWFLAKE, "SNOWFLAKE_SSM_PATH": path}).snowflake_password == PLANTED


def test_what_needs_no_login_asks_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    given = {**SNOWFLAKE, "SNOWFLAKE_SSM_PATH": "/prod/x"}
    assert unfilled(given).snowflake_password is None
    assert DataTransformer(given).quarantined is not None
    assert load_settings({"S3_BUCKET": "b", "SNOWFLAKE_SSM_PATH": "/prod/x"}).stored == ()


def test_what_the_store_lacks_is_named_with_the_path_and_all_other_problems(moto: str) -> None:
    path = f"/prod/{uuid4().hex}"
    put_parameters(moto, path, {"password": PLANTED, "pasword": "1"})
    with pytest.raises(ConfigError) as caught:
        loaded(SNOWFLAKE_SSM_PATH=path, ETL_BATCH_SIZE="0")
    assert caught.value.exit_code == 78
    said = str(caught.value)
    for part in ("SNOWFLAKE_ACCOUNT: must", "SNOWFLAKE_USERNAME: must", "ETL_BATCH_SIZE='0'"):
        assert part in said
    assert f"SNOWFLAKE_SSM_PATH: ssm:{path} has SNOWFLAKE_PASSWORD (and pasword, which mean no setting)." in said
    assert PLANTED not in said


def test_a_path_without_parameters_and_a_secret_that_is_not_there_are_settings_that_are_wrong() -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(SNOWFLAKE_SSM_PATH="/nothing/here", SNOWFLAKE_SECRET_ID="nothing/here")
    said = str(caught.value)
    assert "SNOWFLAKE_SSM_PATH=/nothing/here: SSM /nothing/here: there is no such parameter" in said
    assert "aws ssm put-parameter" in said
    assert "SNOWFLAKE_SECRET_ID=nothing/here" in said


def test_a_value_from_a_store_is_checked_like_any_other(moto: str, path: str) -> None:
    put_parameters(moto, path, {"port": "many", "token": ""[:0] or "x"})
    with pytest.raises(ConfigError, match=r"SNOWFLAKE_PORT='many' \(ssm:/prod/") as caught:
        loaded(SNOWFLAKE_SSM_PATH=path)
    assert PLANTED not in str(caught.value)


def test_a_store_that_does_not_answer_is_no_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(503, "ServiceUnavailable") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(TransientError) as caught:
            loaded(SNOWFLAKE_SSM_PATH="/prod/x")
    assert caught.value.exit_code == 1


def test_access_that_is_denied_is_told_with_the_grant(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(400, "AccessDeniedException") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(SetupError) as caught:
            loaded(SNOWFLAKE_SSM_PATH="/prod/x")
    assert (caught.value.exit_code, "grant ssm:GetParametersByPath" in caught.value.hint) == (1, True)


def test_settings_show_no_secret(path: str) -> None:
    made = loaded(SNOWFLAKE_SSM_PATH=path)
    assert PLANTED not in f"{made!r} {made} {made.redacted()} {made.stored}"
    assert "snowflake_password='********'" in repr(made)
    assert f"snowflake_ssm_path='{path}'" in repr(made)
