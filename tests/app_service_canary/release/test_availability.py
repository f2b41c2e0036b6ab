"""The decision."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app_service_canary.release.strategies import answer, seen

from app_service_canary.release.availability import Limits, judge_answers
from app_service_canary.release.observation import Observation, Side
from app_service_canary.release.verdict import Outcome, Verdict

LIMITS = Limits(failure_limit=3, min_answers=3)
GOOD, BAD = True, False

answers = st.lists(st.tuples(st.sampled_from(Side), st.booleans()), max_size=30)
limits = st.builds(Limits, failure_limit=st.integers(1, 5), min_answers=st.integers(1, 5))


def both(*good: bool) -> Observation:
    """These answers, on both sides."""
    return seen(*((side, one) for one in good for side in Side))


@given(answers, limits, st.booleans())
def test_a_side_at_its_failure_limit_is_rejected_and_no_other_is(
    given_answers: list[tuple[Side, bool]], allowed: Limits, bake_is_over: bool
) -> None:
    observation = seen(*given_answers)
    streak = max(side.failures_in_a_row for side in observation.sides.values())

    verdict = judge_answers(observation, allowed, bake_is_over=bake_is_over)

    assert (streak >= allowed.failure_limit) == (verdict is not None and verdict.outcome is Outcome.FAIL)


@given(answers, limits)
def test_a_pass_has_enough_answers_on_every_side_and_no_failure_open(
    given_answers: list[tuple[Side, bool]], allowed: Limits
) -> None:
    observation = seen(*given_answers)
    enough = all(side.requests >= allowed.min_answers for side in observation.sides.values())
    well = not any(side.failures_in_a_row for side in observation.sides.values())

    verdict = judge_answers(observation, allowed, bake_is_over=True)

    assert verdict is not None
    assert (enough and well) == (verdict.outcome is Outcome.PASS)


@given(answers, limits, st.booleans())
def test_every_verdict_says_why(given_answers: list[tuple[Side, bool]], allowed: Limits, bake_is_over: bool) -> None:
    verdict = judge_answers(seen(*given_answers), allowed, bake_is_over=bake_is_over)

    assert verdict is None or all(reason.endswith(".") for reason in verdict.reasons)
    assert verdict is None or len(verdict.reasons) >= 1


@given(answers, limits)
def test_before_the_bake_is_over_there_is_a_rejection_or_nothing(
    given_answers: list[tuple[Side, bool]], allowed: Limits
) -> None:
    verdict = judge_answers(seen(*given_answers), allowed, bake_is_over=False)

    assert verdict is None or verdict.outcome is Outcome.FAIL


@pytest.mark.parametrize(("failures", "expected"), [(2, None), (3, Outcome.FAIL), (4, Outcome.FAIL)])
def test_a_canary_is_rejected_at_once_exactly_at_the_limit(failures: int, expected: Outcome | None) -> None:
    verdict = judge_answers(seen((Side.SLOT, GOOD), *[(Side.SLOT, BAD)] * failures), LIMITS, bake_is_over=False)

    assert expected == (verdict and verdict.outcome)


def test_a_good_answer_ends_a_streak_of_bad_ones() -> None:
    assert judge_answers(both(BAD, BAD, GOOD, BAD, BAD), LIMITS, bake_is_over=False) is None


def test_bad_answers_on_the_two_sides_do_not_add_up() -> None:
    assert judge_answers(both(GOOD, BAD, BAD), LIMITS, bake_is_over=False) is None


@pytest.mark.parametrize(
    ("side", "who"),
    [(Side.SLOT, "The slot's own host"), (Side.VISITORS, "The visitors' side (the app's own host)")],
)
def test_a_rejection_names_side_count_limit_and_what_was_wrong(side: Side, who: str) -> None:
    verdict = judge_answers(seen(*[(side, BAD)] * 3), LIMITS, bake_is_over=False)

    assert verdict is not None
    assert f"{who} failed 3 times in a row (limit 3): GET /health answered 500." == verdict.sentence


def test_both_sides_failing_give_both_reasons() -> None:
    verdict = judge_answers(both(BAD, BAD, BAD), LIMITS, bake_is_over=True)

    assert verdict is not None
    assert len(verdict.reasons) == 2


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, Outcome.INCONCLUSIVE), (1, Outcome.INCONCLUSIVE), (2, Outcome.INCONCLUSIVE), (3, Outcome.PASS)],
)
def test_with_too_few_answers_there_is_no_verdict_at_the_end(count: int, expected: Outcome) -> None:
    verdict = judge_answers(both(*[GOOD] * count), LIMITS, bake_is_over=True)

    assert verdict is not None
    assert expected is verdict.outcome


def test_no_data_is_inconclusive_and_says_how_much_is_needed() -> None:
    verdict = judge_answers(seen(sides=(Side.SLOT,)), LIMITS, bake_is_over=True)

    expected = (
        "The slot's own host was asked 0 times during the bake; 3 are needed for a verdict. "
        "Bake for longer, or set a shorter poll_interval."
    )
    assert Verdict(Outcome.INCONCLUSIVE, (expected,)) == verdict


def test_a_watch_without_a_side_is_inconclusive() -> None:
    verdict = judge_answers(Observation.of(), LIMITS, bake_is_over=True)

    assert Verdict(Outcome.INCONCLUSIVE, ("No side was watched, so nothing was seen.",)) == verdict


def test_one_well_watched_side_does_not_make_up_for_the_other() -> None:
    verdict = judge_answers(seen(*[(Side.SLOT, GOOD)] * 100), LIMITS, bake_is_over=True)

    assert verdict is not None
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_a_failure_open_when_the_bake_ends_is_inconclusive() -> None:
    verdict = judge_answers(both(GOOD, GOOD, GOOD, BAD), LIMITS, bake_is_over=True)

    assert verdict is not None
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "was failing when the bake ended, 1 in a row (limit 3): GET /health answered 500." in verdict.reasons[0]


def test_a_pass_says_how_many_answers_were_bad() -> None:
    verdict = judge_answers(
        seen(*[(Side.SLOT, GOOD)] * 4, (Side.SLOT, BAD), (Side.SLOT, GOOD), sides=(Side.SLOT,)),
        LIMITS,
        bake_is_over=True,
    )

    assert verdict is not None
    assert verdict.sentence == "The slot's own host answered 6 times, 1 of them badly, never 3 in a row."


def test_the_newest_problem_is_the_one_named() -> None:
    problems = ("answered 500", "answered 502", "did not answer in time")
    observation = Observation.of(Side.SLOT)
    for problem in problems:
        observation = observation.and_then(replace(answer(good=BAD), problem=problem))

    verdict = judge_answers(observation, LIMITS, bake_is_over=False)

    assert verdict is not None
    assert "did not answer in time" in verdict.sentence
    assert "502" not in verdict.sentence
