"""From evidence to a verdict."""

from math import exp, log
from typing import Any

import pytest
from tests.app_service_canary.release.test_evidence import evidence, latency, watched
from tests.app_service_canary.release.windows import counted, window

from app_service_canary.release.after_swap import new_evidence
from app_service_canary.release.analysis import (
    Analysis,
    AzureMonitor,
    Direction,
    Failures,
    Latency,
    LogAnalytics,
    Metrics,
    Mode,
    Probe,
    Sources,
)
from app_service_canary.release.comparison import CLOSING, PROMOTED, RUNNING, STAKES, Comparison
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.measurement import Measurement
from app_service_canary.release.verdict import Outcome, Verdict

MONITOR = "azure_monitor"


def analysis(**changed: Any) -> Analysis:
    metrics = Metrics(failures=Failures(worse_by=0), latency=latency(worse_by=0, ignore_ms=0))
    return Analysis(**{"sources": Sources(azure_monitor=AzureMonitor()), "metrics": metrics, **changed})


def judged(
    seen: Evidence | dict[str, Evidence], rules: Analysis | None = None, *, over: bool = True, **more: Any
) -> Verdict | None:
    closing = more.pop("closing", False)
    comparison = Comparison(rules or analysis(), seen if isinstance(seen, dict) else {MONITOR: seen}, **more)
    verdict = comparison.judge(bake_is_over=over)
    return comparison.after_closing_look(verdict) if verdict and closing else verdict


def outcome(verdict: Verdict | None) -> Outcome | None:
    return verdict.outcome if verdict else None


BAD = evidence((100, 12, 900, 2))
GOOD = evidence((400, 2, 3600, 18))
SLIGHTLY = evidence(*[(6, 0, 54, 0)] * 50, *[(6, 1, 54, 0)] * 4, *[(6, 0, 54, 1)] * 2)
FEW = evidence((10, 0, 90, 0))


def test_a_canary_with_more_errors_than_its_baseline_is_rejected_before_the_bake_is_over() -> None:
    assert outcome(judged(BAD, over=False)) is Outcome.FAIL


def test_a_canary_that_is_no_worse_passes_at_the_end_of_the_bake_and_not_before() -> None:
    assert judged(GOOD, over=False) is None
    assert outcome(judged(GOOD)) is Outcome.PASS


def test_a_canary_that_is_slower_than_its_baseline_is_rejected() -> None:
    assert outcome(judged(watched(1.5), over=False)) is Outcome.FAIL
    assert outcome(judged(watched(1.0))) is Outcome.PASS


def test_too_few_requests_are_inconclusive_and_never_a_pass_or_a_rollback() -> None:
    verdict = judged(FEW)
    assert outcome(verdict) is Outcome.INCONCLUSIVE
    assert "10 canary requests were seen, 50 are needed." in str(verdict)


def test_as_long_as_it_is_watched_on_nothing_is_said_of_what_is_wanting() -> None:
    held = Comparison(analysis(), {MONITOR: FEW})
    assert held.judge(bake_is_over=True, held=True) is None
    assert outcome(Comparison(analysis(), {MONITOR: GOOD}).judge(bake_is_over=True, held=True)) is Outcome.PASS
    assert outcome(Comparison(analysis(), {MONITOR: BAD}).judge(bake_is_over=True, held=True)) is Outcome.FAIL


def test_no_data_at_all_is_inconclusive() -> None:
    assert outcome(judged({})) is Outcome.INCONCLUSIVE
    assert outcome(judged(Evidence(metrics=analysis().metrics))) is Outcome.INCONCLUSIVE


def test_of_several_sources_one_with_enough_evidence_suffices() -> None:
    two = analysis(sources=Sources(azure_monitor=AzureMonitor(), probe=Probe()))
    assert outcome(judged({MONITOR: GOOD, "probe": FEW}, two)) is Outcome.PASS
    assert outcome(judged({MONITOR: FEW, "probe": FEW}, two)) is Outcome.INCONCLUSIVE


def test_a_source_that_cannot_be_read_is_said_and_is_no_verdict() -> None:
    two = analysis(sources=Sources(azure_monitor=AzureMonitor(), probe=Probe()))
    passed = judged({MONITOR: GOOD}, two, given_up={"probe": "it is broken."})
    assert outcome(passed) is Outcome.PASS
    assert "probe could not be read: it is broken." in str(passed)
    silent = judged({}, given_up={MONITOR: "no permission."})
    assert outcome(silent) is Outcome.INCONCLUSIVE
    assert f"{MONITOR} could not be read: no permission." in str(silent)


def test_what_has_to_be_noticeable_decides_what_is_enough() -> None:
    def noticing(percent: float) -> Analysis:
        return analysis(metrics=Metrics(failures=Failures(worse_by=0, notice=percent)))

    assert outcome(judged(GOOD, noticing(10))) is Outcome.PASS
    verdict = judged(GOOD, noticing(1))
    assert outcome(verdict) is Outcome.INCONCLUSIVE
    assert "would have been noticed, and 1 % has to be." in str(verdict)


def test_a_step_may_end_early_when_the_evidence_suffices() -> None:
    early = analysis(finish_early=True, metrics=Metrics(failures=Failures(worse_by=0, notice=10)))
    assert outcome(judged(GOOD, early, over=False)) is Outcome.PASS
    assert judged(FEW, early, over=False) is None
    before = {MONITOR: Measurement(5000, 25)}
    seen = new_evidence(MONITOR, early, before).and_then(window(counted(1000, 5)))
    assert judged(seen, early, over=False, before=before) is None


def test_an_advisory_metric_says_what_it_would_have_done_and_decides_nothing() -> None:
    advisory = analysis(metrics=Metrics(failures=Failures(worse_by=0, mode=Mode.ADVISORY)))
    verdict = judged(BAD, advisory)
    assert outcome(verdict) is Outcome.PASS
    assert "failures is advisory" in str(verdict)
    assert "It would have been rejected." in str(verdict)


def test_a_metric_that_is_off_is_not_looked_at() -> None:
    off = analysis(metrics=Metrics(failures=Failures(worse_by=0), latency=Latency(mode=Mode.OFF)))
    assert outcome(judged(watched(3.0), off)) is Outcome.PASS


def test_the_closing_look_finds_what_the_running_bet_just_missed() -> None:
    assert outcome(judged(SLIGHTLY)) is Outcome.PASS
    verdict = judged(SLIGHTLY, closing=True)
    assert outcome(verdict) is Outcome.FAIL
    assert "At the end of the last step" in str(verdict)
    assert judged(SLIGHTLY, over=False, closing=True) is None
    early = analysis(finish_early=True, metrics=Metrics(failures=Failures(worse_by=0, notice=90)))
    assert outcome(judged(SLIGHTLY, early, over=False)) is Outcome.PASS
    assert outcome(judged(SLIGHTLY, early, over=False, closing=True)) is Outcome.FAIL


def test_the_closing_look_is_taken_where_a_manager_would_be_asked_for_want_of_evidence_too() -> None:
    wanting = analysis(metrics=Metrics(failures=Failures(worse_by=0, min_requests=100_000)))
    assert outcome(judged(SLIGHTLY, wanting)) is Outcome.INCONCLUSIVE
    assert outcome(judged(SLIGHTLY, wanting, closing=True)) is Outcome.FAIL
    assert outcome(judged(GOOD, wanting, closing=True)) is Outcome.INCONCLUSIVE


def test_requests_while_the_other_version_had_none_are_no_evidence_for_a_pass_or_of_what_would_have_been_noticed() -> (
    None
):
    turns = evidence(*[(60, 18, 0, 0), (0, 0, 540, 0)] * 30)
    verdict = judged(turns)
    assert outcome(verdict) is Outcome.INCONCLUSIVE
    assert (
        "0 canary requests were seen, 50 are needed. With 1,800 more there was nothing to compare them with in the "
        "same time."
    ) in str(verdict)
    assert Comparison(analysis(), {MONITOR: turns}).detectable(MONITOR) is None
    some = evidence((60, 0, 540, 0), *[(600, 0, 0, 0)] * 30)
    assert "With 60 canary requests a rise to" in str(judged(some))


def test_what_earlier_steps_saw_is_not_enough_for_this_one() -> None:
    assert outcome(judged(GOOD, seen_here={MONITOR: 60})) is Outcome.PASS
    verdict = judged(GOOD, seen_here={MONITOR: 49})
    assert outcome(verdict) is Outcome.INCONCLUSIVE
    assert "49 canary requests were seen, 50 are needed." in str(verdict)
    early = analysis(finish_early=True, metrics=Metrics(failures=Failures(worse_by=0, notice=10)))
    assert judged(GOOD, early, over=False, seen_here={MONITOR: 0}) is None


def test_a_source_that_is_silent_now_has_not_seen_enough_whatever_it_saw_before() -> None:
    assert outcome(judged(GOOD, given_up={MONITOR: "it is gone."})) is Outcome.INCONCLUSIVE


def test_what_would_have_been_noticed_takes_all_bets_into_account() -> None:
    both = Failures(worse_by=0, max_error_rate=5, direction=Direction.EITHER)
    limited = analysis(metrics=Metrics(failures=both))
    alone = Comparison(analysis(), {MONITOR: GOOD}).detectable(MONITOR)
    seen = evidence((400, 2, 3600, 18), metrics=limited.metrics)
    with_limit = Comparison(limited, {MONITOR: seen}).detectable(MONITOR)
    assert alone is not None
    assert with_limit is not None
    assert with_limit > alone


def test_the_budget_of_false_alarms_is_divided_and_never_exceeded() -> None:
    assert pytest.approx(1) == RUNNING + CLOSING + PROMOTED
    assert sum(STAKES.values()) == pytest.approx(1)
    two = analysis(sources=Sources(azure_monitor=AzureMonitor(), probe=Probe()), false_alarm=2.0)
    found = Comparison(two, {MONITOR: BAD, "probe": watched(1.0)})
    assert sum(each.stake for each in found.findings) <= 1 + 1e-9
    assert exp(-found.log_limit) == pytest.approx(0.02 * RUNNING)
    wealth = sum(each.stake * exp(each.log_wealth) for each in found.findings)
    assert log(wealth) == pytest.approx(found.log_wealth)


def test_more_sources_make_each_ones_evidence_weigh_less() -> None:
    borderline = evidence((100, 6, 900, 2))
    three = Sources(azure_monitor=AzureMonitor(), probe=Probe(), log_analytics=LogAnalytics(workspace_id="0" * 36))
    one = Comparison(analysis(), {MONITOR: borderline}).log_wealth
    assert Comparison(analysis(sources=three), {MONITOR: borderline}).log_wealth == pytest.approx(one - log(3))


def test_without_sources_nothing_is_compared() -> None:
    none = analysis(sources=Sources())
    assert judged({}, none, over=False) is None
    assert judged({}, none) == judged({}, none, closing=True) == Verdict(Outcome.PASS, ())


def after_the_swap(failures: int) -> Verdict | None:
    before = {MONITOR: Measurement(5000, 25)}
    rules = analysis()
    seen = new_evidence(MONITOR, rules, before).and_then(window(counted(1000, failures)))
    return judged(seen, rules, before=before)


@pytest.mark.parametrize(("failures", "expected"), [(5, Outcome.PASS), (9, Outcome.PASS), (60, Outcome.FAIL)])
def test_after_the_swap_the_new_version_is_compared_with_what_the_stable_one_did_before(
    failures: int, expected: Outcome
) -> None:
    assert outcome(after_the_swap(failures)) is expected


def test_after_the_swap_the_limit_is_said_and_what_nothing_is_known_of_is_held_to_one_too() -> None:
    assert "By that, at most 1.8 % may fail." in str(after_the_swap(5))
    unknown = new_evidence(MONITOR, analysis(), {}).and_then(window(counted(1000, 600)))
    verdict = judged(unknown, before={})
    assert outcome(verdict) is Outcome.FAIL
    assert "As nothing is known of that one, at most 50.0 % may fail." in str(verdict)


@pytest.mark.parametrize("before", [None, {MONITOR: Measurement(5000, 25)}])
def test_evidence_that_leaves_no_doubt_at_all_uses_up_the_budget_and_no_more(
    before: dict[str, Measurement] | None,
) -> None:
    overwhelming = new_evidence(MONITOR, analysis(), before).and_then(window(counted(9000, 9000), counted(9000, 9)))
    comparison = Comparison(analysis(), {MONITOR: overwhelming}, before=before)
    assert comparison.log_wealth > 1000
    assert comparison.to_json()["budget_used"] == 1.0
    assert outcome(comparison.judge(bake_is_over=False)) is Outcome.FAIL


def test_a_verdict_says_value_limit_sample_sizes_interval_and_what_would_have_been_noticed() -> None:
    verdict = judged(GOOD)
    assert verdict is not None
    assert (
        "By azure_monitor, the canary failed 2 of 400 requests (0.5 %; 95 %: 0.14–1.8 %), the stable version 18 of "
        "3,600 requests (0.5 %; 95 %: 0.32–0.79 %) in the same time. With 400 canary requests a rise to "
    ) in verdict.sentence
    rejected = judged(BAD)
    assert rejected is not None
    assert "A version that is no worse shows so much in at most 1 in" in rejected.sentence
    assert "(limit 1 in 250)" in rejected.sentence


def test_an_absolute_limit_is_said_with_what_was_found() -> None:
    rules = analysis(
        metrics=Metrics(failures=Failures(worse_by=0, max_error_rate=2), latency=latency(max_latency_p95_ms=900))
    )
    verdict = judged(evidence(*[(100, 10, 100, 10)] * 5, metrics=rules.metrics), rules, over=False)
    assert outcome(verdict) is Outcome.FAIL
    assert " Allowed are 2 %." in str(verdict)
    slow = judged(watched(1.0, metrics=rules.metrics), rules)
    assert " Allowed are 900 ms for 95 % of them." in str(slow)


def test_the_figures_are_there_for_machines() -> None:
    [failures] = Comparison(analysis(), {MONITOR: GOOD}).to_json()["findings"]
    assert (failures["canary"], failures["baseline"]) == ([2, 400], [18, 3600])
    assert 2 < failures["detectable_percent"] < 10
    assert 0 <= Comparison(analysis(), {MONITOR: GOOD}).budget_used < Comparison(analysis(), {MONITOR: BAD}).budget_used
