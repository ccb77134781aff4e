"""The page of a batch, from what the history has of it."""

from __future__ import annotations

from dataclasses import replace

from etl_daemon.core.events.examples import Example
from etl_daemon.core.medallion.refinement import Refinement
from etl_daemon.core.model import Counts
from etl_daemon.core.pages.batch import BatchSeen, Origin, Stage, batch_page
from etl_daemon.core.status.asked import Extent, Found
from etl_daemon.core.status.history import BatchLine, ExampleLine, ObjectLine
from tests.support.pages import Given, P, ask
from tests.support.rows import NOW

STAGES = {"get": 0.5, "decode": 2.0}
LINE = BatchLine(
    NOW, "p", "b1", 600, 2, Counts(9, 5, 4), {"price_range": 1, "ohlc_relation": 3}, 1.5, STAGES, "raw", 7, {"high": 2}
)
OBJECTS = Found((ObjectLine("p/<b>a", "refused", "undecodable", Counts(), 5, NOW, NOW, "p", "b1"),), 60)
EXAMPLES = tuple(ExampleLine(NOW, "p", "b1", Example("p/a", n, ("price_range",), "<i>raw</i>")) for n in range(9))
SEEN = BatchSeen(LINE, OBJECTS, Extent(1, 5_000, NOW, NOW), EXAMPLES)
PAGE = batch_page(SEEN, P, {})


def test_stages_are_compared_with_the_longest():
    assert PAGE.stages == (Stage("get", 0.5, 25.0), Stage("decode", 2.0, 100.0))
    assert batch_page(replace(SEEN, line=replace(LINE, stages={})), None, {}).stages == ()


def test_reasons_come_the_commonest_first_with_a_few_rows():
    assert [(each.reason, each.rows, each.examples) for each in PAGE.rejected] == [
        ("ohlc_relation", 3, ()),
        ("price_range", 1, EXAMPLES[:3]),
    ]
    assert PAGE.unlisted == 601


def test_it_says_where_rows_come_from_and_where_they_went():
    assert PAGE.lineage == (
        Origin(
            "Objects",
            "raw/processed/price_data",
            "600 objects loaded, 2 refused, 5.0 kB, modified from 2026-01-05 12:00:00 to 2026-01-05 12:00:00",
        ),
        Origin("Rules", "price_data", "9 rows read; 4 rejected, 0 superseded, 0 filtered"),
        Origin("Table", "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA, UPSERT", "5 rows loaded, 7 earlier rows replaced"),
        Origin("Anomalies", "flagged, and loaded", "2 high"),
    )
    assert PAGE.where == "FINANCIAL_DATA.MARKET_DATA.PRICE_DATA WHERE _BATCH_ID = 'b1'"
    silver = replace(P, silver=Refinement("D.SILVER.P", "D.GOLD.P", ("SYMBOL",)))
    assert batch_page(SEEN, silver, {}).lineage[-1].name == "D.SILVER.P"
    gone = batch_page(SEEN, None, {})
    assert (gone.where, gone.lineage[2].name) == ("", "a table that this daemon has no more")


def test_it_is_asked_for_by_id():
    history = Given(batches={"b1": SEEN})
    status, headers, body = ask("/batches/b1", query="page=1", history=history)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"&lt;i&gt;raw&lt;/i&gt;" in body
    assert b"p/&lt;b&gt;a" in body
    assert b"FINANCIAL_DATA.MARKET_DATA.PRICE_DATA" in body
    assert b'href="?page=2" rel="next"' in body
    status, _, body = ask("/batches/<script>", history=history)
    assert (status, b"&lt;script&gt;" in body, b"<script>" in body) == (404, True, False)
    assert ask("/batches/")[0] == ask("/batches/b1/more")[0] == 404
