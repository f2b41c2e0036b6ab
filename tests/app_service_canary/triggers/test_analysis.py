"""Watching a version, in the simulator."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from tests.app_service_canary.release.test_evidence import evidence
from tests.app_service_canary.triggers.events import the_event
from tests.app_service_canary.triggers.watches import watch_arguments
from tests.simulator import RunningSimulator

from app_service_canary.release.record import Record
from app_service_canary.triggers import analysis as watching
from app_service_canary.triggers.analysis import CanaryAnalysisTrigger
from app_service_canary.triggers.waiting import now
from app_service_simulator.faults.fault import Fault

pytestmark = pytest.mark.usefixtures("azure_connection")


def watch(simulator: RunningSimulator, app: str, **changed: Any) -> CanaryAnalysisTrigger:
    arguments: dict[str, Any] = {
        **watch_arguments(simulator, app),
        "bake_until": now() + timedelta(seconds=1),
        "hold_until": now() + timedelta(seconds=2),
        "clear_on_failure": True,
        "analysis": {"sources": {}},
        "before": None,
        "closing": False,
    }
    return CanaryAnalysisTrigger(**{**arguments, **changed})


def rule(app: str, percentage: float, name: str = "stage") -> dict[str, Any]:
    return {"name": name, "actionHostName": f"{app}-stage.azurewebsites.net", "reroutePercentage": percentage}


async def test_a_healthy_canary_passes_at_the_end_of_its_bake(simulator: RunningSimulator, app: str) -> None:
    simulator.set_rules(app, [rule(app, 50)])
    ending = await the_event(watch(simulator, app))
    assert (ending["status"], ending["outcome"]) == ("succeeded", "pass")
    assert ending["sides"]["slot"]["failures"] == ending["sides"]["visitors"]["failures"] == 0
    assert list(simulator.rules(app)) == ["stage"]


async def test_the_share_that_the_front_end_really_applies_is_observed(simulator: RunningSimulator, app: str) -> None:
    simulator.set_rules(app, [rule(app, 50)])
    share = (await the_event(watch(simulator, app, bake_until=now() + timedelta(seconds=2))))["observed_share"]
    assert share["routed"] >= 20
    assert share["interval"][0] < share["percent"] < share["interval"][1]
    assert 0 < share["to_canary"] < share["routed"]


async def test_the_life_of_the_routing_cookie_is_observed(simulator: RunningSimulator, app: str) -> None:
    simulator.set_rules(app, [rule(app, 50)])
    assert (await the_event(watch(simulator, app)))["pinned_for_seconds"] == 60


async def test_a_bad_verdict_takes_new_users_off_the_slot_before_it_is_reported(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app, 50), rule(fresh_app, 5, "other")])
    simulator.set_app_settings(fresh_app, "stage", {"SAMPLE_UNHEALTHY": "1"})
    ending = await the_event(watch(simulator, fresh_app, bake_until=now() + timedelta(minutes=5)))
    assert (ending["status"], ending["outcome"]) == ("failed", "fail")
    assert ending["rule_cleared_at"] is not None
    assert list(simulator.rules(fresh_app)) == ["other"]


async def test_a_watch_that_may_not_clear_the_rule_only_reports(simulator: RunningSimulator, app: str) -> None:
    simulator.set_rules(app, [rule(app, 50)])
    ending = await the_event(watch(simulator, app, path="/no-such-page", clear_on_failure=False))
    assert ending["outcome"] == "fail"
    assert "rule_cleared_at" not in ending
    assert list(simulator.rules(app)) == ["stage"]


async def test_a_rule_that_azure_refuses_to_clear_leaves_the_verdict_as_it_is(
    simulator: RunningSimulator, app: str
) -> None:
    simulator.set_rules(app, [rule(app, 50)])
    simulator.set_faults(Fault(operation="WebApps_UpdateConfiguration", do="forbidden"))
    ending = await the_event(watch(simulator, app, path="/no-such-page"))
    assert (ending["outcome"], ending["rule_cleared_at"]) == ("fail", None)
    simulator.set_rules(app, [])


async def test_a_bake_of_no_length_still_asks_often_enough(simulator: RunningSimulator, app: str) -> None:
    ending = await the_event(watch(simulator, app, bake_until=now(), min_answers=4))
    assert (ending["outcome"], ending["sides"]["slot"]["requests"]) == ("pass", 4)


PROBED = {
    "sources": {"probe": {"rate": 50, "paths": ["/no-such-page"]}},
    "metrics": {"failures": {"min_requests": 5}, "latency": {"mode": "off"}},
}


async def test_a_canary_with_more_errors_than_the_stable_version_loses_its_users_at_once(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app, 50)])
    simulator.set_app_settings(fresh_app, "stage", {"SAMPLE_ERROR_RATE": "0.5"})
    analysis = {**PROBED, "sources": {"probe": {"rate": 50, "paths": ["/"]}}}
    trigger = watch(simulator, fresh_app, analysis=analysis, bake_until=now() + timedelta(seconds=30))
    ending = await the_event(trigger)
    assert (ending["status"], ending["outcome"]) == ("failed", "fail")
    assert "By probe, the canary failed" in ending["message"]
    assert ending["rule_cleared_at"] is not None
    assert list(simulator.rules(fresh_app)) == []


async def test_what_both_versions_fail_at_alike_is_no_reason_to_reject(simulator: RunningSimulator, app: str) -> None:
    ending = await the_event(watch(simulator, app, analysis=PROBED))
    assert (ending["outcome"], ending["evidence"]["probe"]["canary"]["failures"] > 5) == ("pass", True)
    assert ending["comparison"]["findings"][0]["source"] == "probe"


async def test_without_enough_evidence_it_watches_on_and_then_has_no_verdict(
    simulator: RunningSimulator, app: str
) -> None:
    analysis = {"sources": {"azure_monitor": {}}, "metrics": {"failures": {"min_requests": 5}}}
    began = now()
    held = watch(simulator, app, analysis=analysis, bake_until=now(), hold_until=now() + timedelta(seconds=1))
    ending = await the_event(held)
    assert (ending["status"], ending["outcome"]) == ("failed", "inconclusive")
    assert "Not enough to judge failures: 0 canary requests were seen, 5 are needed." in ending["message"]
    assert "rule_cleared_at" not in ending
    assert now() - began > timedelta(seconds=1)


async def test_the_last_watch_of_a_release_closes_when_it_has_watched_on_in_vain(
    simulator: RunningSimulator, app: str
) -> None:
    analysis = {"sources": {"azure_monitor": {}}, "metrics": {"failures": {"min_requests": 100_000, "worse_by": 0}}}
    seen = {"azure_monitor": evidence(*[(6, 1, 54, 0)] * 4, *[(6, 0, 54, 1)] * 2).to_json()}
    began = now()
    hold_until = began + timedelta(seconds=1)
    for closing, outcome in ((False, "inconclusive"), (True, "fail")):
        held = watch(
            simulator,
            app,
            analysis=analysis,
            evidence=seen,
            bake_until=began,
            hold_until=hold_until,
            clear_on_failure=False,
            closing=closing,
        )
        ending = await the_event(held)
        assert (ending["outcome"], ending["closing_look"]) == (outcome, closing)
        assert now() > hold_until


async def test_evidence_that_comes_in_while_it_watches_on_makes_a_verdict(
    simulator: RunningSimulator, app: str
) -> None:
    held = watch(simulator, app, analysis=PROBED, bake_until=now(), hold_until=now() + timedelta(minutes=5))
    assert (await the_event(held))["outcome"] == "pass"


async def test_a_bake_that_a_person_ends_is_not_ended_by_evidence(simulator: RunningSimulator, app: str) -> None:
    metrics = {"failures": {"min_requests": 5, "notice": 99}, "latency": {"mode": "off"}}
    early = {"sources": {"probe": {"rate": 50}}, "finish_early": True, "metrics": metrics}
    ends = now() + timedelta(seconds=30)
    assert (await the_event(watch(simulator, app, analysis=early, bake_until=ends)))["outcome"] == "pass"
    assert now() < ends
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(the_event(watch(simulator, app, analysis=early, bake_until=None, hold_until=None)), 3)


async def test_evidence_of_the_step_before_counts_on(simulator: RunningSimulator, app: str) -> None:
    before = (await the_event(watch(simulator, app, analysis=PROBED)))["evidence"]
    after = (await the_event(watch(simulator, app, analysis=PROBED, evidence=before)))["evidence"]
    assert after["probe"]["canary"]["requests"] > before["probe"]["canary"]["requests"]


async def test_a_watch_leaves_what_it_has_asked_itself_and_the_next_one_goes_on_from_that(
    simulator: RunningSimulator, app: str
) -> None:
    ending = await the_event(watch(simulator, app, analysis={"sources": {"probe": {"rate": 20}, "azure_monitor": {}}}))
    left = ending["own"]
    asked = {slot: own["requests"] for slot, _, own in left["minutes"]}
    assert set(asked) == {"stage", "production"}
    assert asked["stage"] > ending["sides"]["slot"]["requests"], "probes and rounds"
    following = (await the_event(watch(simulator, app, own=left)))["own"]
    assert following["since"] == left["since"]
    restarted = (await the_event(watch(simulator, app, own=left, began=now() - timedelta(minutes=1))))["own"]
    assert restarted["since"] > left["since"], "of what another triggerer has asked nothing is known"
    nonsense = (await the_event(watch(simulator, app, own={"minutes": 3})))["own"]
    assert nonsense["since"] > left["since"]


async def test_the_record_of_a_watch_can_be_judged_again(simulator: RunningSimulator, app: str, tmp_path: Path) -> None:
    path = tmp_path / "records" / "watch.1.json"
    ending = await the_event(watch(simulator, app, analysis=PROBED, record_path=path.as_uri(), closing=True))
    record = Record.from_text(path.read_text(encoding="utf-8"))
    assert ending["record"] == path.as_uri()
    assert record.verdict == {"outcome": ending["outcome"], "reasons": ending["reasons"]}
    assert record.closing
    requests = sum(window.canary.requests for window in record.windows)
    assert requests == ending["evidence"]["probe"]["canary"]["requests"]


async def test_a_record_that_cannot_be_written_changes_no_verdict(
    simulator: RunningSimulator, app: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    path = (tmp_path / "file" / "watch.json").as_uri()
    ending = await the_event(watch(simulator, app, analysis=PROBED, record_path=path))
    assert (ending["outcome"], ending["record"]) == ("pass", None)


async def test_with_no_connection_the_watch_fails_with_a_sentence_and_no_verdict(
    simulator: RunningSimulator, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AZURE_APP_SERVICE", '{"conn_type": "azure"}')
    ending = await the_event(watch(simulator, app))
    assert ending["status"] == "failed"
    assert "outcome" not in ending
    assert "names no subscription" in ending["message"]


async def test_a_storage_that_hangs_holds_up_no_other_triggers_questions_to_airflow(
    simulator: RunningSimulator, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(watching, "_write", lambda path, record: over.wait(10))
    monkeypatch.setattr(watching, "WRITING_LIMIT", 0.1)
    ending = await the_event(watch(simulator, app, record_path="file:///records/watch.json"))
    assert ending["record"] is None
    assert await sync_to_async(over.is_set)() is False
    over.set()


async def test_a_rule_that_azure_tells_nothing_of_is_not_said_to_have_been_cleared(
    simulator: RunningSimulator, app: str
) -> None:
    simulator.set_rules(app, [])
    ending = await the_event(watch(simulator, app, path="/no-such-page"))
    assert (ending["outcome"], ending["rule_cleared_at"]) == ("fail", None)
