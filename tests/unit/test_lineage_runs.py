"""A batch is a run: what it read, what it wrote and how good that was, in the standard's own words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from openlineage.client.serde import Serde

from etl_daemon.adapters.lineage.facets import MAX_OBJECTS
from etl_daemon.adapters.lineage.outbox import Noted
from etl_daemon.adapters.lineage.places import Places
from etl_daemon.adapters.lineage.runs import Runs
from etl_daemon.core.datasets import Mode
from etl_daemon.core.events import BatchAbandoned, BatchBegan, BatchCommitted, CycleEnded, Event
from etl_daemon.core.model import BatchPlan, Counts, Deferral, ObjectReceipt, ObjectRef, Outcome, Receipt
from etl_daemon.core.sql.dialect import DIALECTS
from etl_daemon.errors import LeaseLostError, ObjectChangedError, SetupError
from tests.support.lineage import checked
from tests.support.rows import NOW, PRICES

PLACES = Places("desk", "snowflake://org-account", DIALECTS["snowflake"], "DB.ANALYTICS.ANOMALIES")
GOOD, BAD = (ObjectRef(NOW, f"processed/price_data/{name}.csv", f"v-{name}", "market", "", 100) for name in "ab")
PLAN = BatchPlan(PRICES, (GOOD, BAD))
RECEIPT = Receipt(
    PLAN.batch_id,
    PRICES.name,
    (
        ObjectReceipt(GOOD, Outcome.LOADED, "", Counts(10, 6, 2, 1, 1)),
        ObjectReceipt(BAD, Outcome.REFUSED, "undecodable"),
    ),
    reasons={"price_range": 2, "ohlc_relation": 1},
    anomalies={"high": 2, "low": 1},
    replaced=3,
    watermark=NOW,
)
Document = dict[str, Any]


def documents(*events: Event, places: Places = PLACES) -> list[Document]:
    """What is told of them, a second apart, in cycle c1."""
    runs = Runs(places)
    noted = [Noted(event, NOW + timedelta(seconds=number), "c1") for number, event in enumerate(events)]
    made = [json.loads(Serde.to_json(event)) for each in noted if (event := runs.after(each))]
    for document in made:
        checked(document)
    return made


def names(datasets: list[Document]) -> list[tuple[str, str]]:
    return [(each["namespace"], each["name"]) for each in datasets]


def test_it_begins_and_completes_as_one_run() -> None:
    start, complete = documents(BatchBegan("price_data", PLAN), BatchCommitted("price_data", RECEIPT, 1.0))
    assert [each["eventType"] for each in (start, complete)] == ["START", "COMPLETE"]
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert UUID(start["run"]["runId"]).version == 7
    assert (start["job"]["namespace"], start["job"]["name"]) == ("desk", "price_data")
    assert (start["eventTime"], complete["eventTime"]) == ("2026-01-05T12:00:00+00:00", "2026-01-05T12:00:01+00:00")
    own = start["run"]["facets"]["etlDaemon_batch"]
    assert (own["batchId"], own["cycleId"], own["mode"], own["objects"]) == (PLAN.batch_id, "c1", "UPSERT", 2)


def test_inputs_are_the_prefix_and_the_versions_of_the_objects() -> None:
    for document in documents(BatchBegan("price_data", PLAN), BatchCommitted("price_data", RECEIPT, 1.0)):
        prefix, *objects = document["inputs"]
        assert names([prefix]) == [("s3://market", "processed/price_data")]
        assert names(objects) == [("s3://market", GOOD.key), ("s3://market", BAD.key)]
        assert [each["facets"]["version"]["datasetVersion"] for each in objects] == ["v-a", "v-b"]


def test_a_folder_is_named_as_files_are() -> None:
    (start,) = documents(BatchBegan("price_data", PLAN), places=replace(PLACES, folder=Path("/srv/bucket")))
    assert names(start["inputs"][:2]) == [
        ("file", "/srv/bucket/processed/price_data"),
        ("file", "/srv/bucket/processed/price_data/a.csv"),
    ]


def test_the_quality_of_the_rows_is_told() -> None:
    _, complete = documents(BatchBegan("price_data", PLAN), BatchCommitted("price_data", RECEIPT, 1.0))
    prefix, good, bad = (each["inputFacets"] for each in complete["inputs"])
    assert {name: prefix["inputStatistics"][name] for name in ("rowCount", "size", "fileCount")} == {
        "rowCount": 10,
        "size": 200,
        "fileCount": 2,
    }
    assert prefix["dataQualityMetrics"]["rowCount"] == 10
    found = {
        each["assertion"]: (each["success"], each["actual"]) for each in prefix["dataQualityAssertions"]["assertions"]
    }
    assert found == {
        "rows_quarantined": (False, "2"),
        "objects_refused": (False, "1"),
        "price_range": (False, "2"),
        "ohlc_relation": (False, "1"),
    }
    assert good["inputStatistics"]["rowCount"] == 10
    (refused,) = bad["dataQualityAssertions"]["assertions"]
    assert (refused["success"], refused["actual"]) == (False, "undecodable")
    own = complete["run"]["facets"]["etlDaemon_batch"]
    assert own["rows"] == {"read": 10, "loaded": 6, "quarantined": 2, "superseded": 1, "filtered": 1, "replaced": 3}
    assert own["outcomes"] == {"loaded": 1, "refused": 1, "superseded": 0}


def test_a_faultless_batch_says_so() -> None:
    fine = replace(RECEIPT, objects=RECEIPT.objects[:1], reasons={}, anomalies={})
    fine = replace(fine, objects=(replace(fine.objects[0], counts=Counts(10, 10)),))
    _, complete = documents(BatchBegan("price_data", PLAN), BatchCommitted("price_data", fine, 1.0))
    assertions = complete["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(each["assertion"], each["success"]) for each in assertions] == [
        ("rows_quarantined", True),
        ("objects_refused", True),
    ]
    assert names(complete["outputs"]) == [("snowflake://org-account", PRICES.table)]


def test_outputs_are_the_table_with_its_columns_and_the_anomalies() -> None:
    committed = BatchCommitted("price_data", RECEIPT, 1.0, PRICES.schema.target)
    start, complete = documents(BatchBegan("price_data", PLAN), committed)
    place = "snowflake://org-account"
    assert names(start["outputs"]) == [(place, PRICES.table)]
    table, anomalies = complete["outputs"]
    assert names([table, anomalies]) == [(place, PRICES.table), (place, "DB.ANALYTICS.ANOMALIES")]
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 6
    assert anomalies["outputFacets"]["outputStatistics"]["rowCount"] == 3
    columns = [(each["name"], each["type"]) for each in table["facets"]["schema"]["fields"]]
    assert columns[2] == ("OPEN_PRICE", "NUMERIC(20,8)")
    assert columns[-1] == ("_LOADED_AT", "TIMESTAMP_NTZ")
    assert "lifecycleStateChange" not in table["facets"]


def test_a_table_that_is_replaced_is_overwritten() -> None:
    plan = replace(PLAN, dataset=replace(PRICES, mode=Mode.FULL))
    receipt = replace(RECEIPT, batch_id=plan.batch_id)
    _, complete = documents(BatchBegan("price_data", plan), BatchCommitted("price_data", receipt, 1.0))
    assert complete["outputs"][0]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (SetupError("no table", hint="make it"), "FAIL", "SetupError: no table"),
        (LeaseLostError("fenced"), "FAIL", "LeaseLostError: fenced"),
        (KeyError("https://me:hunter2@host"), "FAIL", "KeyError: 'https://********@host'"),
        (ObjectChangedError("another run was quicker"), "ABORT", None),
        (None, "ABORT", None),
    ],
)
def test_a_batch_that_was_not_committed_ends_all_the_same(
    error: Exception | None, state: str, message: str | None
) -> None:
    start, ended = documents(BatchBegan("price_data", PLAN), BatchAbandoned("price_data", PLAN.batch_id, error))
    assert (ended["eventType"], ended["run"]["runId"]) == (state, start["run"]["runId"])
    assert ended["run"]["facets"].get("errorMessage", {}).get("message") == message


def test_each_attempt_is_a_run_of_its_own() -> None:
    began, put_off = BatchBegan("price_data", PLAN), BatchAbandoned("price_data", PLAN.batch_id)
    first, _, second, _ = documents(began, put_off, began, BatchCommitted("price_data", RECEIPT, 1.0))
    assert first["run"]["runId"] != second["run"]["runId"]
    assert first["run"]["facets"]["etlDaemon_batch"]["batchId"] == second["run"]["facets"]["etlDaemon_batch"]["batchId"]


def test_what_has_no_beginning_is_not_told() -> None:
    ended = BatchAbandoned("price_data", PLAN.batch_id)
    assert documents(CycleEnded("", 1.0), BatchCommitted("price_data", RECEIPT, 1.0), ended) == []


def test_many_objects_are_bounded_and_it_is_said() -> None:
    refs = [
        replace(GOOD, key=f"processed/price_data/year=2026/month=01/day=05/{number:060}.csv") for number in range(999)
    ]
    plan = replace(PLAN, objects=tuple(refs))
    lines = tuple(ObjectReceipt(ref, Outcome.REFUSED, "undecodable") for ref in refs)
    receipt = replace(RECEIPT, batch_id=plan.batch_id, objects=lines, deferrals=(Deferral(BAD, "late"),))
    for document in documents(
        BatchBegan("price_data", plan), BatchCommitted("price_data", receipt, 1.0, PRICES.schema.target)
    ):
        assert len(document["inputs"]) == MAX_OBJECTS + 1
        own = document["run"]["facets"]["etlDaemon_batch"]
        assert (own["objects"], own["objectsListed"]) == (999, MAX_OBJECTS)
        assert len(json.dumps(json.dumps(document))) < 40_000, "a line of the journal holds it"
    assert document["inputs"][0]["inputFacets"]["inputStatistics"]["fileCount"] == 999
