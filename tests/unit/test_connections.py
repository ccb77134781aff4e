"""Connections of the datasets file and of the settings, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl_daemon.config import settings_from
from etl_daemon.config.connections import Connection
from etl_daemon.errors import ConfigError
from etl_daemon.vault.vault import connections


def settings(folder: Path, text: str, **more: object) -> dict[str, object]:
    file = folder / "datasets.toml"
    file.write_text(text)
    return {"S3_BUCKET": "b", "ETL_DATASETS_FILE": str(file), **more}


def test_tables_name_a_store_and_what_is_no_secret(tmp_path: Path) -> None:
    text = """
    [connections.affiliate]
    ssm = "/prod/affiliate/"
    host = "db.internal"
    port = 5432
    tls = true
    [connections.feed]
    secretsmanager = "prod/feed"
    [connections.plain]
    host = "db"
    """
    assert connections(settings_from(settings(tmp_path, text))) == {
        "AFFILIATE": Connection("ssm:/prod/affiliate", {"host": "db.internal", "port": "5432", "tls": "true"}),
        "FEED": Connection("secretsmanager:prod/feed"),
        "PLAIN": Connection("", {"host": "db"}),
    }


def test_a_setting_leads_to_another_path_for_one_run(tmp_path: Path) -> None:
    given = settings(
        tmp_path,
        '[connections.affiliate]\nssm = "/prod/affiliate"\nhost = "db"',
        AFFILIATE_SSM_PATH="/test/affiliate",
        PROGRAM360_SSM_PATH="/test/p360",
        OPS_SSM_PATH="/test/ops",
        SNOWFLAKE_SSM_PATH="/test/snowflake",
    )
    assert connections(settings_from(given)) == {
        "AFFILIATE": Connection("ssm:/test/affiliate", {"host": "db"}),
        "PROGRAM360": Connection("ssm:/test/p360"),
        "OPS": Connection("ssm:/test/ops"),
        "SNOWFLAKE": Connection("ssm:/test/snowflake"),
    }
    assert connections(settings_from({"SNOWFLAKE_SECRET_ID": "prod/sf"}))["SNOWFLAKE"].secret == (
        "secretsmanager:prod/sf"
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('ssm = "prod"', "must be a path such as /prod/snowflake"),
        ('ssm = "/a"\nsecretsmanager = "b"', "only one of them"),
        ('password = "p4ss"', "has no place in this file"),
        ('url = "postgresql://u:p4ss@db/x"', "has no place in this file"),
        ('smm = ["/a"]', "did you mean ssm?"),
        ('env = "NO-NAME"', "must be letters, digits and _"),
        ('secretsmanager = "arn:aws:s3:::x"', "must be the name of a secret or its ARN"),
    ],
)
def test_what_is_wrong_is_said_with_the_table(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"\[connections\.x\]") as caught:
        settings_from(settings(tmp_path, f"[connections.x]\n{table}"))
    assert said in str(caught.value)
    assert "p4ss" not in str(caught.value)


def test_names_are_one_each_in_any_case(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="should be one table"):
        settings_from(settings(tmp_path, '[connections.x]\nhost="a"\n[connections.X]\nhost="b"'))
    with pytest.raises(ConfigError, match=r"should be tables \[connections.NAME\]"):
        settings_from(settings(tmp_path, "connections = 1"))


@pytest.mark.parametrize("value", ["prod", "/", "/a//b", "/a b", "ssm:/a"])
def test_a_path_that_can_be_none(value: str) -> None:
    with pytest.raises(ConfigError, match="AFFILIATE_SSM_PATH"):
        settings_from({"AFFILIATE_SSM_PATH": value})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("Environment", "NAME=VALUE"),
        (":a=b", "NAME=VALUE"),
        ("a=", "NAME=VALUE"),
        ("Größe=1", "ASCII"),
        ("Table=x", "neither Dataset nor Table"),
        ("a=1,a=2", "once"),
        (",".join(f"n{i}=1" for i in range(29)), "28"),
    ],
)
def test_dimensions_that_cloudwatch_would_refuse(value: str, said: str) -> None:
    with pytest.raises(ConfigError, match="CLOUDWATCH_DIMENSIONS") as caught:
        settings_from({"CLOUDWATCH_DIMENSIONS": value})
    assert said in str(caught.value)


def test_dimensions_and_namespaces_that_it_takes() -> None:
    made = settings_from({"CLOUDWATCH_DIMENSIONS": "Environment=prod, Team=a=b ", "CLOUDWATCH_NAMESPACE": "Etl/Prod"})
    assert (made.cloudwatch_dimensions, made.cloudwatch_namespace) == ("Environment=prod,Team=a=b", "Etl/Prod")
    with pytest.raises(ConfigError, match="not beginning with AWS/"):
        settings_from({"CLOUDWATCH_NAMESPACE": "AWS/S3"})
