"""The closing look: of all that failed, is more the canary's than an innocent one's share would be?

It is taken once, at the end, and counts everything together. Each failure falls on an innocent canary with its share of
that window's requests, so how many do is taken for a sum of binomial variables. In truth each window's part is
hypergeometric, which spreads less (Hoeffding 1963, theorem 4); only in odd windows, where most of a handful of requests
fail, can a tail be a little longer than the binomial one: by a fifth in the worst of thousands that were tried. Where
there are few failures, chances come in large steps, and most of what is allowed would be lost between two of them: so
of as many failures, those say more that fell on a smaller share.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, comb, log

from app_service_canary.release.wager import Bad

FailuresByShare = Mapping[float, tuple[int, int]]
"""Failures by the canary's share of the requests in their window: the canary's, and all."""

SHARE_STEP = 0.001
"""To this the share of a window is rounded up: up, which favours the canary."""

MOST_COUNTED = 1000
"""Failures up to which chances are counted; with more than that the running bet has seen what there is."""

MOST_RANKED = 50
"""Failures of the canary up to which those on smaller shares say more; with more the steps are small anyway."""

RANKS = 16
"""How finely shares are told apart in that: with more, `make bench-judge` finds no more."""


def rounded_share(window: Bad) -> float:
    """The canary's share of a window's requests, as failures are kept by it: the nearest float to so many thousandths,
    which is what is found again of it in JSON."""
    return min(1.0, round(ceil(window.share / SHARE_STEP - 1e-9) * SHARE_STEP, 3))


def chance_of_as_many(failures: FailuresByShare, tolerated: float = 1.0) -> float:
    """How likely an innocent canary has this many of the failures or more, or as many on shares as small or smaller.

    Args:
        failures: see there.
        tolerated: odds up to which the canary counts as no worse.

    Returns:
        The probability; 1 where there is nothing to count, or more than `MOST_COUNTED`.
    """
    # Late: it takes a while to import, and parsing a DAG file does not need it.
    import numpy as np

    if not 0 < sum(both for _, both in failures.values()) <= MOST_COUNTED:
        return 1.0
    seen = sum(canary for canary, _ in failures.values())
    ranks = _ranks(failures) if seen <= MOST_RANKED else dict.fromkeys(failures, 0)
    # The probability of each number of canary failures up to those that were seen, by the sum of their ranks.
    chances = np.zeros((seen + 1, seen * max(ranks.values()) + 1))
    chances[0, 0] = 1.0
    for share, (_, both) in failures.items():
        part = tolerated * share / (tolerated * share + 1 - share)
        more = np.zeros_like(chances)
        for k in range(min(both, seen) + 1):
            ranked = k * ranks[share]
            likely = comb(both, k) * part**k * (1 - part) ** (both - k)
            more[k:, ranked:] += likely * chances[: seen + 1 - k, : chances.shape[1] - ranked]
        chances = more
    rank = sum(canary * ranks[share] for share, (canary, _) in failures.items())
    less = chances[:seen].sum() + chances[seen, :rank].sum()
    return max(0.0, 1.0 - float(less))


def _ranks(failures: FailuresByShare) -> dict[float, int]:
    """How much a failure on each share says, from 0 for a share of all requests to `RANKS` for the smallest."""
    says = {share: -log(share) for share in failures}
    most = max(says.values())
    return {share: round(RANKS * value / most) if most else 0 for share, value in says.items()}
