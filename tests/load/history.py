"""The destination as the history left it: control tables with a line for each object version, and their rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb

from etl_daemon.adapters.destination.destination import SqlDestination
from etl_daemon.adapters.duckdb.session import DuckDBFile
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset
from tests.load.feed import BUCKET, HISTORY_BYTES, ORDERS_EVERY, ROWS, UNFIT_EVERY, Feed, orders

DATABASE = "FINANCIAL_DATA"
BATCH_OBJECTS = 15

_OBJECTS = """
    CREATE TEMP TABLE came AS
    SELECT *, printf('d%03d', place) AS dataset, strftime(put_at, '%Y-%m-%dT%H:%M:%S+00:00') AS written,
           printf('d%03d/', place) || strftime(put_at, '%Y/%m/%d/%H/') || printf('%09d.json', n) AS key,
           md5(n::VARCHAR) AS etag, md5(place || '-' || turn // {batch}) AS batch_id,
           CASE WHEN place % {orders} <> {orders} - 1 AND turn % {unfit} = 0 THEN 1 ELSE 0 END AS unfit
    FROM (SELECT n, n % {datasets} AS place, n // {datasets} AS turn,
                 date_trunc('second', TIMESTAMP '{begins}' - to_microseconds(({history} - n) * {every})) AS put_at
          FROM range({history}) AS t(n))
"""
_LEDGER = """
    INSERT INTO {control}.ETL_OBJECTS BY NAME
    SELECT dataset AS DATASET, '{database}.LOAD.' || upper(dataset) AS TARGET_TABLE, '{bucket}' AS BUCKET, key AS KEY,
           etag || '-' || written AS VERSION, etag AS ETAG, {size} AS SIZE, put_at AS MODIFIED, batch_id AS BATCH_ID,
           'loaded' AS OUTCOME, '' AS REASON, {rows} AS ROWS_READ, {rows} - unfit AS ROWS_LOADED,
           unfit AS ROWS_QUARANTINED, 0 AS ROWS_SUPERSEDED, 0 AS ROWS_FILTERED, 0 AS ROWS_REPLACED,
           put_at + INTERVAL 10 SECOND AS COMMITTED_AT
    FROM came ORDER BY n
"""
_BATCHES = """
    INSERT INTO {control}.ETL_BATCHES BY NAME
    SELECT batch_id AS BATCH_ID, any_value(dataset) AS DATASET,
           any_value('{database}.LOAD.' || upper(dataset)) AS TARGET_TABLE, count(*) AS OBJECTS,
           {rows} * count(*) AS ROWS_READ, {rows} * count(*) - sum(unfit) AS ROWS_LOADED,
           sum(unfit) AS ROWS_QUARANTINED, 0 AS ROWS_SUPERSEDED, 0 AS ROWS_FILTERED, 0 AS ROWS_REPLACED, 0 AS ANOMALIES,
           1 AS LEASE_GENERATION, 'history' AS HOLDER, max(put_at) + INTERVAL 10 SECOND AS COMMITTED_AT
    FROM came GROUP BY batch_id
"""
_QUARANTINE = """
    INSERT INTO {control}.ETL_QUARANTINE BY NAME
    SELECT md5(concat_ws(chr(31), dataset, key, etag || '-' || written, '1')) AS QUARANTINE_ID, dataset AS DATASET,
           key AS OBJECT_KEY, etag || '-' || written AS OBJECT_VERSION, 1 AS OBJECT_ROW, 'price_range' AS REASONS,
           'a row' AS RAW, batch_id AS BATCH_ID, put_at + INTERVAL 10 SECOND AS QUARANTINED_AT
    FROM came WHERE unfit = 1
"""
_CURSORS = """
    UPDATE {control}.ETL_CURSORS SET LEASE_GENERATION = 1, HOLDER = 'history', WATERMARK = came.put_at
    FROM (SELECT dataset, max(put_at) AS put_at FROM came GROUP BY dataset) AS came
    WHERE came.dataset = ETL_CURSORS.DATASET
"""
_PRICES = """
    INSERT INTO {table} BY NAME
    SELECT chr(65 + (turn % 26)::INT) || chr(65 + (turn // 26 % 26)::INT) || chr(65 + (turn // 676 % 26)::INT)
               || chr(65 + (turn // 17576 % 26)::INT) AS SYMBOL,
           TIMESTAMP '2026-01-02' + to_minutes((turn // 456976)::INT) + to_seconds(r::INT) AS TIMESTAMP,
           10 AS OPEN_PRICE, 12 AS HIGH_PRICE, 9 AS LOW_PRICE, 11.25 AS CLOSE_PRICE, 0 AS VOLUME, 1.25 AS PRICE_CHANGE,
           12.5 AS PRICE_CHANGE_PERCENT, 3 AS PRICE_RANGE, 30 AS PRICE_RANGE_PERCENT, 10.75 AS TYPICAL_PRICE,
           key AS _OBJECT_KEY, r + 1 AS _OBJECT_ROW, put_at AS _OBJECT_MODIFIED, batch_id AS _BATCH_ID,
           put_at + INTERVAL 10 SECOND AS _LOADED_AT
    FROM came, range(unfit, {rows}) AS t(r) WHERE place = {place}
"""


def remember(feed: Feed, settings: Settings, path: Path) -> None:
    """Make the file. Prices have their rows; tables of orders are made by what comes first."""
    datasets = configure.datasets(settings)
    file = DuckDBFile(path, DATABASE, memory_limit_mb=4096)
    with closing(SqlDestination(file, configure.anomalies_dataset(settings, datasets))) as made:
        made.prepare(datasets)
    names = {
        "control": f"{DATABASE}.ETL_CONTROL",
        "database": DATABASE,
        "bucket": BUCKET,
        "rows": ROWS,
        "size": HISTORY_BYTES,
    }
    with file.connection() as connection:
        connection.execute(
            _OBJECTS.format(
                batch=BATCH_OBJECTS,
                orders=ORDERS_EVERY,
                unfit=UNFIT_EVERY,
                datasets=feed.datasets,
                history=feed.history,
                every=feed.every_microseconds,
                begins=feed.begins.replace(tzinfo=None),
            )
        )
        for statement in (_LEDGER, _BATCHES, _QUARANTINE, _CURSORS):
            connection.execute(statement.format(**names))
        _rows(connection, datasets)


def _rows(connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset]) -> None:
    for place, dataset in enumerate(datasets):
        if not orders(place):
            connection.execute(_PRICES.format(table=dataset.table, place=place, rows=ROWS))
