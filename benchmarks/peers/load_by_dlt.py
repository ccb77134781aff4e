"""dlt from JSON lines into DuckDB: `load_by_dlt.py arrow|jsonl URL FOLDER THREADS`; nothing is checked or kept apart.

``jsonl`` is its own reader, as its documents begin. ``arrow`` is the quickest that it has: tables parsed by pyarrow,
many small files to a table, handed on as Parquet without normalizing.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.json
from dlt.sources.filesystem import filesystem, read_jsonl

PAGE_FILES = 100
PAGE_BYTES = 2**26


@dlt.transformer(max_table_nesting=0)
def read_arrow(files: list[Any]) -> Iterator[pa.Table]:
    """Tables of up to ``PAGE_BYTES`` of lines."""
    bodies: list[bytes] = []
    for file in files:
        bodies.append(file.read_bytes())
        if sum(map(len, bodies)) >= PAGE_BYTES:
            yield _table(bodies)
            bodies = []
    if bodies:
        yield _table(bodies)


def _table(bodies: list[bytes]) -> pa.Table:
    options = pyarrow.json.ReadOptions(use_threads=True, block_size=2**24)
    return pyarrow.json.read_json(io.BytesIO(b"".join(bodies)), read_options=options)


def main(way: str, url: str, folder: str, threads: str) -> None:
    os.environ.update(
        {
            "EXTRACT__WORKERS": threads,
            "NORMALIZE__WORKERS": threads if way == "jsonl" else "1",
            "LOAD__WORKERS": threads,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "RUNTIME__LOG_LEVEL": "ERROR",
        }
    )
    files = filesystem(bucket_url=url, file_glob="**/*.json", files_per_page=PAGE_FILES)
    rows = files | (read_arrow if way == "arrow" else read_jsonl)
    target = dlt.destinations.duckdb(f"{folder}/dlt.duckdb")
    pipeline = dlt.pipeline(
        pipeline_name="bench", pipelines_dir=f"{folder}/state", destination=target, dataset_name="prices"
    )
    form = {"loader_file_format": "parquet"} if way == "arrow" else {}
    pipeline.run(rows.with_name("prices"), write_disposition="append", **form)


if __name__ == "__main__":
    main(*sys.argv[1:])
