"""A dataset that is taken from a database, in a folder of its own, by commands that are processes of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from tests.support.command import Ended, Shell

QUIET = "".join(f"[datasets.{name}]\nenabled = false\n" for name in ("price_data", "technical_indicators", "anomalies"))


@dataclass
class Plant:
    """``more`` lines go to the dataset, ``sql`` lines beneath it; without a ``key`` rows replace the table."""

    folder: Path
    url: str
    table: str = "orders"
    format: str = "csv"
    key: str = "id"
    mode: str = ""
    types: str = "{}"
    sql: str = ""
    more: str = ""
    s3: str = ""

    def run(self, *words: object, **settings: object) -> Ended:
        """``etl-daemon extract sql`` with these words."""
        return self.shell.run("extract", "sql", *words, **settings)

    @cached_property
    def shell(self) -> Shell:
        (self.folder / "bucket").mkdir(exist_ok=True)
        mode = self.mode or ("UPSERT" if self.key else "TRUNCATE_INSERT")
        key = f'primary_key = ["{self.key}"]\n' if self.key else ""
        (self.folder / "datasets.toml").write_text(
            f'{QUIET}[datasets.orders]\ntable = "SALES.ORDERS"\nmode = "{mode}"\ntypes = {self.types}\n'
            f"{key}{self.more}\n"
            f'[datasets.orders.sql]\nurl = "{self.url}"\ntable = "{self.table}"\nformat = "{self.format}"\n{self.sql}\n'
        )
        source = {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": self.folder / "bucket"}
        remote = {"S3_BUCKET": "bucket", "AWS_ENDPOINT_URL": self.s3}
        return Shell(
            self.folder,
            {
                "ETL_DATASETS_FILE": self.folder / "datasets.toml",
                "LOG_LEVEL": "WARNING",
                **(remote if self.s3 else source),
            },
        )

    def objects(self) -> list[str]:
        """Keys of what was extracted, in order."""
        root = self.folder / "bucket"
        return sorted(str(path.relative_to(root)) for path in (root / "sql").rglob("*.*") if path.is_file())

    def rows(self, tail: str) -> list[dict[str, Any]]:
        """The rows of the table."""
        with duckdb.connect(str(self.folder / "etl.duckdb"), read_only=True) as connection:
            found = connection.execute(f"SELECT * FROM SALES.ORDERS {tail}")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def quarantine(self) -> list[tuple[str, str]]:
        """Reasons and text of rejected rows, in their order."""
        with duckdb.connect(str(self.folder / "etl.duckdb"), read_only=True) as connection:
            return connection.execute(
                "SELECT REASONS, RAW FROM ETL_CONTROL.ETL_QUARANTINE ORDER BY OBJECT_KEY, OBJECT_ROW"
            ).fetchall()
