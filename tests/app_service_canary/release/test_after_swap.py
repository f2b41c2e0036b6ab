"""What the new version is compared with after the swap."""

from math import log

import pytest
from scipy.stats import binom
from tests.app_service_canary.release.windows import counted, window

from app_service_canary.release.after_swap import LARGEST_LIMIT, SURELY, limit_after_swap, new_evidence
from app_service_canary.release.analysis import Analysis


def test_the_limit_is_twice_what_the_stable_version_surely_does_not_exceed() -> None:
    limit = limit_after_swap(counted(5000, 25))
    assert binom.cdf(25, 5000, limit / 2) == pytest.approx(1 - SURELY)


@pytest.mark.parametrize(
    ("requests", "failures", "expected"), [(0, 0, LARGEST_LIMIT), (3, 3, LARGEST_LIMIT), (1, 0, LARGEST_LIMIT)]
)
def test_little_or_nothing_known_is_no_strict_limit_and_is_one(requests: int, failures: int, expected: float) -> None:
    assert expected == limit_after_swap(counted(requests, failures))


def test_only_after_the_swap_a_limit_is_bet_against() -> None:
    before = {"probe": counted(5000, 25)}
    swapped, not_yet = (new_evidence("probe", Analysis(), known) for known in (before, None))
    bad = window(counted(500, 40))
    assert swapped.and_then(bad).bet("after_swap").log_wealth > log(1000)
    assert "after_swap" not in not_yet.and_then(bad).bets
    assert new_evidence("azure_monitor", Analysis(), before).stable_limit == LARGEST_LIMIT
