"""The best tests there are."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.judge.bounds import keeping_the_promise, knowing_no_rate, knowing_the_rate
from benchmarks.judge.worlds import World, releases

WORLD = World("60 a minute at 10 %", 60, (10.0,), minutes=30)


@pytest.mark.parametrize("world", [WORLD, replace(WORLD, drift=4.0), replace(WORLD, burst=0.3)])
def test_the_best_that_knows_no_rate_uses_up_its_hundredth_whatever_the_rate_does(world: World) -> None:
    healthy = releases(world, 4000, np.random.default_rng(7))
    aborted = (knowing_no_rate(healthy, np.random.default_rng(8)) > 0).mean()
    assert 0.005 < aborted < 0.015, "0.01, within three standard errors"


def test_who_knows_the_rate_finds_more() -> None:
    worse = releases(replace(WORLD, canary=0.04), 2000, np.random.default_rng(7))
    knowing = knowing_the_rate(WORLD, worse, np.random.default_rng(9))
    unknowing = knowing_no_rate(worse, np.random.default_rng(8))
    assert knowing is not None
    assert (knowing > 0).mean() > (unknowing > 0).mean() > 0.2


def test_who_knows_the_rate_uses_up_the_hundredth_with_few_requests_too() -> None:
    few = replace(WORLD, per_minute=10)
    aborted = knowing_the_rate(few, releases(few, 20_000, np.random.default_rng(7)), np.random.default_rng(9))
    assert aborted is not None
    assert 0.008 < (aborted > 0).mean() < 0.012, "0.01, within three standard errors"


def test_nobody_knows_a_rate_that_changes() -> None:
    drifting = replace(WORLD, drift=4.0)
    seen = releases(drifting, 5, np.random.default_rng(7))
    assert knowing_the_rate(drifting, seen, np.random.default_rng(9)) is None


def test_who_is_made_for_a_world_finds_more_in_it_and_keeps_its_promise_to_every_app() -> None:
    world = World("60 a minute at 10 %", 60, (10.0,), canary=0.05, minutes=10)
    worse = releases(world, 4000, np.random.default_rng(7))
    promising = keeping_the_promise(world, worse, np.random.default_rng(9))
    knowing = knowing_the_rate(world, worse, np.random.default_rng(9))
    assert promising is not None
    assert knowing is not None
    unknowing = (knowing_no_rate(worse, np.random.default_rng(8)) > 0).mean()
    assert unknowing + 0.02 < (promising > 0).mean() < (knowing > 0).mean() - 0.02
    for rate in (0.002, 0.01, 0.03, 0.3):
        healthy = releases(replace(world, canary=rate, stable=rate), 20_000, np.random.default_rng(7))
        aborted = keeping_the_promise(world, healthy, np.random.default_rng(9))
        assert aborted is not None
        assert (aborted > 0).mean() < 0.012, "0.01, within three standard errors"


@pytest.mark.parametrize(
    "world", [WORLD, replace(WORLD, canary=0.05, drift=4.0), replace(WORLD, canary=0.9, per_minute=600)]
)
def test_none_is_made_for_a_healthy_world_one_that_changes_or_one_with_failures_by_the_hundred(world: World) -> None:
    assert keeping_the_promise(world, releases(world, 5, np.random.default_rng(7)), np.random.default_rng(9)) is None
