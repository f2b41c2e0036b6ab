"""The rivals' rules, as their documentation and code say."""

import numpy as np
import pytest
from benchmarks.judge.rivals import argo, error_rates, flagger, kayenta
from benchmarks.judge.worlds import Releases


def release(*minutes: tuple[int, int]) -> Releases:
    """One release: requests and failures of the canary, by the minute."""
    requests, failures = (np.array([side]) for side in zip(*minutes, strict=True))
    return Releases(requests, requests * 9, failures, np.zeros_like(failures))


BAD, GOOD, NONE = (10, 5), (10, 0), (0, 0)


@pytest.mark.parametrize(
    ("minutes", "aborted"), [([BAD] * 3 + [GOOD], 0), ([BAD, GOOD, BAD, BAD, BAD], 5), ([NONE] * 9, 0)]
)
def test_argo_aborts_by_the_fourth_bad_minute_and_waits_for_requests(
    minutes: list[tuple[int, int]], aborted: int
) -> None:
    assert argo(release(*minutes)).tolist() == [aborted]


@pytest.mark.parametrize(("minutes", "aborted"), [([BAD, GOOD] * 4, 0), ([BAD, GOOD] * 5, 9), ([NONE] * 6, 5)])
def test_flagger_adds_bad_minutes_up_and_counts_those_without_values(
    minutes: list[tuple[int, int]], aborted: int
) -> None:
    assert flagger(release(*minutes), threshold=5).tolist() == [aborted]


def test_kayenta_sees_a_shift_and_no_rare_error() -> None:
    dice = np.random.default_rng(1)
    baseline = dice.normal(100, 5, (20, 50))
    assert (kayenta(baseline + 20, baseline[::-1], looks=(50,)) == 50).all()
    assert (kayenta(baseline, baseline[::-1], looks=(50,)) == 50).mean() < 0.1
    rare = Releases(
        np.full((20, 60), 30),
        np.full((20, 60), 570),
        dice.binomial(30, 0.02, (20, 60)),
        dice.binomial(570, 0.005, (20, 60)),
    )
    assert (kayenta(*error_rates(rare), looks=(60,)) > 0).mean() < 0.1
