"""A bet on counts: of all that went badly in a window, is more the canary's than its share of the requests?

Each window is one bet against the null hypothesis "the canary is no worse than the stable version in the same
window". Once it is known how many requests there were on each side, and how many went badly in all, an innocent
canary's part of the bad ones is hypergeometric, as in Fisher's exact test, whatever the app's own rate was in that
window. The stake is multiplied by the likelihood ratio of "the canary's odds are `odds` times as high" to the null,
which an innocent canary multiplies by at most one on average. So the wealth of a bettor who began with 1 exceeds
1/α with a probability of at most α, however often somebody looks (Ville 1939; Shafer 2021, "Testing by betting";
Grünwald, de Heide, Koolen 2024, "Safe testing"). `docs/judge.md` has the proof and an example to redo on paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import exp, inf, lgamma, log
from typing import Any

NEGLIGIBLE = 40.0
"""Nats below the largest term from which on a sum's terms are left out: together less than 1e-15 of it."""

Scores = Mapping[float, int]
"""How many requests had which score."""


@dataclass(frozen=True)
class Bad:
    """One window's counts.

    Attributes:
        canary, baseline: requests on each side.
        canary_bad, baseline_bad: those of them that went badly: failed, or took longer than a limit.
    """

    canary: int = 0
    baseline: int = 0
    canary_bad: int = 0
    baseline_bad: int = 0

    @property
    def bad(self) -> int:
        return self.canary_bad + self.baseline_bad

    def and_those(self, other: Bad) -> Bad:
        """Both together."""
        return Bad(
            self.canary + other.canary,
            self.baseline + other.baseline,
            self.canary_bad + other.canary_bad,
            self.baseline_bad + other.baseline_bad,
        )

    @property
    def share(self) -> float:
        """The canary's share of the requests, as a fraction."""
        return self.canary / (self.canary + self.baseline)

    @property
    def turned(self) -> Bad:
        """With the two sides in each other's place: to bet that it is the canary that has less."""
        return Bad(self.baseline, self.canary, self.baseline_bad, self.canary_bad)

    @property
    def tells_nothing(self) -> bool:
        """Nothing, or everything, went badly, or there was nobody to compare with."""
        return not (self.canary and self.baseline and self.bad) or self.bad == self.canary + self.baseline


@dataclass(frozen=True)
class Wager:
    """The wealth of bettors who began with 1 in all, each of whom bets on another size of the harm.

    Attributes:
        odds: what each of them bets on: so many times as high are the canary's odds of going badly; for a bet on
            scores, how far the canary's are shifted.
        tolerated: odds up to which the canary counts as no worse; 1 for no tolerance.
        log_wealth_of: the logarithm of each one's wealth, as if each had begun with 1.
    """

    odds: tuple[float, ...]
    tolerated: float = 1.0
    log_wealth_of: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.log_wealth_of:
            object.__setattr__(self, "log_wealth_of", (0.0,) * len(self.odds))

    @property
    def log_wealth(self) -> float:
        """The logarithm of all their wealth: who began with equal parts of 1 has the mean."""
        return mean_of_logs(self.log_wealth_of)

    def and_then(self, window: Bad) -> Wager:
        """After one more window."""
        if window.tells_nothing:
            return self
        return self._gaining(log_factors(window, tuple(self.tolerated * odds for odds in self.odds), self.tolerated))

    def and_then_scored(self, canary: Scores, baseline: Scores) -> Wager:
        """After one more window in which each request has a score that is the higher the worse it is.

        Args:
            canary, baseline: how many requests of each side had which score.
        """
        if not canary or not baseline:
            return self
        return self._gaining(log_tilts(canary, baseline, self.odds))

    def and_then_against(self, limit: float, requests: int, bad: int) -> Wager:
        """After a window in which `bad` of the canary's requests went badly, of which a share of `limit` is allowed.

        The same bet against a fixed share, with nobody to compare with: a likelihood ratio of binomials.

        Args:
            limit: a fraction between 0 and 1, both excluded.
            requests, bad: the canary's.
        """
        return self._gaining([bad * log(odds) - requests * log(1 - limit + limit * odds) for odds in self.odds])

    def _gaining(self, gains: Iterable[float]) -> Wager:
        return replace(self, log_wealth_of=tuple(a + b for a, b in zip(self.log_wealth_of, gains, strict=True)))

    def to_json(self) -> list[float]:
        return [round(wealth, 6) for wealth in self.log_wealth_of]

    def kept(self, log_wealth_of: Any) -> Wager:
        """With a wealth that was kept; anew when it is that of other bets."""
        if not isinstance(log_wealth_of, list) or len(log_wealth_of) != len(self.odds):
            return self
        return replace(self, log_wealth_of=tuple(float(wealth) for wealth in log_wealth_of))


def mean_of_logs(logs: Iterable[float]) -> float:
    """The logarithm of the mean of what these are the logarithms of."""
    values = list(logs)
    largest = max(values)
    if largest == -inf:
        return -inf
    return largest + log(sum(exp(value - largest) for value in values) / len(values))


def log_factors(window: Bad, odds: tuple[float, ...], tolerated: float) -> list[float]:
    """By what a window multiplies the stake on each of these odds, as logarithms.

    The likelihood of the canary's part of the bad ones under Fisher's noncentral hypergeometric distribution with
    these odds, over that with the tolerated ones.
    """
    null = _log_sum(window, tolerated)
    return [window.canary_bad * log(each / tolerated) - (_log_sum(window, each) - null) for each in odds]


def log_tilts(canary: Scores, baseline: Scores, tilts: tuple[float, ...]) -> list[float]:
    """By what a window multiplies the stake on each of these shifts of the canary's scores, as logarithms.

    Given all scores of the window, those of an innocent canary are drawn from them without replacement. The mean of
    exp(tilt x their sum) is then at most what it is with replacement (Hoeffding 1963, theorem 4), by which it is
    divided here; so an innocent canary multiplies the stake by at most one on average. The side with fewer requests is
    the one looked at, for which that bound is closer.
    """
    drawn, sign = (canary, 1.0) if sum(canary.values()) <= sum(baseline.values()) else (baseline, -1.0)
    number, everybody = sum(drawn.values()), sum(canary.values()) + sum(baseline.values())
    total = sum(score * count for score, count in drawn.items())
    factors = []
    for tilt in tilts:
        mean = sum(count * exp(sign * tilt * score) for side in (canary, baseline) for score, count in side.items())
        factors.append(sign * tilt * total - number * log(mean / everybody))
    return factors


def _log_sum(window: Bad, odds: float) -> float:
    """The logarithm of Σ C(canary, k) C(baseline, bad − k) odds^k over all parts k that the canary can have."""
    canary, baseline, bad = window.canary, window.baseline, window.bad
    low, high = max(0, bad - baseline), min(canary, bad)
    top = min(max(_mode(canary, baseline, bad, odds), low), high)
    height = _log_choose(canary, top) + _log_choose(baseline, bad - top) + top * log(odds)
    total, term, k = 1.0, 1.0, top
    while k < high and term > exp(-NEGLIGIBLE):
        term *= odds * (canary - k) * (bad - k) / ((k + 1) * (baseline - bad + k + 1))
        total, k = total + term, k + 1
    term, k = 1.0, top
    while k > low and term > exp(-NEGLIGIBLE):
        term *= k * (baseline - bad + k) / (odds * (canary - k + 1) * (bad - k + 1))
        total, k = total + term, k - 1
    return height + log(total)


def _mode(canary: int, baseline: int, bad: int, odds: float) -> int:
    """Where the terms are largest: the smaller root of the equation in which two neighbours are equal."""
    a = odds - 1.0
    b = odds * (canary + bad + 2) + baseline - bad
    c = odds * (canary + 1) * (bad + 1)
    if abs(a) < 1e-9:
        return int(c / b)
    return int(2 * c / (b + (b * b - 4 * a * c) ** 0.5))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
