"""Progress: what the tasks and what they left behind say, and what they do not."""

from datetime import timedelta

import pytest
from tests.demo.releases import LEFT_BEHIND, NOON, TASKS, progress, task

from demo.airflow_api import in_order
from demo.progress import Progress, detail, duration, time_by_kind


def test_the_current_task_is_the_first_unfinished_that_has_begun_and_the_next_follows_it() -> None:
    under_way = progress("deploy", "deferred")
    assert under_way.current == under_way.task("deploy")
    assert under_way.upcoming == under_way.task("slot_ready")


def test_between_two_tasks_nothing_is_current_but_something_is_next() -> None:
    between = Progress([task("preflight", "success", 0, 1), task("start_slot", "scheduled")])
    assert between.current is None
    assert between.upcoming == between.task("start_slot")


def test_an_ended_release_has_neither_current_nor_next() -> None:
    ended = progress("outcome", "success")
    assert (ended.current, ended.upcoming) == (None, None)


@pytest.mark.parametrize(
    ("until", "state", "expected"),
    [
        ("deploy", "running", 0.0),
        ("canary_10.shift", "success", 10.0),
        ("canary_10.watch", "deferred", 10.0),
        ("canary_50.watch", "deferred", 50.0),
        ("approval", "deferred", 50.0),
        ("swap", "deferred", 50.0),
        ("swap", "success", 100.0),
        ("drain", "deferred", 100.0),
        ("outcome", "success", 100.0),
    ],
)
def test_the_requested_share_follows_the_steps_and_the_swap(until: str, state: str, expected: float) -> None:
    assert progress(until, state).requested_share == expected


def test_once_a_release_is_put_back_no_share_is_requested() -> None:
    put_back = Progress(
        [task("canary_10.shift", "success", 0, 1), task("approval", "failed", 1, 1), task("restore", "success", 2, 1)],
        {"canary_10.shift": LEFT_BEHIND["canary_10.shift"]},
    )
    assert put_back.requested_share == 0.0


def test_a_step_knows_what_was_asked_applied_and_when_it_was_watched() -> None:
    steps = progress("canary_50.watch").steps
    assert [(step.name, step.requested, step.applied) for step in steps] == [
        ("canary_10", 10.0, 10.0),
        ("canary_50", 50.0, 50.0),
    ]
    assert (steps[0].watched_from, steps[0].watched_until) == (
        NOON + timedelta(seconds=50),
        NOON + timedelta(seconds=60),
    )
    assert steps[1].watched_until is None


def test_a_step_that_set_no_weight_is_left_out() -> None:
    skipped = Progress([task("canary_10.shift", "success", 0, 1)], {"canary_10.shift": {"requested": None}})
    assert skipped.steps == []


@pytest.mark.parametrize("state", ["deferred", "awaiting_input"])
def test_an_approval_that_has_asked_waits_for_the_manager(state: str) -> None:
    assert progress("approval", state).waits_for_manager


@pytest.mark.parametrize("state", ["queued", "running", "up_for_retry", "success"])
def test_an_approval_that_has_not_asked_or_was_answered_does_not_wait(state: str) -> None:
    assert not progress("approval", state).waits_for_manager


def test_the_outcomes_own_word_decides_whether_it_was_promoted() -> None:
    said = progress("outcome", "success")
    assert said.promoted
    assert said.sentence == "Version 2.0.0 was promoted."
    rolled_back = Progress(said.tasks, {"outcome": {"outcome": "rolled_back", "sentence": "It was not."}})
    assert not rolled_back.promoted


def test_without_a_word_only_a_watched_swap_counts_as_promoted() -> None:
    assert not progress("swap", "success").promoted
    assert progress("watch_promoted", "success").promoted


def test_nothing_left_behind_is_no_error() -> None:
    silent = Progress(progress("outcome", "failed").tasks)
    assert (silent.steps, silent.sentence, silent.requested_share) == ([], None, 100.0)


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        ("canary_10.shift", "send 10 % of new users to the slot"),
        ("canary_2_5.watch", "watch users at 2.5 %"),
        ("swap", "swap the slot into production"),
        ("count_the_coins", "count the coins"),
    ],
)
def test_a_task_is_told_in_words(task_id: str, expected: str) -> None:
    assert Progress([]).does(task_id) == expected


def test_a_run_with_weights_of_its_own_tells_those_and_not_the_files() -> None:
    of_its_own = Progress(progress("preflight").tasks, weights=[5.0])
    assert of_its_own.does("canary_10.shift") == "send 5 % of new users to the slot"
    assert of_its_own.does("canary_50.watch") == "pass canary_50, a step that this run does not have"


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        ("preflight", "production is on 1.0.0"),
        ("canary_10.shift", "10 % applied"),
        ("canary_10.watch", "It answered. Always."),
        ("approval", "approved by manager: “looks good”"),
        ("outcome", "promoted"),
        ("deploy", ""),
    ],
)
def test_what_a_task_left_behind_is_told_beside_it(task_id: str, expected: str) -> None:
    assert detail(task(task_id, "success", 0, 1), LEFT_BEHIND.get(task_id, {})) == expected


@pytest.mark.parametrize("task_id", TASKS)
def test_a_task_that_left_nothing_behind_is_told_without(task_id: str) -> None:
    assert detail(task(task_id, "success", 0, 1), {}) == ""


def test_a_running_tasks_duration_grows_and_a_finished_ones_does_not() -> None:
    later = NOON + timedelta(seconds=60)
    assert duration(task("swap", None), later) is None
    assert duration(task("swap", "running", 50), later) == timedelta(seconds=10)
    assert duration(task("swap", "success", 50, 3), later) == timedelta(seconds=3)


def test_the_time_by_kind_adds_up_to_the_run() -> None:
    ended = progress("outcome", "success")
    run_time = timedelta(seconds=160)
    kinds = time_by_kind(ended, run_time, NOON)
    assert {kind: took.total_seconds() for kind, took in kinds.items()} == {
        "Azure": 70.0,
        "bakes": 30.0,
        "approval": 10.0,
        "drain": 10.0,
        "other tasks": 30.0,
        "Airflow between tasks": 10.0,
    }
    assert sum(kinds.values(), timedelta()) == run_time


def test_tasks_stand_after_those_they_follow() -> None:
    followers = {"outcome": [], "preflight": ["deploy"], "restore": ["outcome"], "deploy": ["restore"]}
    assert in_order(followers) == ["preflight", "deploy", "restore", "outcome"]
