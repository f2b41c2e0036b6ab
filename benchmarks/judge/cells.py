"""One cell of the table: many releases in one world, judged by everybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from benchmarks.judge import bounds, ours, rivals
from benchmarks.judge.peeking import bands_differ
from benchmarks.judge.rivals import Minutes
from benchmarks.judge.worlds import Releases, World, latencies, releases

OURS, DEFAULT, PLAIN = "ours", "ours by default", "plain mixture"
UNKNOWING, PROMISING, KNOWING = "best unbiased", "best for every app", "best that knows the rate"
ARGO, FLAGGER_5, FLAGGER_10, KAYENTA, BANDS = "Argo", "Flagger 5", "Flagger 10", "Kayenta", "KDD bands"


@dataclass(frozen=True)
class Result:
    """What one rule made of a cell's releases.

    Attributes:
        aborted: the share of them that it took back.
        minutes: the median minute after which it did; None if it never did.
        hurt: the median number of canary users who met a failure until then, or until the end.
    """

    aborted: float
    minutes: float | None
    hurt: float


def failures_cell(world: World, runs: int) -> dict[str, Result]:
    """A world in which failures are looked at."""
    dice = np.random.default_rng(crc32(world.name.encode()))
    seen = releases(world, runs, dice)
    rules: dict[str, Callable[[], Minutes | None]] = {
        OURS: lambda: ours.judged(seen, ours.FAILURES_ALONE),
        DEFAULT: lambda: ours.judged(seen, ours.BY_DEFAULT),
        PLAIN: lambda: ours.plain_mixture(seen),
        ARGO: lambda: rivals.argo(seen),
        FLAGGER_5: lambda: rivals.flagger(seen, threshold=5),
        FLAGGER_10: lambda: rivals.flagger(seen, threshold=10),
        KAYENTA: lambda: rivals.kayenta(*rivals.error_rates(seen), looks=_looks(world)),
        UNKNOWING: lambda: bounds.knowing_no_rate(seen, dice),
        KNOWING: lambda: bounds.knowing_the_rate(world, seen, dice),
        PROMISING: lambda: bounds.keeping_the_promise(world, seen, dice),
    }
    found = {name: rule() for name, rule in rules.items()}
    return {name: _result(minutes, seen) for name, minutes in found.items() if minutes is not None}


def latency_cell(world: World, runs: int) -> dict[str, Result]:
    """A world in which latencies are looked at."""
    dice = np.random.default_rng(crc32(world.name.encode()))
    seen = releases(world, runs, dice)
    canary = latencies(world, seen.canary, 1 + (world.slower or 0.0), dice)
    baseline = latencies(world, seen.baseline, 1.0, dice)

    def means(side: list[list[np.ndarray]]) -> np.ndarray:
        return np.array([[each.mean() if len(each) else np.nan for each in release] for release in side])

    def bands() -> Minutes:
        found = []
        for mine, theirs in zip(canary, baseline, strict=True):
            both = (np.concatenate(mine[:minute]) for minute in range(1, world.minutes + 1))
            parted = (
                minute
                for minute, (a, b) in enumerate(
                    zip(both, (np.concatenate(theirs[:minute]) for minute in range(1, world.minutes + 1)), strict=True),
                    start=1,
                )
                if bands_differ(a, b, 0.01)
            )
            found.append(next(parted, 0))
        return np.array(found)

    rules: dict[str, Callable[[], Minutes]] = {
        OURS: lambda: ours.judged_by_latency(canary, baseline, ours.LATENCY_ALONE),
        KAYENTA: lambda: rivals.kayenta(means(canary), means(baseline), looks=_looks(world)),
        BANDS: bands,
    }
    return {name: _result(rule(), seen) for name, rule in rules.items()}


def _looks(world: World) -> tuple[int, ...]:
    """Kayenta judges every half hour, and at the end; its documentation advises no less."""
    return tuple(minute for minute in (30, 60) if minute <= world.minutes) or (world.minutes,)


def _result(aborted: Minutes, seen: Releases) -> Result:
    minutes = seen.canary.shape[1]
    until = np.where(aborted > 0, aborted, minutes)
    hurt = np.cumsum(seen.canary_failures, axis=1)[np.arange(len(aborted)), until - 1]
    stopped = aborted[aborted > 0]
    return Result(
        len(stopped) / len(aborted), float(np.median(stopped)) if len(stopped) else None, float(np.median(hurt))
    )
