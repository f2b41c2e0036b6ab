"""Releases that end with everybody on the version they had."""

import pytest
from tests.stories.storyteller import Storyteller, Told

from app_service_simulator.faults.fault import Fault


def assert_back_on_stable(story: Storyteller, told: Told) -> None:
    assert told.state == "failed"
    assert told.tasks["outcome"] == "failed"
    assert story.version() == "1.0.0"
    assert story.rules() == []


@pytest.mark.parametrize(
    "word", ["reject", "REJECTED", '{"decision": "rejected", "by": "maria", "comment": "not on a Friday"}']
)
def test_a_rejected_release_sends_all_new_users_back_and_says_who_rejected_it(story: Storyteller, word: str) -> None:
    story.manager_writes(word)
    told = story.tell(weights=[30])
    assert_back_on_stable(story, told)
    assert story.calls("/slotsswap") == 0
    assert told.xcoms["approval"]["decision"] == "rejected"
    assert "task approval failed: The release was rejected" in told.sentence
    if "maria" in word:
        assert "by maria" in told.sentence
        assert "not on a Friday" in told.sentence


def test_an_approval_that_nobody_gives_in_time_is_a_rejection(story: Storyteller) -> None:
    story.policy["approval"] = {"timeout": "1s"}
    told = story.tell(weights=[30])
    assert_back_on_stable(story, told)
    assert "Nobody decided in time" in told.sentence


def test_a_variable_that_is_no_decision_does_not_open_the_gate(story: Storyteller) -> None:
    from airflow.models import Variable

    story.policy["approval"] = {"timeout": "9s"}
    story.manager_writes("yes please")
    told = story.tell(weights=[30])
    assert_back_on_stable(story, told)
    assert told.xcoms["approval"]["door"] == "timeout"
    assert Variable.get(f"canary_approval__{story.dag_id}__{told.run_id}", default_var=None) is None


def test_with_named_approvers_a_variable_does_not_open_the_gate(story: Storyteller) -> None:
    story.policy["approval"] = {"timeout": "9s", "approvers": ["maria"]}
    story.manager_writes('{"decision": "approve", "by": "maria"}')
    told = story.tell(weights=[30])
    assert_back_on_stable(story, told)
    assert told.xcoms["approval"]["door"] == "timeout"


def test_a_slot_that_never_gets_ready_receives_no_user(story: Storyteller) -> None:
    story.policy["readiness"]["timeout"] = "3s"
    told = story.tell(package_uri=story.package(SAMPLE_UNHEALTHY="1"))
    assert_back_on_stable(story, told)
    assert told.tasks["slot_ready"] == "failed"
    assert told.failed_visits == []
    assert "answered 503" in told.sentence
    assert "canary_20.shift" not in told.xcoms


def test_a_slot_that_runs_another_version_than_the_one_asked_for_receives_no_user(story: Storyteller) -> None:
    story.policy["readiness"]["timeout"] = "3s"
    told = story.tell(version="3.0.0", package_uri=story.package("2.0.0"))
    assert_back_on_stable(story, told)
    assert "runs version 2.0.0, not 3.0.0" in told.sentence


def test_a_package_that_does_not_start_fails_its_deployment(story: Storyteller) -> None:
    told = story.tell(package_uri=story.package(SAMPLE_FAIL_START="1"))
    assert_back_on_stable(story, told)
    assert told.tasks["deploy"] == "failed"
    assert told.failed_visits == []
    assert "did not take the package" in told.sentence


def test_a_canary_that_turns_bad_loses_its_users_from_the_trigger_at_once(story: Storyteller) -> None:
    story.policy["steps"][0]["bake"] = "60s"
    broken = {"SAMPLE_UNHEALTHY": "1"}
    story.while_waiting_in("canary_20.watch", lambda: story.simulator.set_app_settings(story.app, "stage", broken))
    told = story.tell()
    assert_back_on_stable(story, told)
    watch = told.xcoms["canary_20.watch"]
    assert watch["outcome"] == "fail"
    assert watch["rule_cleared_at"] is not None
    assert "failed 2 times in a row (limit 2): GET /health answered 503" in told.sentence


def test_a_canary_that_turns_bad_while_a_manager_thinks_loses_its_users_and_is_not_swapped(story: Storyteller) -> None:
    broken = {"SAMPLE_UNHEALTHY": "1"}
    story.policy["analysis"] = {"sources": {"probe": {"rate": 20, "first_look": "1s"}}}
    story.while_waiting_in("approval", lambda: story.simulator.set_app_settings(story.app, "stage", broken))
    told = story.tell(weights=[30])
    assert_back_on_stable(story, told)
    assert story.calls("/slotsswap") == 0
    assert "task approval failed: While a manager was asked: By probe, the canary failed" in told.sentence


def test_a_version_that_turns_bad_after_the_swap_is_swapped_back(story: Storyteller) -> None:
    story.policy["watch"]["promoted_bake"] = "60s"
    broken = {"SAMPLE_UNHEALTHY": "1"}
    story.while_waiting_in("watch_promoted", lambda: story.simulator.set_app_settings(story.app, None, broken))
    story.manager_writes("approve")
    told = story.tell(weights=[30])
    assert_back_on_stable(story, told)
    assert story.calls("/slotsswap") == 2
    assert told.xcoms["restore"]["undone"] == ["swap the stable version back"]
    assert "task watch_promoted failed" in told.sentence


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_swap_whose_answer_is_lost_happens_exactly_once(story: Storyteller, carried_out: bool) -> None:
    fault = Fault(operation="WebApps_SwapSlot*", do="gateway_timeout", when="after" if carried_out else "before")
    story.while_waiting_in("approval", lambda: story.simulator.set_faults(fault))
    story.manager_writes("approve")
    told = story.tell(weights=[30])
    assert told.state == "success"
    assert story.version() == "2.0.0"
    assert told.failed_visits == []


@pytest.mark.parametrize(("wish", "state"), [("keep", "Running"), ("stop", "Stopped")])
def test_after_a_rollback_the_slot_is_kept_or_stopped_as_the_release_file_says(
    story: Storyteller, wish: str, state: str
) -> None:
    story.policy["after_rollback"] = wish
    deployments = story.calls("/onedeploy")
    story.manager_writes("reject")
    told = story.tell(weights=[30])
    assert_back_on_stable(story, told)
    assert story.slot_state() == state
    assert "slot 'stage'" in told.xcoms["restore"]["sentence"].lower()
    assert story.calls("/onedeploy") == deployments + 1


def test_a_rejected_release_puts_the_version_that_was_promoted_last_back_into_the_slot(story: Storyteller) -> None:
    story.manager_writes("approve")
    assert story.tell(version="2.0.0", weights=[30]).state == "success"
    story.manager_writes("reject")
    pinned: list[str] = []
    story.while_waiting_in("approval", lambda: pinned.append(story.pinned_user_sees()))
    told = story.tell(version="3.0.0", weights=[30])
    assert told.state == "failed"
    assert pinned == ["3.0.0"]
    assert story.pinned_user_sees() == "2.0.0"
    assert story.version() == "2.0.0"
    assert story.rules() == []
    assert "Slot 'stage' has version 2.0.0 again" in told.xcoms["restore"]["sentence"]
