"""What windows come to."""

from math import isclose, log
from random import Random
from typing import Any

import pytest
from tests.app_service_canary.release.windows import counted, window

from app_service_canary.release.analysis import Direction, Failures, Latency, Metrics
from app_service_canary.release.evidence import FAILURE_ODDS, Evidence
from app_service_canary.release.histogram import Histogram
from app_service_canary.release.measurement import Measurement
from app_service_canary.release.wager import Bad, Wager

AT_ONCE = {"begin_after": "1s"}


def latency(**rule: Any) -> Latency:
    """Compared from the first window on but one."""
    return Latency.model_validate({**AT_ONCE, **rule})


EXACT = Metrics(failures=Failures(worse_by=0), latency=latency(worse_by=0, ignore_ms=0))


def evidence(*counts: tuple[int, int, int, int], metrics: Metrics = EXACT) -> Evidence:
    """Of windows with these requests and failures of canary and baseline."""
    found = Evidence(metrics=metrics)
    for number, (canary, failed, baseline, failures) in enumerate(counts):
        found = found.and_then(window(counted(canary, failed), counted(baseline, failures), number=number))
    return found


def timed(factor: float, requests: int, dice: Random) -> Measurement:
    milliseconds = [dice.lognormvariate(log(100 * factor), 0.5) for _ in range(requests)]
    return Measurement(requests, 0, Histogram.of(milliseconds))


def watched(factor: float, *, minutes: int = 20, metrics: Metrics = EXACT) -> Evidence:
    """Of a canary that takes so many times as long."""
    dice, found = Random(7), Evidence(metrics=metrics)
    for number in range(minutes):
        found = found.and_then(window(timed(factor, 100, dice), timed(1, 300, dice), number=number))
    return found


def test_the_bet_on_failures_is_the_wager_on_each_windows_counts() -> None:
    counts = [(10, 1, 90, 0), (25, 2, 75, 1)]
    wager = Wager(FAILURE_ODDS)
    for canary, failed, baseline, failures in counts:
        wager = wager.and_then(Bad(canary, baseline, failed, failures))
    assert isclose(wager.log_wealth, evidence(*counts).log_wealth("failures"))


def test_a_burst_that_hits_both_sides_is_no_evidence() -> None:
    assert evidence((100, 50, 900, 450)).log_wealth("failures") < 0


def test_a_drift_of_both_sides_is_no_evidence() -> None:
    assert evidence(*((100, minute, 900, 9 * minute) for minute in range(1, 20))).log_wealth("failures") < 0


def test_evidence_is_carried_from_step_to_step_as_the_share_changes() -> None:
    steps = evidence((10, 2, 190, 1), (25, 2, 75, 0), (50, 3, 50, 0))
    assert steps.log_wealth("failures") > evidence((10, 2, 190, 1)).log_wealth("failures")
    assert steps.failures_by_share == {0.05: (2, 3), 0.25: (2, 2), 0.5: (3, 3)}


def test_failures_without_anybody_to_compare_with_are_counted_and_judged_by_nobody() -> None:
    alone = evidence((10, 5, 0, 0))
    assert (alone.canary.failures, alone.failures_by_share, alone.log_wealth("failures")) == (5, {}, 0.0)


def test_only_windows_in_which_both_versions_had_requests_are_compared_and_that_is_kept() -> None:
    seen = evidence((10, 1, 90, 2), (40, 20, 0, 0), (0, 0, 70, 0), (5, 0, 45, 1))
    assert (seen.canary.requests, seen.baseline.requests) == (55, 205)
    assert seen.compared == Bad(15, 135, 1, 3)
    assert Evidence.from_json(seen.to_json(), EXACT).compared == seen.compared
    before_that_was_kept = {key: value for key, value in seen.to_json().items() if key != "compared"}
    assert Evidence.from_json(before_that_was_kept, EXACT).compared == Bad(55, 205, 21, 3)


def test_what_the_canary_may_be_worse_by_is_no_evidence() -> None:
    slightly = [(1000, 12, 1000, 10)] * 30
    tolerant = Metrics(failures=Failures(worse_by=50))
    assert evidence(*slightly, metrics=tolerant).log_wealth("failures") < evidence(*slightly).log_wealth("failures")


def test_an_absolute_limit_is_kept_whatever_the_stable_version_does() -> None:
    as_bad = (100, 10, 100, 10)
    limited = Metrics(failures=Failures(worse_by=0, max_error_rate=2))
    assert evidence(*[as_bad] * 5).log_wealth("failures") < 0
    assert evidence(*[as_bad] * 5, metrics=limited).log_wealth("failures") > log(1000)


@pytest.mark.parametrize(
    ("direction", "noticed"), [(Direction.HIGHER, False), (Direction.LOWER, True), (Direction.EITHER, True)]
)
def test_fewer_failures_hurt_where_the_release_file_says_so(direction: Direction, noticed: bool) -> None:
    metrics = Metrics(failures=Failures(worse_by=0, direction=direction))
    found = evidence(*[(100, 0, 100, 10)] * 5, metrics=metrics).log_wealth("failures")
    assert noticed == (found > log(100))


def test_a_slower_distribution_is_found_and_the_same_one_is_not() -> None:
    assert watched(1.3).log_wealth("latency") > log(1000)
    assert watched(1.0).log_wealth("latency") < log(20)
    assert watched(0.7).log_wealth("latency") < log(20)


def test_what_is_slow_while_it_has_just_started_is_no_evidence() -> None:
    patient = Metrics(latency=latency(worse_by=0, ignore_ms=0, begin_after="20m"))
    assert watched(3.0, minutes=20, metrics=patient).log_wealth("latency") == 0
    assert watched(3.0, minutes=30, metrics=patient).log_wealth("latency") > log(1000)


def test_a_faster_distribution_is_found_where_that_hurts() -> None:
    metrics = Metrics(latency=latency(worse_by=0, ignore_ms=0, direction=Direction.LOWER))
    assert watched(0.7, metrics=metrics).log_wealth("latency") > log(1000)
    assert watched(1.3, metrics=metrics).log_wealth("latency") < log(20)


def test_a_tail_that_grows_is_found() -> None:
    dice, found = Random(7), Evidence(metrics=EXACT)
    for number in range(30):
        tail = Measurement(100, 0, Histogram.of([dice.lognormvariate(log(100), 0.5) for _ in range(93)] + [900.0] * 7))
        found = found.and_then(window(tail, timed(1, 300, dice), number=number))
    assert found.bet("slower_tail").log_wealth > log(1000)
    assert found.log_wealth("latency") > log(1000)


def test_a_latency_within_the_tolerance_is_no_evidence() -> None:
    assert watched(1.08, metrics=Metrics(latency=latency(worse_by=10, ignore_ms=0))).log_wealth("latency") < log(20)
    assert watched(1.08, metrics=Metrics(latency=latency(worse_by=0, ignore_ms=20))).log_wealth("latency") < log(20)


def test_a_limit_for_the_95th_percentile_is_kept() -> None:
    limited = Metrics(latency=latency(worse_by=1000, max_latency_p95_ms=150))
    assert watched(1.0, metrics=limited).log_wealth("latency") > log(1000)


def test_where_only_means_are_known_the_minutes_in_which_the_canarys_is_longer_are_counted() -> None:
    def of_means(ours: float, theirs: float) -> Evidence:
        found = Evidence(metrics=EXACT)
        for number in range(20):
            pair = Measurement(10, seconds=10 * ours), Measurement(90, seconds=90 * theirs)
            found = found.and_then(window(*pair, number=number))
        return found

    assert of_means(0.15, 0.1).has_means
    assert of_means(0.15, 0.1).log_wealth("latency") > log(1000)
    assert of_means(0.1, 0.1).log_wealth("latency") < 0


def test_means_are_compared_where_having_few_requests_is_in_the_canarys_favour() -> None:
    pair = Measurement(60, seconds=60 * 0.2), Measurement(40, seconds=40 * 0.1)
    mostly_canary = Evidence(metrics=EXACT).and_then(window(*pair)).and_then(window(*pair, number=1))
    assert "longer_means" not in mostly_canary.bets
    assert "shorter_means" in mostly_canary.bets


@pytest.mark.parametrize("found", [evidence((10, 1, 90, 0), (25, 2, 75, 1)), watched(1.3, minutes=3)])
def test_what_is_kept_is_found_again(found: Evidence) -> None:
    again = Evidence.from_json(found.to_json(), EXACT)
    assert again.to_json() == found.to_json()
    assert isclose(again.log_wealth("failures"), found.log_wealth("failures"), abs_tol=1e-4)


def test_failures_kept_by_a_share_are_added_to_after_they_were_found_again() -> None:
    again = evidence(*[(6, 1, 52, 0)] * 6)
    for _ in range(2):
        again = Evidence.from_json(again.to_json(), EXACT).and_then(window(counted(6), counted(52, 1)))
    assert Evidence.from_json(again.to_json(), EXACT).failures_by_share == {0.104: (6, 8)}


@pytest.mark.parametrize(
    "failures", [{"0": [1, 1]}, {"nan": [1, 1]}, {"1.5": [1, 1]}, {"0.1": [3, 1]}, {"0.1": [-1, 1]}]
)
def test_failures_that_can_be_no_canarys_are_refused(failures: dict[str, list[int]]) -> None:
    kept = {**evidence((10, 1, 90, 0)).to_json(), "failures_by_share": failures}
    with pytest.raises(ValueError, match="are no failures of a canary"):
        Evidence.from_json(kept, EXACT)


@pytest.mark.parametrize("kept", [{}, {"canary": 3}], ids=str)
def test_what_is_no_evidence_is_refused(kept: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no evidence"):
        Evidence.from_json(kept, EXACT)
