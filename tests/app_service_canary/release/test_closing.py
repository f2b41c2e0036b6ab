"""The closing look, against a count of all ways in which the failures could have fallen."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import comb, isclose

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binom

from app_service_canary.release.closing import FailuresByShare, chance_of_as_many, rounded_share
from app_service_canary.release.wager import Bad


def ways(failures: FailuresByShare) -> Iterator[tuple[FailuresByShare, float]]:
    """All ways in which the failures could have fallen, and how likely an innocent canary has each."""
    chances = [share for share, (_, both) in failures.items() for _ in range(both)]
    for fallen in product((0, 1), repeat=len(chances)):
        likely = 1.0
        for mine, chance in zip(fallen, chances, strict=True):
            likely *= chance if mine else 1 - chance
        yield _counted(failures, fallen), likely


def _counted(failures: FailuresByShare, fallen: Sequence[int]) -> FailuresByShare:
    counted, left = {}, list(fallen)
    for share, (_, both) in failures.items():
        counted[share] = (sum(left[:both]), both)
        left = left[both:]
    return counted


@pytest.mark.parametrize(("window", "share"), [(Bad(1, 9, 0, 1), 0.1), (Bad(1, 2, 1, 0), 0.334)])
def test_a_share_is_rounded_up_in_the_canarys_favour(window: Bad, share: float) -> None:
    assert isclose(share, rounded_share(window))


def test_a_share_is_the_same_number_after_it_was_written_down() -> None:
    shares = [rounded_share(Bad(canary, 1000 - canary, 0, 1)) for canary in range(1, 1001)]
    assert shares == [float(f"{share:.3f}") for share in shares]


def test_all_ways_are_counted_in_which_as_many_failures_could_have_fallen() -> None:
    seen = {0.1: (2, 2), 0.5: (2, 3)}
    expected = sum(
        likely for way, likely in ways(seen) if way[0.1][0] + way[0.5][0] > 4 or (way[0.1][0], way[0.5][0]) == (2, 2)
    )
    assert isclose(expected, chance_of_as_many(seen))


def test_of_as_many_failures_those_on_a_smaller_share_say_more() -> None:
    assert chance_of_as_many({0.1: (2, 2), 0.5: (1, 2)}) < chance_of_as_many({0.1: (1, 2), 0.5: (2, 2)})


def test_one_failure_more_says_more_wherever_it_fell() -> None:
    assert chance_of_as_many({0.1: (1, 2), 0.5: (2, 2)}) < chance_of_as_many({0.1: (2, 2), 0.5: (0, 2)})


shares = st.dictionaries(st.sampled_from([0.05, 0.1, 0.2, 0.5]), st.integers(1, 3), min_size=1, max_size=3)


@given(shares, st.sampled_from([0.001, 0.01, 0.05, 0.2, 0.5]))
def test_an_innocent_canary_shows_what_is_so_rare_at_most_so_often(shares: dict[float, int], limit: float) -> None:
    every_way = ways({share: (0, both) for share, both in shares.items()})
    assert sum(likely for way, likely in every_way if chance_of_as_many(way) <= limit) <= limit + 1e-12


def test_with_one_share_it_is_a_binomial_tail_and_tolerance_widens_it() -> None:
    assert isclose(binom.sf(4, 9, 0.25), chance_of_as_many({0.25: (5, 9)}), rel_tol=1e-9)
    assert chance_of_as_many({0.25: (5, 9)}, tolerated=2.0) > chance_of_as_many({0.25: (5, 9)})


def test_many_failures_are_counted_too() -> None:
    assert isclose(binom.sf(59, 900, 0.05), chance_of_as_many({0.05: (60, 900)}), rel_tol=1e-6)
    few, many = {0.1: (10, 30), 0.2: (5, 20)}, {0.1: (60, 300), 0.2: (45, 200)}
    assert 0 < chance_of_as_many(many) < chance_of_as_many(few) < 0.1


def test_a_canary_with_all_requests_of_a_window_has_all_its_failures() -> None:
    assert chance_of_as_many({1.0: (3, 3)}) == 1.0


def test_without_failures_or_with_more_than_it_counts_it_says_nothing() -> None:
    assert chance_of_as_many({}) == 1.0
    assert chance_of_as_many({0.1: (900, 1001)}) == 1.0


def hypergeometric_ways(windows: Sequence[Bad]) -> Iterator[tuple[FailuresByShare, float]]:
    """The same, given how many failed of the requests of each window: not each failure for itself."""
    parts = [range(max(0, each.bad - each.baseline), min(each.canary, each.bad) + 1) for each in windows]
    for mine in product(*parts):
        counted: dict[float, tuple[int, int]] = {}
        likely = 1.0
        for each, k in zip(windows, mine, strict=True):
            all_ways = comb(each.canary + each.baseline, each.bad)
            likely *= comb(each.canary, k) * comb(each.baseline, each.bad - k) / all_ways
            canary, both = counted.get(rounded_share(each), (0, 0))
            counted[rounded_share(each)] = canary + k, both + each.bad
        yield counted, likely


windows = st.builds(
    lambda canary, baseline, failed: Bad(canary, baseline, 0, min(failed, canary + baseline)),
    st.integers(1, 8),
    st.integers(1, 60),
    st.integers(1, 3),
)


@given(st.lists(windows, min_size=1, max_size=4), st.sampled_from([0.001, 0.005, 0.02, 0.1]))
@example([Bad(6, 54, 0, 1), Bad(1, 2, 0, 2), Bad(8, 92, 0, 1)], 0.005)
def test_it_is_nearly_as_rare_when_a_handful_of_requests_fail_together(seen: list[Bad], limit: float) -> None:
    shown = sum(likely for way, likely in hypergeometric_ways(seen) if chance_of_as_many(way) <= limit)
    assert shown <= 1.5 * limit
