"""Simulated releases: what both versions answer, minute by minute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """How a release goes. Rates are fractions.

    Attributes:
        name: for the table.
        per_minute: requests a minute, of all users together.
        weights: percent sent to the canary, one step after another, each for the same time.
        stable: the stable version's error rate.
        canary: the canary's at the same moment, while the stable version's is `stable`; with drift or bursts it is as
            many times as high as the stable version's all along.
        minutes: how long the release takes.
        drift: by what the stable version's error rate is multiplied by the end, growing evenly.
        wave: by what part traffic and error rate swing up and down, once in the release.
        burst: the error rate of both sides in a burst; 0 for none. One minute in twenty begins a burst of three.
        sticky: users stay where they are: a part of a tenth of them is thrown anew each minute, and the share of the
            canary lags behind its weight and wanders.
        slower: by what part the canary takes longer; None where latencies are not looked at.
        spread: standard deviation of the logarithm of a latency; 1 is a heavy tail: the p99 is ten medians.
    """

    name: str
    per_minute: float
    weights: tuple[float, ...]
    canary: float = 0.005
    stable: float = 0.005
    minutes: int = 60
    drift: float = 1.0
    wave: float = 0.0
    burst: float = 0.0
    sticky: bool = False
    slower: float | None = None
    spread: float = 1.0

    @property
    def healthy(self) -> bool:
        return self.canary == self.stable and not self.slower


@dataclass(frozen=True)
class Releases:
    """Many releases in one world; each array has a row per release and a column per minute."""

    canary: Counts
    baseline: Counts
    canary_failures: Counts
    baseline_failures: Counts


def releases(world: World, count: int, dice: np.random.Generator) -> Releases:
    """Throws the dice for so many releases."""
    minute = np.arange(world.minutes)
    swing = 1 + world.wave * np.sin(2 * np.pi * minute / world.minutes)
    share = np.tile(np.repeat(world.weights, world.minutes // len(world.weights)) / 100, (count, 1))
    if world.sticky:
        share = _lagging(share, dice)
    total = dice.poisson(world.per_minute * swing, (count, world.minutes))
    canary = dice.binomial(total, share)
    baseline = total - canary
    rate = world.stable * swing * np.linspace(1, world.drift, world.minutes)
    rate = np.tile(rate, (count, 1))
    if world.burst:
        begins = dice.random((count, world.minutes)) < 0.05
        bursting = begins | np.roll(begins, 1, axis=1) | np.roll(begins, 2, axis=1)
        rate = np.where(bursting, world.burst, rate)
    worse = np.minimum(rate * (world.canary / world.stable), 1.0)
    return Releases(canary, baseline, dice.binomial(canary, worse), dice.binomial(baseline, rate))


def _lagging(share: NDArray[np.float64], dice: np.random.Generator) -> NDArray[np.float64]:
    lagging, at = np.empty_like(share), np.zeros(share.shape[0])
    for minute in range(share.shape[1]):
        thrown = share[:, minute] * np.exp(dice.normal(0, 0.3, share.shape[0]))
        at = np.clip(0.9 * at + 0.1 * thrown, 0, 1)
        lagging[:, minute] = at
    return lagging


def latencies(
    world: World, counts: Counts, factor: float, dice: np.random.Generator
) -> list[list[NDArray[np.float64]]]:
    """Milliseconds of each request, by release and minute: lognormal around 100 ms times `factor`."""
    return [
        [dice.lognormal(np.log(100 * factor), world.spread, requests) for requests in release] for release in counts
    ]
