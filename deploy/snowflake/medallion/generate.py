"""Makes the SQL scripts in this folder from ``datasets.toml``: ``make medallion``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pyarrow as pa

from etl_daemon.config import settings_from
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from etl_daemon.core.medallion.refinement import Refinement
from etl_daemon.core.medallion.silver import ORIGIN, Silver
from etl_daemon.core.sql.dialect import SNOWFLAKE
from etl_daemon.core.sql.silver import SilverSql, folded

FOLDER = Path(__file__).resolve().parent
DATASETS = FOLDER / "datasets.toml"
PROCEDURE = FOLDER / "procedure.js"

FORMATS = {"customers": "CSV", "prices": "JSON"}
"""What the files of each dataset are: all that Snowflake has to be told beside ``datasets.toml``."""

METADATA = {
    "SOURCE_FILE_NAME": "METADATA$FILENAME",
    "SOURCE_FILE_ROW_NUMBER": "METADATA$FILE_ROW_NUMBER",
    "SOURCE_FILE_LAST_MODIFIED": "METADATA$FILE_LAST_MODIFIED",
    "INSERT_DTS": "METADATA$START_SCAN_TIME",
}
"""Columns of bronze beside those of the files, and what COPY knows of them."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One dataset on its way from the bucket to gold."""

    dataset: Dataset
    refinement: Refinement

    @property
    def subject(self) -> str:
        """What its rows are: the name of silver."""
        return self.refinement.table.rpartition(".")[2]

    @property
    def schema(self) -> str:
        """Where everything is that works for it."""
        return self.dataset.table.rpartition(".")[0]

    @property
    def stage(self) -> str:
        """The external stage."""
        return f"{self.schema}.SOURCE_DATA_{self.subject}_STAGE"

    @property
    def file_format(self) -> str:
        """How its files are read."""
        return f"{self.schema}.ETL_DAEMON_{FORMATS[self.dataset.name]}"

    def step(self, kind: str) -> str:
        """The name of its pipe, stream, procedure or task."""
        return f"{self.schema}.WORK_{self.subject}_SRC_TO_SL_{kind}"

    @property
    def sql(self) -> SilverSql:
        """The statements that the daemon has, too."""
        columns = pa.schema(list(self.dataset.types.items()))
        instants = [self.dataset.instant] if self.dataset.instant else []
        silver = Silver(
            self.dataset.table,
            self.refinement.table,
            self.refinement.view,
            self.refinement.key,
            columns,
            (*instants, "SOURCE_FILE_LAST_MODIFIED", "SOURCE_FILE_NAME", "SOURCE_FILE_ROW_NUMBER"),
            {name: name for name in ORIGIN.names},
            self.refinement.tidy,
        )
        return SilverSql(silver, f"{self.schema}.WORK_{self.subject}_XFM", SNOWFLAKE)

    def bronze(self) -> str:
        """The copy table."""
        own = {name: SNOWFLAKE.column_type(type_) for name, type_ in self.dataset.types.items()}
        beside = {field.name: SNOWFLAKE.column_type(field.type) for field in ORIGIN} | {"INSERT_DTS": "TIMESTAMP_LTZ"}
        listed = ",\n".join(f'    "{name}" {type_}' for name, type_ in (own | beside).items())
        return f"CREATE TABLE IF NOT EXISTS {self.dataset.table} (\n{listed}\n)"

    def stream(self) -> str:
        """What has come in since the last merge."""
        return (
            f"CREATE STREAM IF NOT EXISTS {self.step('STREAM')}\n"
            f"    ON TABLE {self.dataset.table}\n    APPEND_ONLY = TRUE\n    SHOW_INITIAL_ROWS = TRUE"
        )

    def staged(self) -> str:
        """The external stage below the dataset's prefix."""
        return (
            f"CREATE STAGE IF NOT EXISTS {self.stage}\n    URL = 's3://my-market-data/{self.dataset.prefix}/'\n"
            f"    STORAGE_INTEGRATION = ETL_DAEMON_S3\n    FILE_FORMAT = (FORMAT_NAME = '{self.file_format}')"
        )

    def copy(self) -> str:
        """From the stage to bronze; a file that does not fit is left out as a whole, and told of."""
        is_csv = FORMATS[self.dataset.name] == "CSV"
        values = [f"$1:{name.lower()}" if not is_csv else f"${n}" for n, name in enumerate(self.dataset.types, 1)]
        casts = [f"{v}::{SNOWFLAKE.column_type(t)}" for v, t in zip(values, self.dataset.types.values(), strict=True)]
        names, read = folded([f'"{name}"' for name in (*self.dataset.types, *METADATA)], 4), values if is_csv else casts
        return (
            f"COPY INTO {self.dataset.table} (\n    {names}\n)\nFROM (\n    SELECT {folded(read, 11)},\n"
            f"           {', '.join(METADATA.values())}\n    FROM @{self.stage}\n)\n"
            f"FILE_FORMAT = (FORMAT_NAME = '{self.file_format}')\nON_ERROR = SKIP_FILE"
        )

    def pipe(self) -> str:
        """COPY, run by Snowflake for each file that S3 tells of."""
        return (
            f"CREATE PIPE IF NOT EXISTS {self.step('PIPE')}\n    AUTO_INGEST = TRUE\n"
            f"    ERROR_INTEGRATION = ETL_DAEMON_ERRORS\nAS\n{self.copy()}"
        )

    def procedure(self) -> str:
        """From the stream to silver, in one transaction."""
        sql, news = self.sql, f"SELECT * FROM {self.step('STREAM')}"
        texts = {
            "shelf": sql.shelf(),
            "unkeyed": sql.unkeyed(news),
            "refining": sql.refining(news),
            "merge": sql.merge(),
        }
        for text in texts.values():
            if set(text) & set("`\\") or "${" in text or "$$" in text:
                raise ValueError(f"A text that JavaScript or the procedure's quotes would take apart: {text}")
        body = Marked(PROCEDURE.read_text("utf-8")).substitute(texts, process=self.step("SP").rpartition(".")[2])
        return (
            f"CREATE OR REPLACE PROCEDURE {self.step('SP')}()\nRETURNS VARIANT\nLANGUAGE JAVASCRIPT\n"
            f"COMMENT = 'etl_daemon: what is new in {self.dataset.table} into {self.refinement.table}'\n"
            f"EXECUTE AS OWNER\nAS\n$$\n{body}$$"
        )

    def task(self) -> str:
        """The procedure every night, if there is anything to do. A task that runs cannot be altered."""
        name = self.step("TASK")
        create = (
            f"CREATE OR ALTER TASK {name}\n    WAREHOUSE = ETL_DAEMON_WH\n    SCHEDULE = 'USING CRON 15 2 * * * UTC'\n"
            f"    ERROR_INTEGRATION = ETL_DAEMON_ERRORS\n    WHEN SYSTEM$$STREAM_HAS_DATA('{self.step('STREAM')}')\n"
            f"    AS CALL {self.step('SP')}()"
        ).replace("$$", "$")
        return f"ALTER TASK IF EXISTS {name} SUSPEND;\n\n{create};\n\nALTER TASK {name} RESUME"


class Marked(Template):
    """The procedure with places for SQL, which look like ``@merge@``: JavaScript has uses of its own for ``$``."""

    pattern = r"@(?:(?P<named>[a-z]+)@|(?P<escaped>@)|(?P<braced>(?!))|(?P<invalid>(?!)))"  # type: ignore[assignment]


def flows() -> list[Flow]:
    """What ``datasets.toml`` describes."""
    settings = settings_from({"ETL_SOURCE": "local", "ETL_LOCAL_DIR": ".", "ETL_DATASETS_FILE": str(DATASETS)})
    return [Flow(each, each.silver) for each in configure.datasets(settings) if each.silver]


def scripts() -> Iterator[tuple[Path, str]]:
    """The scripts that are made, each with its text: its header as it stands, and what follows from the description."""
    found = flows()
    made: Mapping[str, list[str]] = {
        "06_stages.sql": [each.staged() for each in found],
        "07_bronze.sql": [each.bronze() for each in found],
        "08_streams.sql": [each.stream() for each in found],
        "09_pipes.sql": [each.pipe() for each in found],
        "10_silver.sql": [each.sql.table() for each in found],
        "11_procedures.sql": [each.procedure() for each in found],
        "12_gold.sql": [each.sql.view() for each in found],
        "13_tasks.sql": [each.task() for each in found],
    }
    for name, statements in made.items():
        header = (FOLDER / name).read_text("utf-8").partition("\nCREATE ")[0].partition("\nALTER ")[0]
        yield FOLDER / name, "\n".join([header.rstrip() + "\n", *(f"{each};\n" for each in statements)])


if __name__ == "__main__":
    for path, text in scripts():
        path.write_text(text, "utf-8")
