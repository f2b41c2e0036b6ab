"""When a release has ended right."""

import pytest
from chaos.judging import STORIES, judge, kill_in, next_sign, swaps_in, wrong_with
from tests.chaos.releases import NOON, after, case, cut_over, ending, entry, tasks

REJECTED = {
    "run_state": "failed",
    "outcome": "rolled_back",
    "sentence": "Version 2.0.0 of app 'chaos-01' was not promoted: task approval failed: rejected by manager.",
    "versions": ("1.0.0", "2.0.0", "1.0.0"),
    "swaps": 0,
}
FAILING = {
    **REJECTED,
    "sentence": "Version 2.0.0 of app 'chaos-01' was not promoted: task watch_promoted failed: 503.",
    "swaps": 2,
}


def test_a_release_that_was_promoted_once_is_right() -> None:
    assert judge(case(), ending()).right


@pytest.mark.parametrize(("story", "facts"), [("rejected", REJECTED), ("failing", FAILING)])
def test_a_release_that_is_back_on_stable_as_told_is_right(story: str, facts: dict[str, object]) -> None:
    assert judge(case(story), ending(**facts)).right


@pytest.mark.parametrize(
    ("problem", "changes"),
    [
        ("nothing was killed", {"killed_at": None}),
        ("production serves 1.0.0, not 2.0.0", {"versions": ("1.0.0", "2.0.0", "1.0.0")}),
        ("3 swaps, not 1", {"swaps": 3}),
        ("0 swaps, not 1", {"swaps": 0}),
        ("a rule still sends 20 %", {"weights": (0.0, 20.0)}),
        ("2 of 200 requests failed, the first: 403", {"failures": ("403", "502")}),
        ("no visitor came", {"requests": 0}),
        ("the run is failed and says promoted", {"run_state": "failed"}),
        ("the run is success and says nothing", {"outcome": ""}),
        ("does not say “is promoted”", {"sentence": "Version 2.0.0 was not promoted."}),
        ("does not name version 2.0.0", {"sentence": "It is promoted."}),
        ("it asks for help", {"sentence": "Version 2.0.0 is promoted. ACT NOW: swap by hand."}),
        ("it has not ended in time", {"run_state": "running"}),
    ],
)
def test_everything_that_is_wrong_is_told(problem: str, changes: dict[str, object]) -> None:
    judged = judge(case(), ending(**changes))
    assert [told for told in judged.problems if problem in told], judged.problems


@pytest.mark.parametrize("story", ["rejected", "failing"])
def test_a_version_that_must_not_stay_and_stays_is_wrong(story: str) -> None:
    assert not judge(case(story), ending()).right


def test_a_good_version_that_a_kill_keeps_from_promotion_is_wrong() -> None:
    assert not judge(case(), ending(**REJECTED)).right


def test_a_rule_of_no_weight_may_stay() -> None:
    assert judge(case(), ending(weights=(0.0,))).right


def test_a_recorded_release_needs_no_kill() -> None:
    assert wrong_with(STORIES["promoted"], ending(killed_at=None)) == []


def test_swaps_are_counted_by_their_effect_and_not_by_their_calls() -> None:
    asked = entry(1, method="POST", operation="WebApps_SwapSlotSlot")
    assert swaps_in([asked, asked, cut_over(2)]) == 1


def test_the_kill_is_when_the_call_that_met_it_ended() -> None:
    callback, kill = entry(1, fault={"do": "callback"}), entry(2, fault={"do": "kill"})
    assert kill_in([callback, kill]) == kill.ended
    assert kill_in([callback]) is None


def test_a_release_goes_on_with_the_first_call_or_task_after_the_kill() -> None:
    calls = [entry(1), entry(2, fault={"do": "kill"}), entry(9)]
    [task] = tasks([("swap", "GET", "WebApps_Get", 1)])
    retried = task.model_copy(update={"start_date": after(8)})
    assert next_sign(after(2.5), calls, [task]) == after(9)
    assert next_sign(after(2.5), calls, [task, retried]) == after(8)
    assert next_sign(after(2.5), calls[:2], []) is None
    assert next_sign(None, calls, []) is None


def test_seconds_are_counted_from_the_kill() -> None:
    told = ending()
    assert told.seconds_after_the_kill(told.next_sign) == 7
    assert told.seconds_after_the_kill(told.ended_at) == 60
    assert told.seconds_after_the_kill(None) is None
    assert ending(killed_at=None).seconds_after_the_kill(NOON) is None


def test_the_most_tries_of_a_task_are_told() -> None:
    assert ending().most_tries == 2
