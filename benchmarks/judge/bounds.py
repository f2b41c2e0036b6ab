"""What can be found at all with one hundredth of false aborts, by what is known and by whom it is promised to.

All look once, at the end, at everything; a test that may be looked at before gives some of that away. On the edge they
throw dice, so as to use up their hundredth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.stats import binom, hypergeom, poisson

from benchmarks.judge.rivals import Minutes
from benchmarks.judge.worlds import Releases, World

FALSE_ABORTS = 0.01

MOST_EXPECTED = 40
"""Failures of one side up to which the best test for every app is sought; with more everybody finds what there is."""

UNLIKELY = 1e-6
"""How rare a number of failures is that is not told from larger ones."""

RATES = 400
"""At how many error rates healthy apps keep their hundredth: with ten times as many the powers below change by less
than 0.0001."""


def knowing_the_rate(world: World, seen: Releases, dice: np.random.Generator) -> Minutes | None:
    """Knows the stable version's rate exactly, and counts the canary's failures: the most powerful test there is
    (Neyman and Pearson 1933). None where that rate is not one number."""
    if world.drift != 1 or world.wave or world.burst:
        return None
    requests, failures = seen.canary.sum(axis=1), seen.canary_failures.sum(axis=1)
    limit = binom.isf(FALSE_ABORTS, requests, world.stable)
    left = FALSE_ABORTS - binom.sf(limit, requests, world.stable)
    edge = dice.random(len(requests)) < left / binom.pmf(limit, requests, world.stable)
    return np.where((failures > limit) | ((failures == limit) & edge), world.minutes, 0)


def knowing_no_rate(seen: Releases, dice: np.random.Generator) -> Minutes:
    """Whatever the app's rate is in each minute: the most powerful unbiased test that the odds are the same, which is
    one that rejects no healthy release more often than a worse one.

    Given each minute's requests on both sides and failures in all, the canary's part of the failures is hypergeometric
    and the minutes' parts add up; the test rejects where the sum is large (E. Lehmann and J. Romano, Testing
    Statistical Hypotheses, 3rd edition, sections 4.4 to 4.7). On the edge it throws dice, to use up its hundredth.
    """
    minutes = seen.canary.shape[1]
    rejected = [
        dice.random() < _chance_to_reject(*rows)
        for rows in zip(seen.canary, seen.baseline, seen.canary_failures, seen.baseline_failures, strict=True)
    ]
    return np.where(rejected, minutes, 0)


def keeping_the_promise(world: World, seen: Releases, dice: np.random.Generator) -> Minutes | None:
    """Is made for this very world, knows both its rates, and aborts at most a hundredth of the healthy releases of
    *every* app with that traffic: nobody who promises this can find more, biased or not.

    Where both rates stand still, the failures of canary and stable version are independent Poisson variables, and all
    that such a test has to look at: the likelihood ratio to a healthy app depends on nothing else. For each pair of
    numbers it aborts with some probability, such that apps of `RATES` rates keep their hundredth and as many of this
    world's releases as possible are aborted: a linear programme. Rates in between, and rates that change, could only
    forbid more.

    None where the rates change or the share lags behind its weight, in a healthy world, and with more than
    `MOST_EXPECTED` failures.
    """
    canary, baseline = float(seen.canary.sum(axis=1).mean()), float(seen.baseline.sum(axis=1).mean())
    steady = world.drift == 1 and not (world.wave or world.burst or world.sticky)
    if world.healthy or not steady or max(canary * world.canary, baseline * world.stable) > MOST_EXPECTED:
        return None
    chances = _best_chances((canary, world.canary), (baseline, world.stable))
    ours, theirs = (
        np.minimum(failures.sum(axis=1), most - 1)
        for failures, most in zip((seen.canary_failures, seen.baseline_failures), chances.shape, strict=True)
    )
    return np.where(dice.random(len(ours)) < chances[ours, theirs], world.minutes, 0)


def _best_chances(canary: tuple[float, float], baseline: tuple[float, float]) -> NDArray[np.float64]:
    """The probability to abort by the failures of both sides, the last of each for all larger numbers.

    Args:
        canary, baseline: requests and error rate of each.
    """
    most = [int(poisson.isf(UNLIKELY, requests * rate)) for requests, rate in (canary, baseline)]

    def seen(requests: float, rates: NDArray[np.float64], last: int) -> NDArray[np.float64]:
        likely = poisson.pmf(np.arange(last + 1), requests * rates[:, None])
        likely[:, -1] = poisson.sf(last - 1, requests * rates)
        return np.asarray(likely)

    rates = np.geomspace(baseline[1] / 20, 1, RATES)
    healthy = seen(canary[0], rates, most[0])[:, :, None] * seen(baseline[0], rates, most[1])[:, None, :]
    worse = np.outer(
        seen(canary[0], np.array([canary[1]]), most[0]), seen(baseline[0], np.array([baseline[1]]), most[1])
    )
    solved = linprog(-worse.ravel(), A_ub=healthy.reshape(RATES, -1), b_ub=np.full(RATES, FALSE_ABORTS), bounds=(0, 1))
    return np.asarray(solved.x).reshape(worse.shape)


def _chance_to_reject(
    canary: NDArray[np.int64],
    baseline: NDArray[np.int64],
    canary_failures: NDArray[np.int64],
    baseline_failures: NDArray[np.int64],
) -> float:
    chances = np.ones(1)
    for n, m, failed in zip(canary, baseline, canary_failures + baseline_failures, strict=True):
        if failed:
            chances = np.convolve(chances, hypergeom.pmf(np.arange(min(n, failed) + 1), n + m, failed, n))
    seen = int(canary_failures.sum())
    more = float(chances[seen + 1 :].sum())
    return float(np.clip((FALSE_ABORTS - more) / chances[seen], 0, 1))
