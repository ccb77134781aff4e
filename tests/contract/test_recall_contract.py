"""What is read of the control tables, on every SQL engine: page by page, and without making anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl_daemon.adapters.destination.recall import look
from etl_daemon.adapters.destination.survey import existing
from etl_daemon.core.model import Cursor, Known, Refusal
from etl_daemon.errors import ConfigError
from tests.support.rows import ANOMALIES, NOW, PRICES, cleaned, price, ref
from tests.support.targets import DATABASE, DATASETS


def looked(database, *datasets):
    return look(database.engine, datasets or DATASETS, ANOMALIES, "")


def tables(database):
    with database.engine.session() as session:
        return existing(session, DATABASE)


def test_pages_hold_the_rows_of_the_answer_so_many_each(database):
    for number in range(3):
        database.load(cleaned(ref(f"k{number}"), [price()]))
    query = f"SELECT KEY, VERSION FROM {DATABASE}.ETL_CONTROL.ETL_OBJECTS WHERE OUTCOME = ? ORDER BY KEY"
    with database.engine.session() as session:
        sent = database.engine.statements
        pages = list(session.pages(2, query, "loaded"))
        assert database.engine.statements == sent + 1
        assert [row for page in pages for row in page] == session.rows(query, "loaded")
    assert list(map(len, pages)) == [2, 1]


def test_a_look_finds_what_a_first_cycle_finds(database):
    refused = ref("bad", minutes=1)
    database.load(cleaned(ref("a"), [price()]), Refusal(refused, "undecodable", "no"), watermark=NOW)
    found = looked(database)
    assert found.known == database.destination.recall(DATASETS, "")
    assert found.known["price_data"].versions == {"a": "v1", "bad": "v1"}
    assert found.known["price_data"].refused == {"bad"}
    assert (found.missing, found.cursors_missing) == ((), ())


def test_a_look_makes_nothing_and_names_what_is_missing(database):
    with database.engine.session() as session:
        session.run(f"DROP TABLE {DATABASE}.ETL_CONTROL.ETL_OBJECTS")
    before, sent = tables(database), database.engine.statements
    found = looked(database, replace(PRICES, cursor="another"))
    assert database.engine.statements <= sent + 3
    assert tables(database) == before
    assert found.missing == (f"{DATABASE}.ETL_CONTROL.ETL_OBJECTS",)
    assert found.cursors_missing == ("another",)
    assert found.known == {"price_data": Known(cursor=Cursor())}


def test_a_table_of_another_dataset_is_refused(database):
    database.load(cleaned(ref("a"), [price()]))
    renamed = replace(PRICES, name="quotes")
    with pytest.raises(ConfigError, match=r"quotes goes to .*PRICE_DATA, which dataset price_data has loaded"):
        looked(database, renamed)
    with pytest.raises(ConfigError, match="quotes goes to"):
        database.destination.recall([renamed], "")
