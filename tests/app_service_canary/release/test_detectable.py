"""What could have been noticed."""

from math import log
from random import Random

import pytest
from tests.app_service_canary.release.test_evidence import EXACT, evidence

from app_service_canary.release.detectable import POWER, detectable_error_rate, failures_needed
from app_service_canary.release.evidence import FAILURE_ODDS, Evidence
from app_service_canary.release.wager import Bad, Wager

LIMIT = log(250)


def test_one_failure_less_than_needed_would_not_have_been_enough() -> None:
    seen = evidence((400, 2, 3600, 14))
    needed = failures_needed(seen, LIMIT)
    assert needed is not None

    def wealth(failures: int) -> float:
        return Wager(FAILURE_ODDS).and_then(Bad(400, 3600, failures, 14)).log_wealth

    assert wealth(needed - 1) < LIMIT <= wealth(needed)


def test_a_canary_that_fails_so_much_is_noticed_four_times_in_five() -> None:
    rate = detectable_error_rate(evidence((400, 2, 3600, 14)), LIMIT)
    assert rate is not None
    dice = Random(3)
    noticed = 0
    for _ in range(500):
        failures = sum(dice.random() < rate for _ in range(400))
        noticed += Wager(FAILURE_ODDS).and_then(Bad(400, 3600, failures, 14)).log_wealth >= LIMIT
    assert noticed / 500 == pytest.approx(POWER, abs=0.06)


def test_of_many_requests_a_few_fewer_are_taken_and_a_few_more_failures_of_the_stable_version() -> None:
    roughly, exactly = evidence((19_990, 0, 100_990, 10_010)), evidence((19_900, 0, 100_000, 10_100))
    assert failures_needed(roughly, LIMIT) == failures_needed(exactly, LIMIT)


def test_more_requests_make_less_noticeable() -> None:
    rates = [detectable_error_rate(evidence((n, 0, 9 * n, 0)), LIMIT) for n in (50, 500, 5000)]
    assert None not in rates
    assert rates == sorted(rates, key=lambda rate: -(rate or 0))


@pytest.mark.parametrize(
    "seen", [Evidence(metrics=EXACT), evidence((2, 0, 18, 0)), evidence((10, 0, 0, 0))], ids=range(3)
)
def test_with_hardly_any_request_nothing_would_have_been_noticed(seen: Evidence) -> None:
    assert detectable_error_rate(seen, LIMIT) is None
