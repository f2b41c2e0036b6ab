"""How a release ended, in one sentence."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_service_canary.release.ending import Conclusion, Ending, TaskEnd, conclude

ORDER = (
    "preflight",
    "start_slot",
    "deploy",
    "canary_10.watch",
    "approval",
    "swap",
    "watch_promoted",
    "drain",
    "stop_slot",
)
RESTORED = "New users are on the stable version."


def concluded(approval: str = "", restored: str = RESTORED, changed: bool = False, **states: Any) -> Conclusion:
    """How a release ended whose tasks ended so; those not named succeeded, and so did restore."""
    tasks = {task: TaskEnd("success") for task in (*ORDER, "restore")}
    tasks.update({task: end if isinstance(end, TaskEnd) else TaskEnd(end) for task, end in states.items()})
    return conclude(
        app="storefront",
        version="2.0.0",
        approval=approval,
        tasks=tasks,
        order=ORDER,
        restored=restored,
        changed=changed,
    )


def failed(sentence: str) -> TaskEnd:
    """A task that failed with this sentence."""
    return TaskEnd("failed", sentence)


def test_a_release_watched_in_production_to_the_end_is_promoted() -> None:
    expected = "Version 2.0.0 of app 'storefront' is promoted: it serves all users, approved by maria (variable)."

    assert Conclusion(Ending.PROMOTED, expected) == concluded("approved by maria (variable)")
    assert concluded().sentence == "Version 2.0.0 of app 'storefront' is promoted: it serves all users."


@pytest.mark.parametrize("restore", ["success", "failed", None])
def test_a_promotion_stays_one_when_cleaning_up_fails(restore: str | None) -> None:
    conclusion = concluded(stop_slot=failed("Azure answered 503"), restore=restore)

    assert conclusion.promoted
    assert conclusion.sentence.endswith("Afterwards, task stop_slot failed: Azure answered 503.")


def test_a_refused_release_says_that_nothing_was_changed() -> None:
    conclusion = concluded(preflight=failed("There is no slot."), watch_promoted=None)

    expected = (
        "Version 2.0.0 of app 'storefront' was not released and nothing was changed: "
        "task preflight failed: There is no slot."
    )
    assert Conclusion(Ending.REFUSED, expected) == conclusion


def test_a_release_that_failed_and_was_undone_quotes_the_failure_and_what_was_undone() -> None:
    watched: dict[str, Any] = {"canary_10.watch": failed("The slot's own host failed 3 times in a row (limit 3).")}

    conclusion = concluded(**watched, watch_promoted=None)

    expected = (
        "Version 2.0.0 of app 'storefront' was not promoted: task canary_10.watch failed: The slot's own host failed "
        "3 times in a row (limit 3). New users are on the stable version."
    )
    assert Conclusion(Ending.ROLLED_BACK, expected) == conclusion


def test_the_first_failure_in_the_releases_order_is_the_reason() -> None:
    conclusion = concluded(
        swap=failed("The swap failed."), deploy=failed("The package is broken."), watch_promoted="upstream_failed"
    )

    assert "task deploy failed: The package is broken." in conclusion.sentence
    assert "swap" not in conclusion.sentence


@pytest.mark.parametrize("state", ["failed", "skipped", "upstream_failed", "removed", None])
def test_a_way_back_that_did_not_succeed_calls_for_somebody(state: str | None) -> None:
    conclusion = concluded(swap=failed("The swap failed."), watch_promoted=None, restore=state)

    assert conclusion.ending is Ending.NOT_RESTORED
    assert "ACT NOW: restore did not run to its end; clear it to run it again." in conclusion.sentence


def test_a_way_back_that_failed_says_what_is_left_to_do() -> None:
    conclusion = concluded(
        swap=failed("The swap failed."), watch_promoted=None, restore=failed("Swap by hand: az webapp …")
    )

    assert conclusion.ending is Ending.NOT_RESTORED
    assert conclusion.sentence.endswith("ACT NOW: Swap by hand: az webapp …")


def test_a_run_that_a_person_ended_says_so() -> None:
    conclusion = concluded(approval="", watch_promoted=None, drain=None, stop_slot="skipped")

    assert conclusion.ending is Ending.ROLLED_BACK
    assert "was not promoted: the run was ended by a person before it was through." in conclusion.sentence


def test_a_task_marked_failed_by_a_person_says_so() -> None:
    assert "it was marked failed by a person" in concluded(approval="", watch_promoted="failed").sentence


@pytest.mark.parametrize("sentence", ["It broke", "It broke.", "Rejected. “Not today”"])
def test_a_failures_sentence_ends_once(sentence: str) -> None:
    said = concluded(deploy=failed(sentence), watch_promoted=None, restored="").sentence

    assert sentence in said
    assert ".." not in said


ends = st.sampled_from(["success", "failed", "skipped", "upstream_failed", "running", None])


@given(st.dictionaries(st.sampled_from((*ORDER, "restore")), ends))
def test_only_a_swapped_and_watched_production_counts_as_promoted(states: dict[str, str | None]) -> None:
    tasks = {task: TaskEnd(state) for task, state in states.items()}

    conclusion = conclude(app="a", version="2", approval="", tasks=tasks, order=ORDER, restored=RESTORED, changed=True)

    assert conclusion.promoted == (states.get("swap") == states.get("watch_promoted") == "success")
    assert conclusion.sentence.startswith("Version 2 of app 'a'")
    if conclusion.ending is Ending.ROLLED_BACK:
        assert states.get("restore") == "success"


def test_a_run_that_was_cleared_and_then_refused_does_not_claim_that_nothing_was_changed() -> None:
    conclusion = concluded(changed=True, preflight=failed("The slot still gets users."), watch_promoted="skipped")
    assert conclusion.ending is Ending.ROLLED_BACK
    assert "nothing was changed" not in conclusion.sentence


def test_a_way_back_that_a_person_marked_is_not_taken_for_one() -> None:
    conclusion = concluded(deploy=failed("The package is broken."), watch_promoted=None, restored="")
    assert conclusion.ending is Ending.NOT_RESTORED
    assert "restore was marked by a person; see what production serves" in conclusion.sentence
