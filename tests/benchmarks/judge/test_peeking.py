"""The published result."""

from math import e, log, sqrt

import numpy as np
import pytest
from benchmarks.judge.peeking import band, bands_differ, peeked_mann_whitney


def test_a_test_that_is_looked_at_again_and_again_finds_what_is_not_there() -> None:
    assert peeked_mann_whitney(12, np.random.default_rng(4)) > 0.3


def test_the_bands_part_where_there_is_a_difference_and_not_where_there_is_none() -> None:
    dice = np.random.default_rng(4)
    ours, theirs = dice.normal(0, 1, 4000), dice.normal(0, 1, 4000)
    assert not bands_differ(ours, theirs, 0.05)
    assert bands_differ(ours + 0.5, theirs, 0.05)
    assert not bands_differ(ours - 0.5, theirs, 0.05), "one-sided: a faster canary is no regression"


@pytest.mark.parametrize("n", [1, 100, 10_000])
def test_the_width_of_a_band_is_the_published_one(n: int) -> None:
    assert band(n, 0.05) == pytest.approx(0.85 * sqrt((log(log(e * n)) + 0.8 * log(1612 / 0.05)) / n))
