"""What can be found at all with one hundredth of false aborts, by what is known of the stable version.

Both look once, at the end, at everything; a test that may be looked at before gives some of that away. On the edge they
throw dice, so as to use up their hundredth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, hypergeom

from benchmarks.judge.rivals import Minutes
from benchmarks.judge.worlds import Releases, World

FALSE_ABORTS = 0.01


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
