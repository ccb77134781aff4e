"""What is taken away at the end, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

OURS = "etl_daemon:"
"""How the descriptions of our stacks begin: a stack that only has a name like ours is left alone."""

BUCKET = "AWS::S3::Bucket"

BILLED = {
    BUCKET: "bucket, with all objects and versions",
    "AWS::SQS::Queue": "queue",
    "AWS::KMS::Key": "key, after seven days",
}
"""What our stacks leave behind when they are deleted, by type, and costs money."""

ACCOUNT: tuple[tuple[str, str], ...] = (
    ("USER", "ETL_DAEMON"),
    ("NETWORK POLICY", "ETL_DAEMON_ADDRESSES"),
    ("INTEGRATION", "ETL_DAEMON_ERRORS"),
    ("INTEGRATION", "ETL_DAEMON_S3"),
    ("WAREHOUSE", "ETL_DAEMON_WH"),
    ("RESOURCE MONITOR", "ETL_DAEMON_CREDITS"),
    ("ROLE", "ETL_DAEMON_MODELER"),
    ("ROLE", "ETL_DAEMON_LOADER"),
    ("ROLE", "ETL_DAEMON_READER"),
)
"""What ``deploy/snowflake`` makes in the account beside the database."""

DATABASE = "FINANCIAL_DATA"
"""The database that it makes. Others in the account may be another target's, which goes on with the rest."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that a stack made and that may outlive it."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack of ours: ``gone`` if it is deleted already, with what it left behind."""

    name: str
    id: str
    gone: bool
    resources: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to take away: ``act`` does it, and says how that went; again, it passes over what is gone."""

    name: str
    what: str
    act: Callable[[], str]


def drops(database: str) -> Sequence[tuple[str, str, str]]:
    """What is dropped in Snowflake: (kind, name, statement), in order.

    The user goes before the policy that it is held to. With the database go its pipes and tasks, which work on; what
    is in the account beside it goes with the database of the scripts only.
    """
    dropped = ("DATABASE", database, f"DROP DATABASE IF EXISTS {database} CASCADE")
    if database != DATABASE:
        return (dropped,)
    user, *others = [(kind, name, f"DROP {kind} IF EXISTS {name}") for kind, name in ACCOUNT]
    return (user, dropped, *others)
