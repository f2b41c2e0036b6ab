"""What could have been noticed: the smallest harm that the evidence at hand would most likely have shown."""

from __future__ import annotations

from functools import lru_cache

from app_service_canary.release.evidence import Evidence
from app_service_canary.release.wager import Bad, Wager

POWER = 0.8
"""How often a harm of that size would have been noticed: the usual convention (Cohen 1988)."""

DIGITS = 3
"""So exactly are the requests taken, fewer rather than more. It is asked at every look of a watch that waits for enough
evidence, by a program that watches many; where there are many requests, most looks then have the answer already."""


def detectable_error_rate(evidence: Evidence, log_limit: float) -> float | None:
    """The share of failing canary requests, a fraction, that would have been noticed four times in five.

    The smallest number of canary failures is sought with which the bet, on the counts of all windows together,
    reaches its limit; then the rate at which so many come with a probability of `POWER`.

    Args:
        evidence: of one source.
        log_limit: the logarithm of the wealth at which the bet on failures rejects.

    Returns:
        The rate; None when not even an app that always fails would have been noticed.
    """
    needed = failures_needed(evidence, log_limit)
    if needed is None:
        return None
    # Late: it takes a while to import, and parsing a DAG file does not need it.
    from scipy.special import betaincinv

    # P(at least k of n fail) at rate p is the regularised incomplete beta function I_p(k, n - k + 1).
    return float(betaincinv(needed, evidence.compared.canary - needed + 1, POWER))


def failures_needed(evidence: Evidence, log_limit: float) -> int | None:
    """With how many failures of the canary the bet reaches its limit; None when all of them would not do."""
    counts, bet = evidence.compared, evidence.bet("failures")
    if not counts.canary or not counts.baseline:
        return None
    seen = _coarse(counts.canary), _coarse(counts.baseline), -_coarse(-counts.baseline_bad)
    return _failures_needed(*seen, bet.odds, bet.tolerated, log_limit)


def _coarse(count: int) -> int:
    """The count with its `DIGITS` leading digits, rounded down."""
    step: int = 10 ** max(0, len(str(abs(count))) - DIGITS)
    return count // step * step


@lru_cache(maxsize=1024)
def _failures_needed(
    canary: int, baseline: int, baseline_bad: int, odds: tuple[float, ...], tolerated: float, log_limit: float
) -> int | None:
    new = Wager(odds, tolerated)

    def reaches(failures: int) -> bool:
        return new.and_then(Bad(canary, baseline, failures, baseline_bad)).log_wealth >= log_limit

    low, high = 0, 1
    while not reaches(high):
        if high >= canary:
            return None
        low, high = high, min(2 * high, canary)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high
