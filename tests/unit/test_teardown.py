"""What is dropped in Snowflake, and in which order."""

from __future__ import annotations

from etl_daemon.core.teardown import ACCOUNT, BILLED, BUCKET, DATABASE, OURS, drops


def test_the_user_goes_first_and_then_the_database():
    (user, database, *others) = drops(DATABASE)

    assert user == ("USER", "ETL_DAEMON", "DROP USER IF EXISTS ETL_DAEMON")
    assert database == ("DATABASE", DATABASE, f"DROP DATABASE IF EXISTS {DATABASE} CASCADE")
    assert [(kind, name) for kind, name, _ in others] == list(ACCOUNT[1:])
    assert all(statement == f"DROP {kind} IF EXISTS {name}" for kind, name, statement in others)


def test_of_another_database_nothing_in_the_account_goes():
    assert drops("OTHER") == (("DATABASE", "OTHER", "DROP DATABASE IF EXISTS OTHER CASCADE"),)


def test_what_costs_money_is_named():
    assert set(BILLED) == {BUCKET, "AWS::SQS::Queue", "AWS::KMS::Key"}
    assert OURS.endswith(":")
