"""The rivals' rules, re-stated from their documentation and code: when each aborts a release.

Each function returns, for each release, the minute after which it is aborted, from 1; 0 for never.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge.worlds import Counts, Releases

Minutes = NDArray[np.int64]


def argo(seen: Releases, *, success: float = 0.95, failure_limit: int = 3) -> Minutes:
    """Argo Rollouts, `successCondition: result[0] >= 0.95`, `failureLimit: 3`, interval 1 m.

    A metric fails when *more* measurements than the limit have failed (analysis/analysis.go), although the
    documentation says "after three". A minute without requests gives no value and is not counted here, in its favour.
    """
    rate = _success_rate(seen)
    return first_minute(np.cumsum(np.nan_to_num(rate, nan=1.0) < success, axis=1) > failure_limit)


def flagger(seen: Releases, *, threshold: int, success: float = 0.99) -> Minutes:
    """Flagger, `request-success-rate` at least 99 %, interval 1 m.

    Failed checks add up over the whole run and are never reset; a minute without values is one (scheduler.go).
    """
    rate = _success_rate(seen)
    return first_minute(np.cumsum(~(rate >= success), axis=1) >= threshold)


def kayenta(canary: NDArray[np.float64], baseline: NDArray[np.float64], *, looks: tuple[int, ...]) -> Minutes:
    """Kayenta's NetflixACAJudge on a value a minute, with its defaults: Mann-Whitney at 98 %, tolerance 0.25.

    HIGH when the lower end of the confidence interval of the shift is above a quarter of the estimated shift's size
    and the mean is not lower; one metric, so HIGH makes the score 0. NaN is left out. The bounds of the interval are
    order statistics of the pairwise differences, which is where Kayenta's root finding ends.

    Args:
        canary, baseline: a value per release and minute; NaN without requests.
        looks: after which minutes it judges all there is.
    """
    aborted = np.zeros(canary.shape[0], dtype=np.int64)
    z = NormalDist().inv_cdf(0.99)
    for release in range(canary.shape[0]):
        for look in looks:
            x, y = (side[release, :look][~np.isnan(side[release, :look])] for side in (canary, baseline))
            if aborted[release] or not len(x) or not len(y) or not _is_high(x, y, z):
                continue
            aborted[release] = look
    return aborted


def _is_high(x: NDArray[np.float64], y: NDArray[np.float64], z: float) -> bool:
    n, m = len(x), len(y)
    together = np.concatenate([x, y])
    _, ties = np.unique(together, return_counts=True)
    if len(ties) == 1 or x.mean() < y.mean():
        return False
    size = n + m
    variance = n * m / 12 * ((size + 1) - float((ties**3 - ties).sum()) / (size * (size - 1)))
    differences = np.sort((x[:, None] - y[None, :]).ravel())
    # W(μ) counts the differences above μ, less nm/2; its interval's lower end has z σ + 1/2 more than half above.
    above = n * m / 2 + z * variance**0.5 + 0.5
    place = int(np.floor(n * m - above))
    if place < 0:
        return False
    return bool(differences[place] > 0.25 * abs(float(np.median(differences))))


def error_rates(seen: Releases) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both sides' error rates by minute; NaN without requests."""
    return _rate(seen.canary_failures, seen.canary), _rate(seen.baseline_failures, seen.baseline)


def first_minute(aborts: NDArray[np.bool_]) -> Minutes:
    """The first minute, from 1, in which a row is true; 0 without one."""
    return np.where(aborts.any(axis=1), aborts.argmax(axis=1) + 1, 0)


def _success_rate(seen: Releases) -> NDArray[np.float64]:
    return 1 - _rate(seen.canary_failures, seen.canary)


def _rate(part: Counts, whole: Counts) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)
