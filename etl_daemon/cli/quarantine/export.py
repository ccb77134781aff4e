"""``etl-daemon quarantine export``: rejected rows as a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import typer
from pyarrow import csv, parquet

from etl_daemon.cli.files import whole
from etl_daemon.cli.options.operate import ExportOptions
from etl_daemon.cli.printing import emit, say
from etl_daemon.cli.selecting import reviewing, selection
from etl_daemon.core.datasets import TEXT
from etl_daemon.core.review import QuarantinedRow

AT = pa.timestamp("us", "UTC")
SCHEMA = pa.schema(
    [
        *((name, TEXT) for name in ("id", "dataset", "key", "version")),
        ("row", pa.int64()),
        *((name, TEXT) for name in ("reasons", "raw")),
        *((name, AT) for name in ("quarantined_at", "replayed_at", "discarded_at")),
    ]
)


class _Lines:
    """A JSON record per line."""

    def __init__(self, file: BinaryIO, _schema: pa.Schema) -> None:
        self._file = file

    def write_table(self, rows: pa.Table) -> None:
        for row in rows.to_pylist():
            self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """The file is closed by who opened it."""


WRITERS: dict[str, Callable[[BinaryIO, pa.Schema], Any]] = {
    ".parquet": parquet.ParquetWriter,
    ".csv": csv.CSVWriter,
    ".ndjson": _Lines,
}


def export(options: ExportOptions) -> None:
    """Write the selected rows, page by page; the file is there when it is whole.

    Raises:
        typer.BadParameter: the file's ending names no format.
        EtlError: settings are wrong, or the destination or the file cannot be opened.
    """
    out = options.out
    if out.suffix.lower() not in WRITERS:
        raise typer.BadParameter(f"{out} should end in {', '.join(WRITERS)}.", param_hint="OUT")
    with reviewing() as runtime:
        selected = selection(options, [each.name for each in runtime.datasets], options.state)
        with whole(out) as part:
            rows = _write(part, out.suffix.lower(), runtime.review.pages(selected))
    if options.json:
        return emit({"file": str(out), "rows": rows})
    return say(f"{rows:,} rows are in {out}.")


def _write(path: Path, suffix: str, pages: Any) -> int:
    count = 0
    with path.open("wb") as file:
        writer = WRITERS[suffix](file, SCHEMA)
        try:
            for page in pages:
                writer.write_table(pa.Table.from_pylist([_record(row) for row in page], SCHEMA))
                count += len(page)
        finally:
            writer.close()
    return count


def _record(row: QuarantinedRow) -> dict[str, Any]:
    return {**asdict(row), "reasons": ",".join(row.reasons)}
