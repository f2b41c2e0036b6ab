"""The bet on counts."""

from collections import Counter
from itertools import combinations
from math import comb, exp, fsum, isclose, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom, nchypergeom_fisher

from app_service_canary.release.wager import (
    Bad,
    Wager,
    log_factors,
    mean_of_logs,
)

sides = st.tuples(st.integers(1, 40), st.integers(1, 40))
odds = st.floats(1.1, 50)


def fisher(ours: int, canary: int, baseline: int, bad: int, ratio: float) -> float:
    """How likely it is that so many of the bad requests are the canary's, by Fisher's noncentral hypergeometric
    distribution. scipy's own was seen to abort the process."""
    possible = range(max(0, bad - baseline), min(canary, bad) + 1)
    weights = {k: comb(canary, k) * comb(baseline, bad - k) * ratio**k for k in possible}
    return weights[ours] / fsum(weights.values())


@given(sides, st.data(), odds, st.floats(1.0, 1.5))
def test_a_window_multiplies_the_stake_by_fishers_likelihood_ratio(
    requests: tuple[int, int], data: st.DataObject, bet_on: float, tolerated: float
) -> None:
    canary, baseline = requests
    bad = data.draw(st.integers(1, canary + baseline - 1))
    ours = data.draw(st.integers(max(0, bad - baseline), min(canary, bad)))
    [found] = log_factors(Bad(canary, baseline, ours, bad - ours), (bet_on,), tolerated)
    expected = log(fisher(ours, canary, baseline, bad, bet_on)) - log(fisher(ours, canary, baseline, bad, tolerated))
    assert isclose(expected, found, rel_tol=1e-6, abs_tol=1e-6)


@given(sides, st.data(), odds, st.floats(1.0, 1.5))
def test_a_canary_that_is_no_worse_wins_nothing_on_average(
    requests: tuple[int, int], data: st.DataObject, bet_on: float, tolerated: float
) -> None:
    canary, baseline = requests
    bad = data.draw(st.integers(1, canary + baseline - 1))
    truth = data.draw(st.floats(0.2, tolerated))
    mean = sum(
        fisher(ours, canary, baseline, bad, truth)
        * exp(log_factors(Bad(canary, baseline, ours, bad - ours), (tolerated * bet_on,), tolerated)[0])
        for ours in range(max(0, bad - baseline), min(canary, bad) + 1)
    )
    assert mean <= 1 + 1e-6


def test_a_large_window_is_summed_as_exactly_as_a_small_one() -> None:
    window = Bad(60_000, 540_000, 32_300, 287_700)
    [found] = log_factors(window, (1.2,), 1.0)
    expected = nchypergeom_fisher.logpmf(32_300, 600_000, 60_000, 320_000, 1.2) - hypergeom.logpmf(
        32_300, 600_000, 60_000, 320_000
    )
    assert isclose(expected, found, rel_tol=1e-4)


@pytest.mark.parametrize(
    "window", [Bad(0, 10, 0, 3), Bad(10, 0, 3, 0), Bad(10, 10, 0, 0), Bad(10, 10, 10, 10)], ids=str
)
def test_a_window_that_cannot_tell_the_two_apart_changes_nothing(window: Bad) -> None:
    assert Wager((2.0, 8.0)).and_then(window) == Wager((2.0, 8.0))


def test_the_wealth_is_the_mean_of_what_each_bettor_owns() -> None:
    bets = Wager((2.0, 8.0)).and_then(Bad(10, 90, 2, 1))
    each = [log_factors(Bad(10, 90, 2, 1), (odds,), 1.0)[0] for odds in (2.0, 8.0)]
    assert isclose(log((exp(each[0]) + exp(each[1])) / 2), bets.log_wealth)


def test_all_that_is_bad_on_the_canary_makes_the_bettor_rich_and_its_share_of_it_makes_him_poor() -> None:
    assert Wager((5.0,)).and_then(Bad(100, 900, 8, 0)).log_wealth > log(100)
    assert Wager((5.0,)).and_then(Bad(100, 900, 8, 72)).log_wealth < log(0.01)


def test_windows_add_up_whatever_their_share() -> None:
    one, other = Bad(10, 90, 2, 1), Bad(50, 50, 3, 1)
    both = Wager((4.0,)).and_then(one).and_then(other).log_wealth
    assert isclose(Wager((4.0,)).and_then(one).log_wealth + Wager((4.0,)).and_then(other).log_wealth, both)


def test_turned_it_bets_that_the_canary_has_less() -> None:
    assert Wager((5.0,)).and_then(Bad(100, 100, 0, 12).turned).log_wealth > log(20)


@given(st.floats(0.01, 0.9), st.integers(0, 30), st.data(), odds)
def test_against_a_limit_it_is_a_ratio_of_binomials_that_wins_nothing_on_average(
    limit: float, requests: int, data: st.DataObject, bet_on: float
) -> None:
    truth = data.draw(st.floats(1e-6, limit))
    mean = sum(
        binom.pmf(bad, requests, truth) * exp(Wager((bet_on,)).and_then_against(limit, requests, bad).log_wealth)
        for bad in range(requests + 1)
    )
    assert mean <= 1 + 1e-6


scores = st.lists(st.sampled_from([-2.0, -0.5, 0.0, 1.0, 2.5]), min_size=2, max_size=7)


@given(scores, st.data(), st.floats(0.05, 2))
def test_a_canary_whose_scores_are_drawn_from_all_wins_nothing_on_average(
    everybody: list[float], data: st.DataObject, tilt: float
) -> None:
    number = data.draw(st.integers(1, len(everybody) - 1))
    draws = list(combinations(range(len(everybody)), number))
    wealth = []
    for drawn in draws:
        canary = Counter(everybody[place] for place in drawn)
        baseline = Counter(score for place, score in enumerate(everybody) if place not in drawn)
        wealth.append(exp(Wager((tilt,)).and_then_scored(canary, baseline).log_wealth))
    assert sum(wealth) / len(wealth) <= 1 + 1e-9


def test_scores_that_are_worse_on_the_canary_make_the_bettor_rich_on_whichever_side_there_are_fewer() -> None:
    low, high = {-1.0: 40, 0.5: 20}, {-1.0: 20, 0.5: 40}
    for canary, baseline in ((high, low), (high, {-1.0: 400, 0.5: 200}), ({-1.0: 200, 0.5: 400}, low)):
        assert Wager((0.6,)).and_then_scored(canary, baseline).log_wealth > 1
        assert Wager((0.6,)).and_then_scored(baseline, canary).log_wealth < 0


def test_without_scores_on_one_side_nothing_is_bet() -> None:
    assert Wager((0.6,)).and_then_scored({}, {1.0: 3}) == Wager((0.6,)).and_then_scored({1.0: 3}, {}) == Wager((0.6,))


def test_what_is_kept_is_found_again_unless_it_was_another_bet() -> None:
    bets = Wager((2.0, 8.0)).and_then(Bad(10, 90, 2, 1))
    assert bets == Wager((2.0, 8.0)).kept([*map(float, bets.log_wealth_of)])
    assert Wager((2.0,)) == Wager((2.0,)).kept(bets.to_json())
    assert Wager((2.0,)) == Wager((2.0,)).kept("nonsense")


def test_the_mean_of_logarithms_holds_for_wealth_no_float_can_hold() -> None:
    assert isclose(2000 + log(0.5), mean_of_logs([2000.0, -3000.0]))
    assert mean_of_logs([float("-inf")] * 2) == float("-inf")


def test_the_example_of_the_documentation_can_be_redone_on_paper() -> None:
    """docs/judge.md: three failures, all the canary's, which has a tenth of the requests; odds of 8."""
    [found] = log_factors(Bad(10, 90, 3, 0), (8.0,), 1.0)
    ways = [comb(10, k) * comb(90, 3 - k) for k in range(4)]
    assert isclose(8**3 * sum(ways) / sum(way * 8**k for k, way in enumerate(ways)), exp(found), rel_tol=1e-9)
