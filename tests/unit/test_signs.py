"""What a situation shows: whose fault it is, and whom it concerns."""

from __future__ import annotations

import pytest

from etl_daemon.core.alerting.signs import signs
from etl_daemon.core.alerting.situation import CYCLE, LEASE, Failure, Scene, Situation, fresh

SCENE = Scene(("p", "q", "r"), "s3", "snowflake")
S3, OWN = Failure("s3", "503", passing=True), Failure("", "no such column", "correct it")


def shown(**more) -> dict[str, str]:
    """Troubles, by key."""
    return {sign.key: sign.summary for sign in signs(Situation(SCENE, **more)) if not sign.well}


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        ({"p": S3}, "s3 does not work: p is not loaded."),
        ({"p": S3, "r": S3}, "s3 does not work: p, r are not loaded."),
        ({"p": S3, "q": S3, "r": S3}, "s3 does not work: nothing is loaded."),
        ({CYCLE: S3}, "s3 does not work: nothing is loaded."),
        ({CYCLE: S3, "q": S3}, "s3 does not work: q is not loaded."),
    ],
)
def test_a_dependency_that_is_down_is_one_trouble(failing, words):
    assert shown(failing=failing) == {"dependency_down:s3": words}


def test_a_datasets_own_fault_stands_beside_it():
    assert shown(failing={"p": S3, "q": OWN}) == {
        "dependency_down:s3": "s3 does not work: p is not loaded.",
        "dataset_failing:q": "q is not loaded.",
    }


def test_a_call_that_fails_for_good_is_the_datasets_unless_all_have_it():
    lasting = Failure("snowflake", "no right")
    assert list(shown(failing={"p": lasting})) == ["dataset_failing:p"]
    assert list(shown(failing=dict.fromkeys(SCENE.datasets, lasting))) == ["dependency_down:snowflake"]


def test_the_cycle_may_fail_by_itself():
    assert shown(failing={CYCLE: OWN}) == {"cycle_failing": "Nothing is loaded."}


def test_a_lease_that_cannot_be_had_is_down():
    assert shown(lease=Failure(LEASE, "503")) == {
        f"dependency_down:{LEASE}": f"{LEASE} does not work: nothing is loaded."
    }


def test_what_goes_on_is_well_again():
    situation = Situation(SCENE, failing={"p": OWN}, answered=frozenset({"s3"}), settled=frozenset("pq"), worked=True)
    found = {sign.key for sign in signs(situation) if sign.well}
    assert {"dependency_down:s3", "dataset_failing:q", "cycle_failing", "configuration"} <= found
    assert "dataset_failing:p" not in found
    assert "lease_lost" not in found
    had = Situation(SCENE, had_lease=True, worked=True)
    assert "lease_lost" in {sign.key for sign in signs(had)}
    assert signs(fresh(had)) == ()
