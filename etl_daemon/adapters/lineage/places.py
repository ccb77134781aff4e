"""How the datasets of lineage are called: by the names that other tools give the same things."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from etl_daemon.core.model import ObjectRef
from etl_daemon.core.sql.dialect import Dialect

Name = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Places:
    """``namespace`` is that of the jobs; ``folder`` stands for the bucket where the source is local.

    ``destination`` is the namespace of the tables, ``anomalies`` the table of detected anomalies.
    """

    namespace: str
    destination: str
    dialect: Dialect
    anomalies: str
    folder: Path | None = None

    def of_object(self, ref: ObjectRef) -> Name:
        """A version is no part of the name: it is in a facet."""
        return self.under(ref.bucket, ref.key)

    def under(self, bucket: str, key: str) -> Name:
        """What lies there in the source."""
        return ("file", str(self.folder / key)) if self.folder else (f"s3://{bucket}", key)
