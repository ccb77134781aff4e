"""The page of a batch, from what the history has of it."""

from __future__ import annotations

from dataclasses import replace

from etl_daemon.core.examples import Example
from etl_daemon.core.history import BatchLine, ExampleLine, ObjectLine
from etl_daemon.core.model import Counts
from etl_daemon.core.pages.batch import Stage, batch_page
from tests.support.rows import NOW
from tests.unit.test_site import ask

STAGES = {"get": 0.5, "decode": 2.0}
LINE = BatchLine(NOW, "p", "b1", 600, 2, Counts(9, 5, 4), {"price_range": 1, "ohlc_relation": 3}, 1.5, STAGES)
OBJECTS = (ObjectLine("p/<b>a", "refused", "undecodable", Counts()),)
EXAMPLES = tuple(
    ExampleLine(NOW, "p", batch, Example("p/a", 1, ("price_range",), "<i>raw</i>")) for batch in ("b0", "b1")
)
PAGE = batch_page(LINE, OBJECTS, EXAMPLES, "DB.SCHEMA.P")


def test_stages_are_compared_with_the_longest():
    assert PAGE.stages == (Stage("get", 0.5, 25.0), Stage("decode", 2.0, 100.0))
    assert batch_page(replace(LINE, stages={}), (), (), "").stages == ()


def test_reasons_come_the_commonest_first_with_rows_of_this_batch():
    assert [(each.reason, each.rows, each.examples) for each in PAGE.rejected] == [
        ("ohlc_relation", 3, ()),
        ("price_range", 1, EXAMPLES[1:]),
    ]
    assert PAGE.unlisted == 601


def test_it_is_asked_for_by_id():
    found = {"b1": PAGE}
    status, headers, body = ask("/batches/b1", batch=found.get)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"&lt;i&gt;raw&lt;/i&gt;" in body
    assert b"p/&lt;b&gt;a" in body
    assert b"DB.SCHEMA.P" in body
    status, _, body = ask("/batches/<script>", batch=found.get)
    assert (status, b"&lt;script&gt;" in body, b"<script>" in body) == (404, True, False)
    assert ask("/batches/")[0] == ask("/batches/b1/more")[0] == 404
