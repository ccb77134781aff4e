"""Where things lie or go: each function returns the place in its normal form or says what is allowed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from etl_daemon.config.paths import is_folder


def lease_url(value: str) -> str:
    """Nothing, ``none``, an object, or a file as a path; ``file://`` is taken off."""
    if value.lower() in {"", "none"}:
        return value.lower()
    if value.startswith("s3://"):
        if not re.fullmatch(r"s3://[^/]+/.*[^/]", value):
            raise ValueError("must be s3://BUCKET/KEY")
        return value
    path = value.removeprefix("file://")
    if "://" in path or (path != value and not path.startswith("/")):
        raise ValueError("must be s3://BUCKET/KEY, file:///PATH, a path, or none")
    if path.endswith("/") or is_folder(Path(path)):
        raise ValueError("is a folder")
    return path


def lineage_url(value: str) -> str:
    """Nothing, ``console``, a URL, or a file as a path; ``file://`` is taken off."""
    if value.lower() in {"", "console"}:
        return value.lower()
    if re.match(r"https?://", value):
        if not re.match(r"https?://[^/?#]", value):
            raise ValueError("names no host")
        return value
    path = value.removeprefix("file://")
    if "://" in path or (path != value and not path.startswith("/")):
        raise ValueError("must be http(s)://HOST, file:///PATH, a path, or console")
    return str(log_file(Path(path)))


def log_file(value: Path) -> Path:
    """A file that is there or can be made."""
    if is_folder(value):
        raise ValueError("is a folder")
    if not is_folder(value.parent):
        raise ValueError("is in a folder that is not there")
    return value


def queue_url(value: str) -> str:
    """The address of a queue, as SQS gives it."""
    if not re.fullmatch(r"https?://[^/\s@]+/\S+", value):
        raise ValueError("must be the queue's URL, such as https://sqs.eu-west-1.amazonaws.com/123456789012/etl-events")
    if value.endswith(".fifo"):
        raise ValueError("is a FIFO queue, to which S3 sends nothing")
    return value


LeaseUrl = Annotated[str, AfterValidator(lease_url)]
LineageUrl = Annotated[str, AfterValidator(lineage_url)]
LogFile = Annotated[Path, AfterValidator(log_file)]
QueueUrl = Annotated[str, AfterValidator(queue_url)]
