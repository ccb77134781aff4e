"""What a job tells Glue of itself, on standard output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Job:
    """Glue's bookmarks would be kept by ``commit``."""

    def __init__(self, glue_context: Any) -> None:
        self._session = glue_context.spark_session
        self._name = ""

    def init(self, job_name: str, args: Mapping[str, str]) -> None:
        assert args["JOB_NAME"] == job_name
        self._name = job_name
        print(f"job {job_name} began", flush=True)

    def commit(self) -> None:
        assert self._name, "init comes first"
        assert self._session.range(1).count() == 1, "the session of Spark is still there"
        print(f"job {self._name} committed", flush=True)
