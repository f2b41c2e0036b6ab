"""How long a release takes."""

from datetime import timedelta
from typing import Any

from app_service_canary.release.policy import ReleasePolicy, Step
from app_service_canary.release.timing import time_to_finish, time_to_promote, worst_time_to_roll_back


def policy(**changed: Any) -> ReleasePolicy:
    return ReleasePolicy.model_validate(
        {
            "app": "storefront",
            "resource_group": "storefront-rg",
            "slot": "canary",
            "steps": [{"weight": 10, "bake": "10m"}, {"weight": 50, "bake": "20m"}],
            "watch": {"promoted_bake": "5m", "poll_interval": "5s", "failure_limit": 3, "timeout": "10s"},
            **changed,
        }
    )


def test_the_time_to_promote_can_be_redone_by_hand() -> None:
    by_hand = 30 + (600 + 1200) + 3 * 32 + 110 + 300 + 3 * 5 + 11 * 3
    assert time_to_promote(policy()) == timedelta(seconds=by_hand)


def test_the_steps_of_a_run_count_instead_of_those_of_the_file() -> None:
    steps = [Step.model_validate({"weight": 50, "bake": "1m"})]
    by_hand = 30 + 60 + 2 * 32 + 110 + 300 + 2 * 5 + 9 * 3
    assert time_to_promote(policy(), steps) == timedelta(seconds=by_hand)


def test_without_requests_of_our_own_there_is_no_first_look_to_count() -> None:
    unprobed = policy(analysis={"sources": {"azure_monitor": {}}})
    assert time_to_promote(unprobed) == (time_to_promote(policy()) or timedelta()) - timedelta(seconds=3 * 5)


def test_a_release_that_waits_for_a_person_takes_as_long_as_the_person() -> None:
    waiting = policy(steps=[{"weight": 10, "bake": "manual"}])
    assert time_to_promote(waiting) is None
    assert time_to_finish(waiting) is None


def test_the_drain_runs_while_the_swap_and_the_watch_go_on() -> None:
    promoted = time_to_promote(policy())
    assert promoted is not None
    assert time_to_finish(policy()) == promoted + timedelta(seconds=3600 - 110 - 300)
    assert time_to_finish(policy(drain="1m")) == promoted


def test_the_worst_time_to_roll_back_is_the_limit_of_slow_failures_and_one_change_of_the_rule() -> None:
    assert worst_time_to_roll_back(policy().watch) == timedelta(seconds=3 * (5 + 10) + 32)
