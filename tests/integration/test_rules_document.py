"""The examples of docs/rules.md are what becomes of them: each goes through the whole corridor."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from etl_daemon import DataTransformer
from etl_daemon.bootstrap.runtime import build
from etl_daemon.config import settings_from
from etl_daemon.core.rules.explanations import ROWS, example

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text("utf-8")
FIT = dict(re.findall(r"^\| (\w+) \| `(\{.*\})` \|$", TEXT, re.MULTILINE))
UNFIT = dict(re.findall(r"^\| `(\w+)` \| `(\{.*?)` \|$", TEXT, re.MULTILINE))
HEAD, ROW = "symbol,date,open,high,low,close,volume\n", "AAPL,2026-01-02,10,11,9,10.5,700\n"
DATASETS = """
[datasets.typed]
prefix = "typed"
table = "TYPED"
mode = "APPEND"
types = { amount = "NUMBER(10,2)" }
[datasets.frozen]
prefix = "frozen"
table = "FROZEN"
mode = "APPEND"
drift = "freeze"
extra_columns = "refuse"
[datasets.wide]
prefix = "wide"
table = "WIDE"
mode = "APPEND"
[datasets.keyed]
kind = "price_data"
prefix = "keyed"
table = "KEYED"
symbol_from_key = '/([A-Z]+)\\.csv'
[datasets.nested]
kind = "price_data"
prefix = "nested"
table = "NESTED"
records_path = "candles"
[datasets.deliveries]
kind = "price_data"
prefix = "deliveries"
table = "DELIVERIES"
mode = "TRUNCATE_INSERT"
snapshot_group = '/(\\d{8})/'
"""
ZIP = b"PK\x03\x04" + bytes(100)
REFUSED = {
    "processed/price_data/a.zip": (ZIP, "unsupported_format"),
    "processed/price_data/a.csv.gz": (gzip.compress((HEAD + ROW * 999).encode())[:-20], "undecodable"),
    "processed/price_data/large.csv": ((HEAD + ROW * 2**16).encode(), "too_large"),
    "processed/price_data/bomb.csv.gz": (gzip.compress((HEAD + ROW * 2**20).encode()), "decompression_bomb"),
    "processed/price_data/deep.json": (b"[" * 101 + b"]" * 101, "nesting_too_deep"),
    "processed/price_data/no-volume.csv": ((HEAD + ROW).replace("volume", "v").encode(), "missing_columns"),
    "processed/price_data/two.csv": (f"ticker,name{HEAD[6:]}A,{ROW}".encode(), "ambiguous_columns"),
    "processed/price_data/bad.csv": ((HEAD + ROW + ROW.replace("10.5", "x") * 3).encode(), "reject_share"),
    "frozen/b.csv": (b"id,n\n1,n/a\n", "column_type"),
    "frozen/c.csv": (b"id,n,more\n1,2,3\n", "extra_columns"),
    "wide/a.csv": (b"_OBJECT_KEY\n1\n", "column_name"),
    "wide/b.csv": (
        (",".join(map("c{}".format, range(1_001))) + "\n" + "1," * 1_000 + "1").encode(),
        "too_many_columns",
    ),
    "keyed/no-symbol.csv": ((HEAD.replace("symbol,", "") + ROW.replace("AAPL,", "")).encode(), "symbol_from_key"),
    "nested/a.json": (b'{"rows": []}', "records_path_missing"),
    "deliveries/20260105/a.csv": ((HEAD + ROW).encode(), "delivery_incomplete"),
    "deliveries/20260105/b.csv": (ZIP, "unsupported_format"),
}
UNTRIED = {"archived", "internal_error", "unreadable", "value_rejected"}
"""Storage classes, defects of ours, a command's own, and Snowflake's: tested where they arise."""


def put(key: str, body: bytes) -> None:
    path = Path("bucket") / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def dataset_of(row: str) -> str:
    """Whose columns a row has; a cut one is of prices."""
    return next(name for column, name in COLUMNS.items() if f'"{column}"' in row)


COLUMNS = {"rsi": "technical_indicators", "severity": "anomalies", "symbol": "price_data"}


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """The tables after a cycle over all examples."""
    monkeypatch.chdir(tmp_path)
    Path("datasets.toml").write_text(DATASETS)
    for code, row in UNFIT.items():
        dataset = dataset_of(row)
        put(f"processed/{dataset}/{code}.ndjson", f"{FIT[dataset]}\n{FIT[dataset]}\n{row}\n".encode())
    put("typed/type_mismatch.ndjson", b'{"id": 1, "amount": "12.345"}\n{"id": 2, "amount": "1"}\n')
    put("frozen/a.csv", b"id,n\n1,2\n")
    settings = {"ETL_SOURCE": "local", "ETL_LOCAL_DIR": "bucket", "ETL_DUCKDB_PATH": "market.duckdb"}
    more = {"ETL_DATASETS_FILE": "datasets.toml", "MAX_OBJECT_MB": "1", "REFUSE_ABOVE_SHARE": "0.5"}
    with build(settings_from(settings | more)) as runtime:
        runtime.daemon().cycle()
        for key, (body, _) in REFUSED.items():
            put(key, body)
        runtime.daemon().cycle()
    return duckdb.connect("market.duckdb", read_only=True)


def test_examples_become_what_the_document_says(market: duckdb.DuckDBPyConnection) -> None:
    rejected = market.sql("SELECT OBJECT_KEY, REASONS FROM ETL_CONTROL.ETL_QUARANTINE").fetchall()
    refused = market.sql("SELECT KEY, REASON FROM ETL_CONTROL.ETL_OBJECTS WHERE OUTCOME = 'refused'").fetchall()
    assert {code: example(code) for code in ROWS if example(code)} == UNFIT
    assert {Path(key).stem: reasons for key, reasons in rejected} == {code: code for code in [*UNFIT, "type_mismatch"]}
    assert dict(refused) == {key: reason for key, (_, reason) in REFUSED.items()}

    table = TEXT.partition("## Refused objects")[2].partition("\n## ")[0]
    documented = {
        code for line in re.findall(r"^\| (`\w+`.*?) \|", table, re.MULTILINE) for code in re.findall(r"\w+", line)
    }
    assert documented == {reason for _, reason in REFUSED.values()} | UNTRIED


def test_a_row_has_all_of_its_reasons() -> None:
    (row,) = re.findall(r"all of its reasons: `(\{.*?\})`", TEXT, re.DOTALL)
    transformer = DataTransformer()
    transformer.validate_and_clean_price_data(pd.DataFrame([json.loads(row.replace("\n", " "))]))
    (said,) = re.findall(r"` has (`symbol_format`.*?)\. To", TEXT, re.DOTALL)
    assert transformer.quarantined["reasons"].tolist() == [",".join(re.findall(r"`(\w+)`", said))]


def test_the_examples_of_anomalies_are_flagged() -> None:
    rows = dict(re.findall(r"^\| `(extreme_\w+)` .*`(\{.*?\})`", TEXT, re.MULTILINE))
    for kind, row in rows.items():
        dataset = dataset_of(row)
        clean = DataTransformer().enrich_data(pd.DataFrame([json.loads(row)]), dataset)
        assert DataTransformer().detect_anomalies(clean, dataset)["anomaly_type"].tolist() == [kind]
    fit = json.loads(FIT["price_data"])
    days = pd.date_range("2026-01-01", periods=21)
    frame = pd.DataFrame([fit | {"timestamp": day, "close": 10 + index % 6 / 10} for index, day in enumerate(days)])
    frame.loc[20, ["open", "high", "low", "close"]] = [89.0, 91.0, 88.0, 90.0]
    flagged = DataTransformer().detect_anomalies(DataTransformer().enrich_data(frame, "price_data"), "price_data")
    assert flagged[["anomaly_type", "value"]].values.tolist() == [["price_outlier", 90.0]]
