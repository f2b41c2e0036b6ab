"""Which cases there are, and which are chosen."""

from collections import Counter

import pytest
from chaos.cases import AFTER, BEFORE, Case, discover, in_running_order, named, sample
from tests.chaos.releases import PROMOTED, REJECTED, record

CASES = discover(record("promoted", PROMOTED), [record("rejected", REJECTED)])


def names(cases: list[Case]) -> list[str]:
    return [case.name for case in cases]


def test_every_call_of_the_promoted_release_is_a_case_before_and_after_its_effect() -> None:
    calls = record("promoted", PROMOTED).calls
    made = [(case.call, case.moment) for case in CASES if case.story == "promoted" and case.call]
    assert made == [(call, moment) for call in calls for moment in (BEFORE, AFTER)]


def test_the_triggerer_dies_after_each_deferral() -> None:
    assert "promoted swap triggerer deferred" in names(CASES)


def test_the_scheduler_dies_as_each_task_begins_and_when_it_has_ended() -> None:
    for task in record("promoted", PROMOTED).tasks:
        assert {f"promoted {task} scheduler begins", f"promoted {task} scheduler ended"} <= set(names(CASES))


def test_of_another_release_only_what_the_promoted_one_does_not_do_is_a_case() -> None:
    rejected = [case for case in CASES if case.story == "rejected"]
    assert {case.task for case in rejected} == {"restore"}
    assert names(rejected) == [
        "rejected restore PATCH UpdateConfiguration 1 before",
        "rejected restore PATCH UpdateConfiguration 1 after",
        "rejected restore GET Get 1 since UpdateConfiguration 1 before",
        "rejected restore GET Get 1 since UpdateConfiguration 1 after",
        "rejected restore scheduler begins",
        "rejected restore scheduler ended",
    ]


def test_no_two_cases_have_the_same_name() -> None:
    assert [name for name, count in Counter(names(CASES)).items() if count > 1] == []


def test_who_dies_is_known_of_each_case() -> None:
    victims = {case.name: case.victim for case in CASES}
    assert victims["promoted swap POST SwapSlotSlot 1 after"] == "task"
    assert victims["promoted swap GET GetOperationResultSlot 1 since SwapSlotSlot 1 before"] == "triggerer"
    assert victims["promoted swap scheduler ended"] == "scheduler"


@pytest.mark.parametrize("words", ["swap POST after", "SWAP post AFTER", "promoted swap POST SwapSlotSlot 1 after"])
def test_a_case_is_found_by_words_of_its_name(words: str) -> None:
    assert names(named(CASES, words)) == ["promoted swap POST SwapSlotSlot 1 after"]


def test_words_that_no_case_has_find_none() -> None:
    assert named(CASES, "swap DELETE") == []


def test_a_sample_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert sample(CASES, 8, seed=1) == sample(CASES, 8, seed=1)
    assert {case.name for case in sample(CASES, 8, seed=1)} != {case.name for case in sample(CASES, 8, seed=2)}


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_has_every_kind_of_victim_and_every_story(seed: int) -> None:
    chosen = sample(CASES, 12, seed)
    assert len(set(chosen)) == 12
    assert {case.victim for case in chosen} == {"task", "triggerer", "scheduler"}
    assert {case.story for case in chosen} == {"promoted", "rejected"}
    assert sum(case.victim == "task" for case in chosen) >= 6


def test_a_sample_of_more_than_there_are_is_all_of_them() -> None:
    assert set(sample(CASES, 1000, seed=1)) == set(CASES)


def test_kills_that_hit_every_release_come_last() -> None:
    hits = [case.hits_all for case in in_running_order(reversed(CASES))]
    assert hits == sorted(hits)
