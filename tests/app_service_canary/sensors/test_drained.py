"""Waiting until nobody is pinned to the slot."""

import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.app_service_canary.task_context import task_context

from app_service_canary.sensors.drained import PinnedUsersDrainedSensor
from app_service_canary.triggers.waiting import SETTLE, now


def sensor(**changed: Any) -> PinnedUsersDrainedSensor:
    return PinnedUsersDrainedSensor(task_id="drain", watch_task_ids=["first", "second"], **changed)


def after(seconds: float, **pinned_for: float | None) -> dict[str, Any]:
    """The context of a run whose rule was cleared so many seconds ago."""
    cleared = (now() - timedelta(seconds=seconds)).isoformat()
    watched = {task: {"pinned_for_seconds": life} for task, life in pinned_for.items()}
    return task_context("drain", swap={"rule_cleared_at": cleared}, **watched)


def test_after_the_cookies_life_nobody_is_waited_for() -> None:
    assert set(sensor().execute(after(61, first=60))) == {"drained_at"}


def test_before_that_it_waits_without_a_worker_until_the_longest_cookie_has_run_out() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute(after(10, first=30, second=60))
    left = deferred.value.trigger.moment - now()
    assert timedelta(seconds=48) < left <= timedelta(seconds=50)


def test_a_cookie_that_was_never_seen_is_taken_to_live_as_long_as_the_file_allows() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(at_most=timedelta(hours=1)).execute(after(0, first=None))
    assert deferred.value.trigger.moment - now() > timedelta(minutes=59)


def test_it_never_waits_longer_than_the_file_allows() -> None:
    assert sensor(at_most=timedelta(seconds=5)).execute(after(6, first=3600))


def test_it_never_ends_a_wait_before_the_scheduler_has_seen_the_deferral() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute(after(9.9, first=10))
    assert deferred.value.trigger.moment - now() > SETTLE - timedelta(seconds=1)


def test_a_wait_that_is_ended_too_early_goes_on() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute_complete(after(10, first=60), event="another task's")
    assert deferred.value.trigger.moment - now() > timedelta(seconds=45)
    assert sensor().execute_complete(after(61, first=60))


def test_after_a_swap_that_a_person_marked_success_the_wait_counts_from_its_own_beginning() -> None:
    context = task_context("drain", swap={}, first={"pinned_for_seconds": 0.3})
    with pytest.raises(TaskDeferred):
        sensor().execute(context)
    time.sleep(0.3)
    assert sensor().execute_complete(context)


def test_without_deferral_airflows_own_sensor_asks_again_and_again() -> None:
    context = after(0, first=0.3)
    assert sensor(deferrable=False, poke_interval=0.1).execute(context)
