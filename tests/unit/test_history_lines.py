"""What events add to the history: tallies, marks, and lines without secrets."""

from __future__ import annotations

from dataclasses import fields

import pytest

from etl_daemon.core.events import BatchCommitted, CyclePlanned, DatasetFailed, DatasetSettled, LeaseAwaited
from etl_daemon.core.model import Counts, ObjectReceipt, Outcome, Receipt
from etl_daemon.core.status.history import DETAIL_LENGTH, Mark, Tally, batch_line, failure_line, marks, tally
from etl_daemon.errors import SetupError
from tests.support.rows import NOW, ref

COUNTS = Counts(read=9, loaded=4, quarantined=3, superseded=2, filtered=0)
LOADED = ObjectReceipt(ref("a"), Outcome.LOADED, counts=COUNTS)
REFUSED = ObjectReceipt(ref("b"), Outcome.REFUSED, "undecodable")


def committed(*objects: ObjectReceipt) -> BatchCommitted:
    receipt = Receipt("b1", "p", objects, reasons={"ohlc_relation": 3}, anomalies={"low": 1}, replaced=5)
    return BatchCommitted("p", receipt, 2.5)


SETTLED, FAILED = DatasetSettled("p"), DatasetFailed("p", SetupError("no table", hint="run init"))


def test_cycles_and_batches_are_counted():
    whole = tally(SETTLED) + tally(SETTLED) + tally(FAILED) + tally(committed(LOADED, LOADED, REFUSED))

    assert whole == Tally(2, 1, 1, 2, 1, read=18, loaded=8, quarantined=6, superseded=4, filtered=0)
    assert whole.cycles == 3
    assert tally(LeaseAwaited("", "other", "")) == Tally()


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (SETTLED, (Mark.SUCCESS,)),
        (FAILED, (Mark.FAILURE,)),
        (LeaseAwaited("", "other", ""), (Mark.WAITED,)),
        (committed(LOADED), (Mark.COMMIT, Mark.ROWS)),
        (committed(REFUSED), (Mark.COMMIT,)),
    ],
)
def test_of_what_it_is_the_last_time(event, found):
    assert marks(event) == found


def test_other_events_leave_no_mark():
    assert CyclePlanned not in {type(each) for each in (SETTLED, FAILED)}
    assert marks(object()) == ()


def test_a_commit_is_kept_with_all_that_became_of_it():
    line = batch_line(committed(LOADED, REFUSED), NOW, {"read": 0.5})

    assert (line.at, line.dataset, line.batch_id, line.seconds, line.stages) == (NOW, "p", "b1", 2.5, {"read": 0.5})
    assert (line.objects, line.refused, line.counts) == (1, 1, COUNTS)
    assert (line.reasons, line.anomalies, line.replaced) == ({"ohlc_relation": 3}, {"low": 1}, 5)
    assert batch_line(committed(), NOW).bucket == ""


def test_a_failure_is_kept_with_its_hint_and_without_secrets():
    assert (failure_line(FAILED, NOW).kind, failure_line(FAILED, NOW).hint) == ("SetupError", "run init")
    told = failure_line(DatasetFailed("p", ValueError("s3://key:secret@host/" + "x" * 2_000)), NOW)
    assert told.kind == "ValueError"
    assert len(told.detail) == DETAIL_LENGTH
    assert "secret" not in told.detail
    assert told.hint == ""


def test_tallies_add_up_field_by_field():
    ones = Tally(*[1] * len(fields(Tally)))
    assert ones + ones == Tally(*[2] * len(fields(Tally)))
