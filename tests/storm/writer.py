"""Who writes objects, past all faults, and keeps the manifest of what was written."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.storm.script import Delivery
from tests.support.s3_servers import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DATED_SECONDS = 2.0
"""Stores date to the second."""


@dataclass
class Writer:
    """Puts objects into a bucket of the store at ``url``."""

    url: str
    bucket: str
    manifest: Path
    counts: Counter[str] = field(default_factory=Counter)
    _written: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._client: S3Client = s3_client(self.url)
        self._client.create_bucket(Bucket=self.bucket)

    def write(self, delivery: Delivery) -> None:
        """Put it, and note it as the store lists it, which dates it; two versions of a key never alike."""
        time.sleep(max(0.0, self._written.get(delivery.key, 0.0) + DATED_SECONDS - time.monotonic()))
        self._client.put_object(Bucket=self.bucket, Key=delivery.key, Body=delivery.body)
        listed = self._client.list_objects_v2(Bucket=self.bucket, Prefix=delivery.key)["Contents"][0]
        entry = {
            "dataset": delivery.dataset,
            "key": delivery.key,
            "etag": listed["ETag"].strip('"'),
            "modified": listed["LastModified"].replace(tzinfo=None).isoformat(),
            "refused": delivery.refused,
            "lines": delivery.lines,
        }
        with self.manifest.open("a", encoding="utf-8") as manifest:
            manifest.write(json.dumps(entry) + "\n")
        self.counts[delivery.kind] += 1
        self._written[delivery.key] = time.monotonic()
