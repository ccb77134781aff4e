"""The table of a database in the datasets file: what it says, in other words too, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl_daemon.bootstrap.sql_upstream import placed
from etl_daemon.config import Settings
from etl_daemon.core import configure
from etl_daemon.core.datasets import Dataset, Mode
from etl_daemon.core.overrides import overridden
from etl_daemon.core.upstream.extraction import By, Format, Origin, typed
from etl_daemon.core.upstream.origins import origins
from etl_daemon.errors import ConfigError
from etl_daemon.vault import settings_from

SQL = '[datasets.orders.sql]\nurl = "postgresql://etl:hush@db/shop"\n'


def settings(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "d.toml").write_text(text)
    return settings_from({"S3_BUCKET": "bucket", "ETL_DATASETS_FILE": str(tmp_path / "d.toml")})


def read(tmp_path: Path, dataset: str, sql: str) -> tuple[Dataset, Origin]:
    given = settings(tmp_path, f"[datasets.orders]\n{dataset}\n{SQL}{sql}")
    found = configure.datasets(given)
    return next(each for each in found if each.name == "orders"), origins(given, found)["orders"]


def problems(tmp_path: Path, dataset: str, sql: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, dataset, sql)
    assert "hush" not in str(caught.value)
    return caught.value.detail


def test_the_words_of_the_contract_are_those_of_the_dataset(tmp_path: Path) -> None:
    dataset, origin = read(
        tmp_path,
        'target_table = "SALES.ORDERS"\nprimary_key = "id"\ntimestamp_column = "updated_at"\n'
        'operations = { type = "INCREMENTAL", truncate_before_insert = false }',
        'table = "public.orders"',
    )
    assert (dataset.table, dataset.mode, dataset.primary_key) == (
        "FINANCIAL_DATA.SALES.ORDERS",
        Mode.INCREMENTAL,
        ("ID",),
    )
    assert dataset.prefix == origin.folder == "sql/shop/public.orders/"
    assert (origin.column, origin.by, origin.overlap) == ("id", By.KEY, 1000.0)
    assert dataset.extracted
    assert dataset.window_hours > 800_000
    assert "hush" not in repr(origin)


def test_a_query_stands_for_a_table(tmp_path: Path) -> None:
    text = 'table = "FINANCIAL_DATA.SALES.ORDERS"\nprimary_key = ["id"]'
    _, origin = read(tmp_path, text, 'query = "SELECT 1 AS id"')
    assert (origin.source, origin.query) == ("SELECT 1 AS id", True)


def test_full_is_the_newest_extraction(tmp_path: Path) -> None:
    text = 'table = "T"\noperations = { type = "FULL", truncate_before_insert = true }'
    dataset, origin = read(tmp_path, text, 'table = "orders"\nformat = "PARQUET"\njob_type = "nightly"\ndatabase = "x"')
    assert (dataset.mode, origin.column, origin.format) == (Mode.TRUNCATE_INSERT, "", Format.PARQUET)
    assert origin.folder == "nightly/x/orders/"
    (other,) = overridden([dataset], '{"orders": "FULL;_DELTA"}', ())
    assert (other.mode, placed(origin, other).folder) == (Mode.TRUNCATE_INSERT, "nightly/x/orders_DELTA/")


def test_the_url_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_URL", "mysql://u:hush@db/shop2")
    text = '[datasets.orders]\ntable = "T"\nmode = "TRUNCATE_INSERT"\n[datasets.orders.sql]\ntable = "o"\n'
    given = settings(tmp_path, text + 'url_env = "ORDERS_URL"')
    found = origins(given, configure.datasets(given))["orders"]
    assert (found.url, found.folder) == ("mysql://u:hush@db/shop2", "sql/shop2/o/")
    given = settings(tmp_path, text + 'ssmKey = "/prod/orders"\ndatabase = "shop3"')
    found = origins(given, configure.datasets(given))["orders"]
    assert (found.url, found.secret, found.folder) == ("", "ssm:/prod/orders", "sql/shop3/o/")


@pytest.mark.parametrize(
    ("dataset", "sql", "said"),
    [
        ('primary_key = ["id"]', "", "table, query"),
        ('primary_key = ["id"]', 'table = "o"\nquery = "SELECT 1"', "table, query"),
        ('primary_key = ["id"]', 'table = "o"\nurl_env = "X"', "one of them must be set"),
        ('primary_key = ["id"]', 'table = "o"\ntimestamp_column = "a"\nprimary_key = "b"', "told by one of them"),
        ('primary_key = ["id"]', 'table = "o"\nformat = "xml"', "format"),
        ('primary_key = ["id"]', 'table = "o"\ntabel = "o"', "did you mean table?"),
        ('primary_key = ["id"]', 'table = "a/b"', "no slashes"),
        ('primary_key = ["id", "k"]', 'table = "o"\npartitions = 4', "partition_by"),
        ('primary_key = ["id"]\nprefix = "p"', 'table = "o"', "where the extraction writes"),
        ('primary_key = ["id"]\noperations = { typ = "FULL" }', 'table = "o"', "operations"),
        ('mode = "APPEND"\noperations = { type = "FULL" }', 'table = "o"', "mode says it already"),
        ('mode = "APPEND"', 'table = "o"', "would add all rows at each extraction"),
        ('mode = "APPEND"', 'table = "o"\nprimary_key = "id"\noverlap = 5', "would add rows again"),
        (
            'mode = "INCREMENTAL"\ntimestamp_column = "at"',
            'table = "o"\noverlap = 5',
            "leaves out rows that come late",
        ),
    ],
)
def test_what_cannot_work_is_said(tmp_path: Path, dataset: str, sql: str, said: str) -> None:
    assert said in problems(tmp_path, f'table = "T"\n{dataset}', sql)


def test_types_of_the_source_come_after_those_of_the_dataset(tmp_path: Path) -> None:
    dataset, _ = read(tmp_path, 'table = "T"\nprimary_key = ["id"]\ntypes = { a = "VARCHAR" }', 'table = "o"')
    found = typed(dataset, {"A": "BIGINT", "B": "NUMBER(5,2)"}).types
    assert {name: str(type_) for name, type_ in found.items()} == {"A": "string", "B": "decimal128(5, 2)"}
