"""What was seen, in counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from tests.app_service_canary.release.strategies import answer, seen

from app_service_canary.release.observation import Observation, Side, Tally, wilson_interval

shares = st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@given(shares, st.floats(0.5, 0.999))
def test_the_interval_of_a_share_is_wilsons_as_scipy_computes_it(share: tuple[int, int], confidence: float) -> None:
    successes, trials = share
    expected = binomtest(successes, trials).proportion_ci(confidence, method="wilson")

    assert (expected.low, expected.high) == pytest.approx(wilson_interval(successes, trials, confidence), abs=1e-12)


@given(shares)
def test_the_interval_lies_within_0_and_1_and_holds_the_share(share: tuple[int, int]) -> None:
    successes, trials = share
    low, high = wilson_interval(successes, trials)

    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1


def test_without_a_trial_any_share_is_possible() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_nothing_seen_has_no_mean() -> None:
    assert Tally().mean_seconds is None


def test_answers_are_counted_with_their_failures_and_time() -> None:
    measurement = Tally()
    for good, seconds in ((True, 0.1), (False, 0.3), (False, 0.2)):
        measurement = measurement.and_then(answer(good=good, seconds=seconds))

    assert (measurement.requests, measurement.failures, measurement.failures_in_a_row) == (3, 2, 2)
    assert measurement.mean_seconds == pytest.approx(0.2)


def test_a_good_answer_resets_the_streak_and_keeps_the_last_problem() -> None:
    measurement = Tally().and_then(answer(good=False)).and_then(answer())

    assert (measurement.failures, measurement.failures_in_a_row) == (1, 0)
    assert measurement.last_problem == "GET /health answered 500"


@given(st.lists(st.tuples(st.sampled_from(Side), st.booleans()), max_size=30))
def test_each_side_counts_its_own_answers(answers: list[tuple[Side, bool]]) -> None:
    observation = seen(*answers)

    for side in Side:
        own = [good for answered, good in answers if answered is side]
        assert (len(own), own.count(False)) == (observation.sides[side].requests, observation.sides[side].failures)


def test_an_observation_is_not_changed_by_one_more_answer() -> None:
    before = Observation.of(Side.VISITORS)
    before.and_then(answer(Side.VISITORS, routed_to="stage", pinned_for=60.0))

    assert Observation.of(Side.VISITORS) == before


def test_the_observed_share_counts_the_dice_that_fell_on_the_slot_whatever_the_case() -> None:
    observation = Observation.of(Side.VISITORS)
    for routed_to in ("self", "Stage", "stage", "self", "other", None):
        observation = observation.and_then(answer(Side.VISITORS, routed_to=routed_to))

    share = observation.to_json("stage")["observed_share"]

    low, high = wilson_interval(2, 5)
    expected = {"routed": 5, "to_canary": 2, "percent": 40.0, "interval": [round(100 * low, 1), round(100 * high, 1)]}
    assert expected == share


def test_a_cookie_from_the_slots_own_host_is_no_throw_of_the_dice() -> None:
    observation = Observation.of(Side.SLOT).and_then(answer(Side.SLOT, routed_to="stage"))

    assert observation.to_json("stage")["observed_share"]["routed"] == 0


def test_with_no_cookie_seen_the_share_is_unknown() -> None:
    share = seen((Side.VISITORS, True)).to_json("stage")["observed_share"]

    assert share == {"routed": 0, "to_canary": 0, "percent": None, "interval": [0.0, 100.0]}


@pytest.mark.parametrize(("lives", "expected"), [([], None), ([None], None), ([0.0], 0.0), ([60.0, None, 6.0], 60.0)])
def test_the_longest_life_of_a_routing_cookie_is_kept(lives: list[float | None], expected: float | None) -> None:
    observation = Observation.of(Side.VISITORS)
    for life in lives:
        observation = observation.and_then(answer(Side.VISITORS, pinned_for=life))

    assert expected == observation.to_json("stage")["pinned_for_seconds"]


def test_the_record_has_counts_and_mean_latency_in_milliseconds_for_each_watched_side() -> None:
    observation = seen((Side.SLOT, True), (Side.SLOT, False))

    expected = {
        "slot": {"requests": 2, "failures": 1, "mean_ms": 100.0},
        "visitors": {"requests": 0, "failures": 0, "mean_ms": None},
    }
    assert expected == observation.to_json("stage")["sides"]
