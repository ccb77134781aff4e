"""What events come to: whose trouble it is, when it ends, and that one outage is one alert."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from etl_daemon.core.alerting.board import AlertPolicy
from etl_daemon.core.alerting.situation import Scene
from etl_daemon.core.events import (
    BatchCommitted,
    Checked,
    CycleEnded,
    CyclePlanned,
    DatasetFailed,
    DatasetSettled,
    Event,
    LeaseAwaited,
    LeaseLost,
    LeaseRenewed,
    LeaseTaken,
    LoopTurned,
    ObjectDeferred,
    ObjectRefused,
    RejectShareHigh,
    Retried,
    SettingsRefused,
    StageEnded,
    WorkFailed,
)
from etl_daemon.core.model import Counts, ObjectReceipt, ObjectRef, Outcome, Receipt
from etl_daemon.errors import (
    BusyError,
    ConfigError,
    EtlError,
    LeaseLostError,
    ObjectChangedError,
    SetupError,
    TransientError,
)
from tests.support.alerting import Watch

AT = datetime(2026, 3, 2, tzinfo=UTC)
REF = ObjectRef(AT, "p/x.csv", "v", "bucket")
TURNED, ENDED = LoopTurned(""), CycleEnded("", 0.1)
NOW = AlertPolicy(after=timedelta(0))


def planned(name: str) -> Iterator[Event]:
    yield StageEnded(name, "list", 0.1)
    yield CyclePlanned(name, 0, 0, 0, None, False)


def good(*names: str) -> Iterator[Event]:
    for name in names:
        yield from planned(name)
        yield DatasetSettled(name)


def bad(*names: str, error: EtlError | None = None, stage: str = "list") -> Iterator[Event]:
    for name in names:
        met = error or TransientError(f"Listing {name}: 503.")
        yield StageEnded(name, stage, 0.1, met)
        yield DatasetFailed(name, met)


def whole(error: EtlError, stage: str = "recall", dataset: str = "") -> Iterator[Event]:
    yield StageEnded(dataset, stage, 0.1, error)
    yield DatasetFailed("", error)


def batch(name: str, rows: int = 1000, quarantined: int = 0) -> BatchCommitted:
    counts = Counts(rows, rows - quarantined, quarantined)
    return BatchCommitted(name, Receipt("id", name, (ObjectReceipt(REF, Outcome.LOADED, "", counts),)), 1.0)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def hasty() -> Watch:
    return Watch(policy=NOW)


# ---------------------------------------------------------------- outages


def test_an_outage_that_fails_every_dataset_is_one_alert_and_so_is_its_end(watch: Watch) -> None:
    assert watch.hear(TURNED, good("a", "b", "c"), ENDED) == []
    assert watch.hear(TURNED, bad("a", "b", "c"), ENDED, later=5) == []
    assert watch.hear(TURNED, bad("a", "b", "c"), ENDED, later=5) == []
    assert watch.hear(TURNED, bad("a", "b", "c"), ENDED, later=5) == ["firing dependency_down:s3"]
    assert watch.alerts[0].summary == "s3 does not work: nothing is loaded."
    assert watch.alerts[0].detail == "Listing a: 503."
    assert [watch.hear(TURNED, bad("a", "b", "c"), ENDED, later=5) for _ in range(4)] == [[]] * 4
    assert watch.hear(TURNED, good("a", "b", "c"), ENDED, later=5) == ["resolved dependency_down:s3"]
    assert watch.hear(TURNED, good("a", "b", "c"), ENDED, later=5) == []


def test_that_something_fails_once_is_no_news(watch: Watch) -> None:
    assert watch.hear(bad("a", "b"), ENDED) == []
    assert watch.hear(good("a", "b"), ENDED, later=30) == []


@pytest.mark.parametrize("kind", [SetupError, TransientError])
def test_all_datasets_failing_by_one_dependency_is_its_outage_whatever_the_error(
    hasty: Watch, kind: type[EtlError]
) -> None:
    errors = [bad(name, error=kind(f"{name}: ExpiredToken.", hint="renew")) for name in "abc"]
    assert hasty.hear(*errors, ENDED) == ["firing dependency_down:s3"]
    assert hasty.alerts[0].hint == "renew"


def test_what_came_last_counts(hasty: Watch) -> None:
    denied = SetupError("Listing p/: AccessDenied.")
    assert hasty.hear(good("a", "b", "c"), bad("a", error=denied), ENDED) == ["firing dataset_failing:a"]
    assert hasty.hear(bad("a", error=denied), good("a"), ENDED) == ["resolved dataset_failing:a"]


def test_one_dataset_with_a_fault_of_its_own_fails_alone(hasty: Watch) -> None:
    denied = SetupError("Listing p/: AccessDenied.")
    assert hasty.hear(bad("a", error=denied), good("b", "c"), ENDED) == ["firing dataset_failing:a"]
    assert hasty.hear(bad("a", error=denied), good("b", "c"), ENDED) == []
    assert hasty.hear(good("a", "b", "c"), ENDED) == ["resolved dataset_failing:a"]


def test_only_some_have_work_but_what_does_not_answer_is_the_dependency(hasty: Watch) -> None:
    down = TransientError("connect: timed out")
    assert hasty.hear(planned("a"), bad("a", error=down, stage="commit"), good("b", "c"), ENDED) == [
        "firing dependency_down:snowflake"
    ]
    assert hasty.alerts[0].summary == "snowflake does not work: a is not loaded."
    assert hasty.hear(good("b", "c"), bad("a", error=down, stage="stage"), ENDED) == []
    assert hasty.hear(planned("b"), bad("b", error=down, stage="stage"), ENDED) == []
    answered = [
        StageEnded("a", "commit", 0.1),
        DatasetSettled("a"),
        StageEnded("b", "commit", 0.1),
        DatasetSettled("b"),
    ]
    assert hasty.hear(answered[:2], ENDED) == [], "b still waits for it"
    assert hasty.hear(answered[2:], ENDED) == ["resolved dependency_down:snowflake"]


def test_a_file_that_another_process_holds_fails_the_whole_cycle(hasty: Watch) -> None:
    busy = BusyError("Another process holds it.", hint="fuser")
    assert hasty.hear(TURNED, planned("a"), whole(busy, "commit", "a")) == ["firing dependency_down:snowflake"]
    assert hasty.hear(TURNED, whole(busy)) == []
    recalled = StageEnded("", "recall", 0.1)
    assert hasty.hear(TURNED, recalled, planned("a"), whole(busy, "commit", "a")) == [], "it was held again"
    assert hasty.hear(TURNED, recalled, good("a", "b", "c"), ENDED) == ["resolved dependency_down:snowflake"]


def test_a_cycle_that_fails_by_no_dependency(hasty: Watch) -> None:
    assert hasty.hear(DatasetFailed("", SetupError("Cannot lock."))) == ["firing cycle_failing"]
    assert hasty.hear(good("a"), ENDED) == ["resolved cycle_failing"]


def test_an_outage_covers_a_dataset_that_was_failing_and_goes_on_failing_after_it(hasty: Watch) -> None:
    denied, down = SetupError("Listing p/: AccessDenied."), TransientError("503")
    assert hasty.hear(bad("a", error=denied), good("b", "c"), ENDED) == ["firing dataset_failing:a"]
    assert hasty.hear(bad("a", "b", "c", error=down), ENDED) == ["firing dependency_down:s3"]
    assert hasty.hear(bad("a", error=denied), good("b", "c"), ENDED) == ["resolved dependency_down:s3"]
    assert hasty.hear(good("a"), ENDED) == ["resolved dataset_failing:a"]


def test_defects_and_objects_that_change_all_the_time_are_the_datasets_own(hasty: Watch) -> None:
    changed = ObjectChangedError("gone")
    events = [*bad("a", error=changed, stage="get"), DatasetFailed("b", EtlError("KeyError")), ENDED]
    assert hasty.hear(events) == ["firing dataset_failing:a", "firing dataset_failing:b"]


def test_datasets_that_are_tried_at_different_times_make_one_outage(watch: Watch) -> None:
    """As where each is left alone for longer the more often it failed."""
    assert watch.hear(bad("a"), ENDED) == []
    assert watch.hear(bad("b"), ENDED, later=2) == []
    assert watch.hear(TURNED, later=7) == []
    assert watch.hear(TURNED, later=1) == ["firing dependency_down:s3"]
    assert watch.hear(bad("c"), ENDED, later=1) == []
    assert watch.hear(good("a"), ENDED, later=1) == []
    assert watch.hear(good("b", "c"), ENDED, later=1) == ["resolved dependency_down:s3"]


def test_objects_that_cannot_be_read_leave_the_dataset_behind(hasty: Watch) -> None:
    error = TransientError("503")
    put_off = [StageEnded("a", "get", 0.1, error), ObjectDeferred("a", REF, "503"), DatasetSettled("a", 1)]
    assert hasty.hear(planned("a"), put_off, good("b", "c"), ENDED) == ["firing dataset_failing:a"]
    assert hasty.alerts[0].detail == "1 object could not be read. 503"
    assert hasty.hear(good("a", "b", "c"), ENDED) == ["resolved dataset_failing:a"]


def test_objects_that_were_replaced_meanwhile_are_nobodys_fault(hasty: Watch) -> None:
    events = [*planned("a"), ObjectDeferred("a", REF, "replaced", changed=True), DatasetSettled("a", 1), ENDED]
    assert hasty.hear(events) == []


def test_a_sweep_that_cannot_be_noted_is_the_destinations_fault(hasty: Watch) -> None:
    assert hasty.hear(planned("a"), bad("a", stage="sweep"), ENDED) == ["firing dependency_down:snowflake"]


def test_errors_are_not_held_on_to(hasty: Watch) -> None:
    error = TransientError("503")
    gone = weakref.ref(error)
    hasty.hear(bad("a", error=error), ENDED)
    del error
    gc.collect()
    assert gone() is None


# ---------------------------------------------------------------- the lease


def test_a_store_that_keeps_the_lease_and_the_objects_is_one_outage(watch: Watch) -> None:
    watch.hear(LeaseTaken("", 1, "free"), good("a", "b", "c"), ENDED)
    watch.hear(bad("a", "b", "c"), ENDED, later=5)
    assert watch.hear(Retried("", "lease", 1, "503"), LeaseLost("", "not renewed for 24.0 seconds"), later=1) == []
    assert watch.hear(LeaseAwaited("", "", "Another process of this host"), TURNED, later=1) == []
    assert watch.hear(TURNED, later=8) == ["firing dependency_down:s3"]
    assert watch.hear(LeaseTaken("", 2, "mine"), TURNED, later=30) == [], "the datasets have not been tried yet"
    assert watch.hear(good("a", "b", "c"), ENDED) == ["resolved dependency_down:s3"]


def test_a_store_of_the_lease_that_is_down_is_told_though_no_dataset_is_tried(watch: Watch) -> None:
    watch.hear(LeaseTaken("", 1, "free"), good("a", "b", "c"), ENDED)
    watch.hear(LeaseLost("", "not renewed for 24.0 seconds"), TURNED, later=1)
    assert watch.hear(Retried("", "lease", 1, "503"), TURNED, later=10) == ["firing dependency_down:s3"]
    assert watch.hear(LeaseTaken("", 2, "mine"), TURNED, later=1) == ["resolved dependency_down:s3"]


def test_a_lease_of_its_own_place_is_a_dependency_of_its_own() -> None:
    watch = Watch(Scene(("a",), "local", "duckdb"), NOW)
    assert watch.hear(Retried("", "lease", 1, "no space"), TURNED) == ["firing dependency_down:lease"]
    assert watch.hear(LeaseRenewed("", 1), TURNED) == ["resolved dependency_down:lease"]
    assert watch.hear(Retried("", "local", 1, "again"), TURNED) == []


def test_a_lease_that_somebody_takes_is_told_at_once_and_a_fight_over_it_only_once(watch: Watch) -> None:
    watch.hear(LeaseTaken("", 1, "free"), ENDED)
    lost = [LeaseLost("", "host:2 has it"), LeaseAwaited("", "host:2", "host:2 has the lease.")]
    assert watch.hear(lost, later=1) == ["firing lease_lost"]
    assert watch.hear(LeaseTaken("", 3, "expired"), ENDED, lost, later=1) == []
    assert watch.hear(DatasetFailed("", LeaseLostError("lost"))) == []
    assert watch.hear(LeaseTaken("", 5, "expired"), ENDED, later=1) == []
    assert watch.hear(ENDED, later=60) == ["resolved lease_lost"]


def test_standing_by_from_the_start_is_no_trouble(hasty: Watch) -> None:
    assert hasty.hear(TURNED, LeaseAwaited("", "host:2", "host:2 has the lease."), TURNED, later=600) == []


def test_a_store_that_answers_who_stands_by_is_up_again(hasty: Watch) -> None:
    awaited = LeaseAwaited("", "host:2", "host:2 has the lease.")
    assert hasty.hear(awaited, TURNED) == []
    assert hasty.hear(Retried("", "lease", 1, "503"), TURNED) == ["firing dependency_down:s3"]
    assert hasty.hear(awaited, TURNED) == ["resolved dependency_down:s3"]


def test_who_stands_by_does_not_go_on_about_what_failed_while_it_worked(hasty: Watch) -> None:
    denied = SetupError("Listing p/: AccessDenied.")
    assert hasty.hear(LeaseTaken("", 1, "free"), bad("a", error=denied), ENDED) == ["firing dataset_failing:a"]
    assert hasty.hear(LeaseLost("", "host:2 has it"), LeaseAwaited("", "host:2", "host:2 has the lease.")) == [
        "firing lease_lost"
    ]
    assert hasty.hear(TURNED, later=48 * 60) == [], "the other one says whether it goes on"
    assert hasty.hear(LeaseTaken("", 3, "released"), good("a"), ENDED) == [
        "resolved dataset_failing:a",
        "resolved lease_lost",
    ]


# ---------------------------------------------------------------- rows and objects


def test_refused_objects_are_one_alert_with_their_number_and_the_first_of_them(watch: Watch) -> None:
    refused = [ObjectRefused("a", REF, "undecodable", "cut"), ObjectRefused("a", REF, "empty", "nothing")]
    assert watch.hear(planned("a"), refused, batch("a"), ENDED) == ["firing object_refused:a"]
    assert watch.alerts[0].summary == "2 objects of a cannot be loaded."
    assert watch.alerts[0].detail == "p/x.csv: undecodable. cut"
    assert watch.alerts[0].hint == "etl-daemon quarantine list --objects --dataset a"
    assert watch.hear(refused[0], batch("a"), ENDED, later=5) == []
    assert watch.hear(batch("a"), ENDED, later=59) == []
    assert watch.hear(batch("b"), ENDED, later=1) == []
    assert watch.hear(batch("a"), ENDED, later=1) == ["resolved object_refused:a"]


def test_an_object_with_too_many_bad_rows(watch: Watch) -> None:
    assert watch.hear(RejectShareHigh("a", REF, 0.25), batch("a", 1000, 250), ENDED) == ["firing reject_share_high:a"]
    assert watch.alerts[0].summary == "25.0% of the rows of an object of a are bad."
    assert "--object 'p/x.csv'" in watch.alerts[0].hint
    assert watch.hear(batch("a"), ENDED, later=60) == ["resolved reject_share_high:a"]


def test_a_batch_with_many_more_bad_rows_than_usual(watch: Watch) -> None:
    for _ in range(20):
        assert watch.hear(batch("a", 10_000, 20), batch("b", 1000, 60), ENDED, later=5) == []
    assert watch.hear(batch("b", 1000, 170), ENDED) == [], "not three times as many"
    assert watch.hear(batch("a", 1000, 50), ENDED) == [], "not five points more"
    assert watch.hear(batch("a", 90, 80), ENDED) == [], "too few rows to tell"
    assert watch.hear(RejectShareHigh("a", REF, 0.5), batch("a", 1000, 90), ENDED) == ["firing reject_share_high:a"]
    assert watch.hear(batch("a", 1000, 90), ENDED) == ["firing quarantine_spike:a"]
    assert watch.alerts[-1].summary == "9.0% of a batch of a is bad; 0.8% is usual."
    assert watch.hear(batch("a", 1000, 5), ENDED, later=60) == [
        "resolved quarantine_spike:a",
        "resolved reject_share_high:a",
    ]


def test_the_first_batches_only_teach(watch: Watch) -> None:
    assert [watch.hear(batch("a", 1000, bad_rows), ENDED) for bad_rows in [0] * 9 + [99]] == [[]] * 10
    assert watch.hear(batch("a", 1000, 99), ENDED) == ["firing quarantine_spike:a"]


# ---------------------------------------------------------------- settings, the monitor, the end


def test_a_reload_that_is_refused_is_told_at_once_and_the_settings_in_force_do_not_end_it(watch: Watch) -> None:
    assert watch.hear(SettingsRefused("", "ETL_TIMEOUT='x': wrong.\n", "correct it")) == ["firing configuration"]
    assert (watch.alerts[0].severity, watch.alerts[0].hint) == ("warning", "correct it")
    assert watch.hear(TURNED, good("a"), ENDED, later=60) == []
    reloaded = Watch(store=watch.store, clock=watch.clock)
    assert reloaded.hear(TURNED, good("a"), ENDED) == ["resolved configuration"]


def test_settings_that_the_destination_turns_down_are_told_before_the_process_ends(watch: Watch) -> None:
    error = ConfigError("The password has expired.", hint="ALTER USER")
    assert watch.hear(TURNED, StageEnded("", "recall", 0.1, error), WorkFailed("", error)) == ["firing configuration"]
    assert (watch.alerts[0].severity, watch.alerts[0].hint) == ("critical", "ALTER USER")
    assert watch.close() == []


def test_a_process_that_cannot_begin_to_work_is_told_of_once_it_lasts(watch: Watch) -> None:
    error = SetupError("Cannot listen on 127.0.0.1:9108.")
    assert watch.hear(WorkFailed("", error)) == []
    again = Watch(store=watch.store, clock=watch.clock)
    assert again.hear(WorkFailed("", error), later=11) == ["firing cycle_failing"]


@pytest.mark.parametrize(("state", "severity"), [("warn", "warning"), ("fail", "critical")])
def test_checks_of_the_monitor_are_told_at_its_end(watch: Watch, state: str, severity: str) -> None:
    found = Checked("a", "freshness", state, "Nothing since 09:00.", "look"), Checked("", "disk", "ok", "40 GiB")
    assert watch.hear(*found) == []
    assert watch.close() == ["firing monitor:freshness:a"]
    assert watch.alerts[0].summary == "freshness of a: Nothing since 09:00."
    assert (watch.alerts[0].severity, watch.alerts[0].hint) == (severity, "look")
    later = Watch(store=watch.store, clock=watch.clock)
    later.hear(Checked("a", "freshness", "ok", "Loaded at 13:00."), later=60)
    assert later.close() == ["resolved monitor:freshness:a"]
    assert later.alerts[0].summary == "freshness of a: as it should be again."
    assert later.alerts[0].detail.endswith("Loaded at 13:00.")


def test_a_check_that_has_its_dataset_in_its_name_is_called_by_the_rest(watch: Watch) -> None:
    watch.hear(Checked("a", "rejects a", "fail", "12 of 30 rows."), Checked("", "disk /var", "warn", "1 GiB"))
    assert watch.close() == ["firing monitor:rejects:a", "firing monitor:disk /var"]
    assert [alert.summary for alert in watch.alerts] == ["rejects of a: 12 of 30 rows.", "disk /var: 1 GiB"]


def test_a_restart_or_a_few_failed_cycles_are_no_trouble_though_the_monitor_warns_of_them(watch: Watch) -> None:
    warned = Checked("", "process", "warn", "starting"), Checked("a", "errors a", "warn", "1 of 12 cycles failed.")
    assert watch.hear(*warned) + watch.close() == []
    failed = Watch(store=watch.store, clock=watch.clock)
    failed.hear(Checked("a", "errors a", "fail", "9 of 12 cycles failed."))
    assert failed.close() == ["firing monitor:errors:a"]
    better = Watch(store=watch.store, clock=watch.clock)
    assert better.hear(*warned, later=60) + better.close() == [], "not well yet"


def test_secrets_in_errors_are_starred(hasty: Watch) -> None:
    error = TransientError("PUT https://me:pa55word@host/x?token=t0ken failed")
    hasty.hear(bad("a", error=error), ENDED)
    assert hasty.alerts[0].detail == "PUT https://********@host/x?token=******** failed"
