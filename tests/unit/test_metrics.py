"""The metrics are those that are promised, there from the start, and they follow the progress."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from etl_daemon.adapters.observers.metric_table import TABLE, Reading
from etl_daemon.adapters.observers.metrics import MetricsObserver
from etl_daemon.adapters.observers.progress import ProgressObserver
from etl_daemon.core.events import (
    BatchCommitted,
    CycleEnded,
    CyclePlanned,
    DatasetFailed,
    LeaseTaken,
    ObjectsNamed,
    Retried,
    StageEnded,
)
from etl_daemon.core.events.side import MessagesMoved
from etl_daemon.core.model import Counts, ObjectReceipt, Outcome, Receipt
from etl_daemon.core.rules.reasons import CODES
from etl_daemon.core.status.health import REASONS
from etl_daemon.core.status.progress import MESSAGE_OUTCOMES, STAGES, begun
from etl_daemon.errors import TransientError
from tests.support.corridor import HandClock
from tests.support.rows import NOW, ref

PROMISED = {
    "etl_build_info": ("gauge", ("version",)),
    "etl_not_ready": ("gauge", ("reason",)),
    "etl_objects_total": ("counter", ("dataset", "outcome")),
    "etl_rows_total": ("counter", ("dataset", "outcome")),
    "etl_quarantined_rows_total": ("counter", ("dataset", "reason")),
    "etl_batches_total": ("counter", ("dataset", "outcome")),
    "etl_stage_duration_seconds": ("histogram", ("stage",)),
    "etl_cycle_duration_seconds": ("histogram", ()),
    "etl_queue_messages_total": ("counter", ("outcome",)),
    "etl_retries_total": ("counter", ("dependency",)),
    "etl_errors_total": ("counter", ("kind",)),
    "etl_dependency_up": ("gauge", ("dependency",)),
    "etl_dataset_failing": ("gauge", ("dataset",)),
    "etl_pending_objects": ("gauge", ("dataset",)),
    "etl_pending_bytes": ("gauge", ("dataset",)),
    "etl_oldest_pending_timestamp_seconds": ("gauge", ("dataset",)),
    "etl_watermark_timestamp_seconds": ("gauge", ("dataset",)),
    "etl_last_success_timestamp_seconds": ("gauge", ("dataset",)),
    "etl_destination_statements_total": ("counter", ()),
    "etl_list_requests_total": ("counter", ("dataset",)),
    "etl_lease_held": ("gauge", ()),
    "etl_anomalies_total": ("counter", ("dataset", "severity")),
    "etl_model_runs_total": ("counter", ("kind", "outcome")),
    "etl_models_failed": ("gauge", ("kind",)),
    "etl_model_run_duration_seconds": ("gauge", ("kind",)),
    "etl_model_last_success_timestamp_seconds": ("gauge", ("kind",)),
}


class Watched:
    """Both observers, and what a scrape finds: samples by name and labels."""

    def __init__(self):
        self.statements = 0
        self.progress = ProgressObserver(
            begun("s3", "duckdb", ["p", "q"]), HandClock(), elapsed=lambda: self.elapsed_seconds
        )
        self.metrics = MetricsObserver(lambda: Reading(self.progress.progress, self.statements, "1.2.3", self.reasons))

    elapsed_seconds = 0.0
    reasons = ("starting",)

    def hear(self, *events):
        for event in events:
            self.progress.notice(event)
            self.metrics.notice(event)

    def families(self):
        return list(text_string_to_metric_families(self.metrics.render().decode()))

    def samples(self):
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in self.families()
            for sample in family.samples
        }


@pytest.fixture
def watched():
    return Watched()


def test_the_table_holds_what_is_promised():
    assert {each.name: (each.kind, each.labels) for each in TABLE} == PROMISED


def test_a_scrape_has_them_all_and_the_process_and_nothing_else(watched):
    found = {family.name: family for family in watched.families()}
    own = {name.removesuffix("_total") for name in PROMISED}
    assert {name for name in found if not name.startswith("process_")} == own
    assert {"process_resident_memory_bytes", "process_cpu_seconds", "process_open_fds"} <= set(found)
    for name, (kind, _) in PROMISED.items():
        assert found[name.removesuffix("_total")].type == kind
        assert found[name.removesuffix("_total")].documentation


def test_known_labels_are_there_from_the_start_with_0(watched):
    samples = watched.samples()
    for dataset in ("p", "q"):
        assert {code: samples["etl_quarantined_rows_total", dataset, code] for code in CODES} == dict.fromkeys(CODES, 0)
        for outcome in ("loaded", "quarantined", "superseded", "filtered"):
            assert samples["etl_rows_total", dataset, outcome] == 0
        for outcome in ("loaded", "refused", "superseded", "deferred"):
            assert samples["etl_objects_total", dataset, outcome] == 0
        for severity in ("low", "medium", "high", "critical"):
            assert samples["etl_anomalies_total", dataset, severity] == 0
        assert samples["etl_watermark_timestamp_seconds", dataset] == 0
        assert samples["etl_dataset_failing", dataset] == 0
    for reason in REASONS:
        assert samples["etl_not_ready", reason] == (reason == "starting")
    for stage in STAGES:
        assert samples["etl_stage_duration_seconds_count", stage] == 0
    for dependency in ("s3", "duckdb", "lease"):
        assert samples["etl_retries_total", dependency] == samples["etl_dependency_up", dependency] == 0
    assert samples["etl_build_info", "1.2.3"] == 1


def test_they_follow_the_events(watched):
    lines = (ObjectReceipt(ref("k"), Outcome.LOADED, "", Counts(10, 7, 3)),)
    receipt = Receipt("b1", "p", lines, reasons={"price_range": 3}, anomalies={"high": 2}, watermark=NOW)
    watched.hear(
        LeaseTaken("", 3, "free"),
        CyclePlanned("p", 5, 500, 0, NOW, False, None, 2),
        StageEnded("p", "get", 0.25),
        BatchCommitted("p", receipt, 1.0),
        CycleEnded("", 2.0),
        Retried("", "s3", 1, "503"),
        DatasetFailed("q", TransientError("no answer", hint="wait")),
    )
    watched.statements = 14
    watched.reasons = {"draining", "stuck"}
    samples = watched.samples()
    assert samples["etl_rows_total", "p", "loaded"] == 7
    assert samples["etl_quarantined_rows_total", "p", "price_range"] == 3
    assert samples["etl_anomalies_total", "p", "high"] == 2
    assert samples["etl_batches_total", "p", "committed"] == 1
    assert samples["etl_pending_objects", "p"] == 4
    assert samples["etl_oldest_pending_timestamp_seconds", "p"] == NOW.timestamp()
    assert samples["etl_watermark_timestamp_seconds", "p"] == NOW.timestamp()
    assert samples["etl_list_requests_total", "p"] == 2
    assert samples["etl_stage_duration_seconds_sum", "get"] == 0.25
    assert samples["etl_stage_duration_seconds_bucket", "0.1", "get"] == 0
    assert samples["etl_stage_duration_seconds_bucket", "0.5", "get"] == 1
    assert samples["etl_cycle_duration_seconds_sum",] == 2
    assert samples["etl_retries_total", "s3"] == 1
    assert samples["etl_lease_held",] == 1
    assert samples["etl_destination_statements_total",] == 14
    assert samples["etl_rows_total", "q", "loaded"] == 0
    assert [samples["etl_dataset_failing", dataset] for dataset in ("p", "q")] == [0, 1]
    assert {reason for reason in REASONS if samples["etl_not_ready", reason]} == {"draining", "stuck"}


def test_only_the_loop_counts_as_a_sign_of_life(watched):
    watched.elapsed_seconds = 50.0
    watched.hear(Retried("", "lease", 1, "503"), LeaseTaken("", 1, "free"))
    assert watched.progress.silent_seconds() == 50
    watched.hear(StageEnded("p", "decode", 1.0))
    assert watched.progress.silent_seconds() == 0


def test_messages_of_the_queue_are_counted_and_show_that_it_is_there(watched):
    assert ("etl_dependency_up", "sqs") not in watched.samples(), "there is none"
    watched.hear(MessagesMoved("", "received", 7), MessagesMoved("", "deleted", 6), MessagesMoved("", "received", 0))
    samples = watched.samples()
    assert {name: samples["etl_queue_messages_total", name] for name in MESSAGE_OUTCOMES} == {
        **dict.fromkeys(MESSAGE_OUTCOMES, 0),
        "received": 7,
        "deleted": 6,
    }
    assert samples["etl_dependency_up", "sqs"] == 1
    watched.hear(Retried("", "sqs", 1, "503"))
    assert watched.samples()["etl_dependency_up", "sqs"] == 0


def test_what_is_named_adds_to_the_backlog_only_what_the_listing_did_not_know(watched):
    watched.hear(CyclePlanned("p", 2, 200, 0, NOW, False), ObjectsNamed("p", 5, 50, 0, NOW, False, None, 5))
    samples = watched.samples()
    assert (samples["etl_pending_objects", "p"], samples["etl_pending_bytes", "p"]) == (5, 200)
    assert samples["etl_list_requests_total", "p"] == 5
