"""Settings of datasets of kind ``table``."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from etl_daemon.config import settings_from
from etl_daemon.core.configure import datasets
from etl_daemon.core.datasets import Dataset, Drift, Extra, Kind, Mode, Raw
from etl_daemon.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "datasets.toml"


def configured(path: Path, options: str) -> Dataset:
    path.write_text(f"[datasets.mine]\nprefix = 'p'\ntable = 's.t'\n{options}\n")
    settings = settings_from({"S3_BUCKET": "bucket", "ETL_DATASETS_FILE": str(path)})
    return next(dataset for dataset in datasets(settings) if dataset.name == "mine")


def test_options_are_under_target_names(path: Path) -> None:
    dataset = configured(
        path,
        """
        primary_key = ["Trade ID", "SYM", "trade id"]
        timestamp_column = "booked at"
        columns = { Symbol = "sym" }
        types = { Symbol = "VARCHAR(8)", amount = "number(20,4)", "at" = "TIMESTAMP_NTZ(9)", doc = "variant" }
        drift = "FREEZE"
        extra_columns = "refuse"
        """,
    )
    assert (dataset.kind, dataset.table, dataset.mode) == (Kind.TABLE, "FINANCIAL_DATA.S.T", Mode.UPSERT)
    assert (dataset.primary_key, dataset.timestamp_column) == (("TRADE_ID", "SYM"), "BOOKED_AT")
    assert dataset.types == {
        "SYM": pa.string(),
        "AMOUNT": pa.decimal128(20, 4),
        "AT": pa.timestamp("us"),
        "DOC": pa.json_(),
    }
    assert (dataset.drift, dataset.extra_columns) == (Drift.FREEZE, Extra.REFUSE)
    assert dataset.schema.primary_key == ("TRADE_ID", "SYM")


def test_what_is_not_said_has_a_default(path: Path) -> None:
    dataset = configured(path, "mode = 'append'")
    assert (dataset.primary_key, dataset.timestamp_column, dataset.types) == ((), "", {})
    assert (dataset.drift, dataset.extra_columns) == (Drift.EVOLVE, Extra.IGNORE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", 'mine: primary_key: must be set for mode UPSERT: primary_key = ["id"], or say mode = "APPEND".'),
        ("primary_key = []", "mine: primary_key: must be set"),
        ("primary_key = 'id'", "primary_key='id'"),
        (
            "mode = 'append'\ntypes = { a = 'UUID' }",
            "mine: types a='UUID': is no type of a column, such as NUMBER(20,4)",
        ),
        ("mode = 'append'\ntypes = { a = 'NUMBER(39)' }", "mine: types a='NUMBER(39)': has 1 to 38 digits"),
        ("mode = 'append'\ntypes = 'INT'", "types='INT'"),
        ("mode = 'append'\ndrift = 'bend'", "drift='bend'"),
        ("mode = 'append'\nextra_columns = 'drop'", "extra_columns='drop'"),
        ("mode = 'append'\ncolumns = { a = '_batch_id' }", "mine: columns a='_batch_id': is kept for the daemon"),
        ("raw = 'records'\nprimary_key = ['id']", "[datasets.mine]): means nothing with raw"),
        ("raw = 'document'\nmode = 'upsert'", "[datasets.mine]): a raw table has no keys; should be one of APPEND"),
        ("kind = 'price_data'\nraw = 'records'", "[datasets.mine]): is for datasets of kind table only."),
        ("kind = 'price_data'\ndrift = 'freeze'", "[datasets.mine]): is for datasets of kind table only."),
    ],
)
def test_what_is_wrong_is_said(path: Path, options: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(path, options)
    assert said in str(caught.value)
    assert caught.value.exit_code == 78


def test_a_raw_table_has_one_column_of_json_and_no_keys(path: Path) -> None:
    dataset = configured(path, "raw = 'RECORDS'")
    assert (dataset.raw, dataset.mode, dataset.types) == (Raw.RECORDS, Mode.APPEND, {"DATA": pa.json_()})
    assert configured(path, "raw = 'document'\nmode = 'FULL'").mode is Mode.FULL
