"""Judging a record again."""

from datetime import timedelta

import pytest
from tests.app_service_canary.release.windows import counted, window

from app_service_canary.release.after_swap import new_evidence
from app_service_canary.release.analysis import Analysis, AzureMonitor, Sources
from app_service_canary.release.record import Record
from app_service_canary.release.replay import changed, replay
from app_service_canary.release.verdict import Outcome

RULES = Analysis(sources=Sources(azure_monitor=AzureMonitor()))


def record(canary_failures: int, minutes: int = 30) -> Record:
    kept = Record({"app": "storefront"}, RULES)
    for number in range(minutes):
        kept.add(window(counted(50, canary_failures), counted(450, 5), number=number))
    return kept


def outcome(of: Record, analysis: Analysis | None = None) -> Outcome | None:
    verdict = list(replay(of, analysis))[-1].verdict
    return verdict.outcome if verdict else None


def test_with_the_same_settings_the_verdict_is_the_same() -> None:
    assert outcome(record(0)) is Outcome.PASS
    assert outcome(record(3)) is Outcome.FAIL


def test_a_rejection_comes_when_it_would_have_come() -> None:
    moments = list(replay(record(3)))
    assert len(moments) < 30
    assert moments[-1].rejected
    assert not any(moment.rejected for moment in moments[:-1])
    assert [moment.comparison.evidence["azure_monitor"].canary.requests for moment in moments] == [50, 100, 150, 200]
    assert moments[1].at - moments[0].at == timedelta(minutes=1)


def test_what_was_kept_of_a_watch_after_the_swap_is_held_to_its_limit_again() -> None:
    before = {"azure_monitor": counted(5000, 25)}
    known = new_evidence("azure_monitor", RULES, before).and_then(window(counted(60)))
    held = Record({"app": "storefront"}, RULES, evidence={"azure_monitor": known.to_json()}, before=before)
    held.add(window(counted(100, 60), number=1))
    assert outcome(held) is Outcome.FAIL


def test_with_other_settings_the_verdict_may_be_another() -> None:
    assert outcome(record(3), changed(RULES, ["metrics.failures.worse_by=1000"])) is Outcome.PASS
    assert outcome(record(0), changed(RULES, ["metrics.failures.min_requests=100000"])) is Outcome.INCONCLUSIVE


def test_a_watch_that_may_finish_early_is_judged_up_to_where_it_would_have_ended() -> None:
    early = changed(RULES, ["finish_early=true", "metrics.failures.notice=20"])
    of = record(0, minutes=9)
    of.closing = True
    for number in range(9, 15):
        of.add(window(counted(50, 10), counted(450), number=number))
    moments = list(replay(of, early))
    assert len(moments) < 9
    assert moments[-1].verdict is not None
    assert moments[-1].verdict.outcome is Outcome.PASS


def test_evidence_of_earlier_steps_counts() -> None:
    later = record(3, minutes=2)
    later.evidence = {
        "azure_monitor": list(replay(record(3, minutes=3)))[-1].comparison.evidence["azure_monitor"].to_json()
    }
    assert outcome(record(3, minutes=2)) is Outcome.PASS
    assert outcome(later) is Outcome.FAIL


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("worse_by", "allowed: a key and a value"),
        ("metrics.failures.worse_by=-1", "metrics.failures.worse_by: found -1"),
        ("metrics.cpu=1", "metrics.cpu"),
        ("false_alarm.x=1", "allowed: keys of the release file's section analysis"),
    ],
)
def test_a_setting_that_cannot_be_followed_is_refused_and_named(setting: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        changed(RULES, [setting])


def test_a_source_that_was_left_out_can_be_named() -> None:
    assert changed(Analysis(sources=Sources()), ["sources.probe.rate=2"]).sources.probe is not None
