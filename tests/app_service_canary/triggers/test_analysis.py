"""Watching a version, in the simulator."""

from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.triggers.events import the_event
from tests.simulator import RunningSimulator

from app_service_canary.triggers.analysis import CanaryAnalysisTrigger
from app_service_canary.triggers.waiting import now
from app_service_simulator.faults.fault import Fault

pytestmark = pytest.mark.usefixtures("azure_connection")


def watch(simulator: RunningSimulator, app: str, **changed: Any) -> CanaryAnalysisTrigger:
    arguments: dict[str, Any] = {
        "azure_app_service_conn_id": "azure_app_service",
        "resource_group": simulator.resource_group,
        "app": app,
        "slot": "stage",
        "poll_interval_seconds": 0.02,
        "deadline": None,
        "hosts_by_side": {"slot": f"{app}-stage.azurewebsites.net", "visitors": f"{app}.azurewebsites.net"},
        "path": "/health",
        "good_statuses": [200],
        "bake_until": now() + timedelta(seconds=1),
        "failure_limit": 3,
        "min_answers": 3,
        "answer_timeout_seconds": 5.0,
        "clear_on_failure": True,
    }
    return CanaryAnalysisTrigger(**{**arguments, **changed})


def rule(app: str, percentage: float, name: str = "stage") -> dict[str, Any]:
    return {"name": name, "actionHostName": f"{app}-stage.azurewebsites.net", "reroutePercentage": percentage}


def rules(simulator: RunningSimulator, app: str) -> list[str]:
    config = simulator.arm("GET", f"{simulator.app_path(app)}/config/web").json()["properties"]
    return [found["name"] for found in config["experiments"]["rampUpRules"]]


async def test_a_healthy_canary_passes_at_the_end_of_its_bake(simulator: RunningSimulator, app: str) -> None:
    simulator.set_rules(app, [rule(app, 50)])
    ending = await the_event(watch(simulator, app))
    assert (ending["status"], ending["outcome"]) == ("succeeded", "pass")
    assert ending["sides"]["slot"]["failures"] == ending["sides"]["visitors"]["failures"] == 0
    assert rules(simulator, app) == ["stage"]


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
    settings = f"{simulator.app_path(fresh_app, 'stage')}/config/appsettings"
    simulator.arm("PUT", settings, {"properties": {"SAMPLE_UNHEALTHY": "1"}}).raise_for_status()
    ending = await the_event(watch(simulator, fresh_app, bake_until=now() + timedelta(minutes=5)))
    assert (ending["status"], ending["outcome"]) == ("failed", "fail")
    assert ending["rule_cleared_at"] is not None
    assert rules(simulator, fresh_app) == ["other"]


async def test_a_watch_that_may_not_clear_the_rule_only_reports(simulator: RunningSimulator, app: str) -> None:
    simulator.set_rules(app, [rule(app, 50)])
    ending = await the_event(watch(simulator, app, path="/no-such-page", clear_on_failure=False))
    assert ending["outcome"] == "fail"
    assert "rule_cleared_at" not in ending
    assert rules(simulator, app) == ["stage"]


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


async def test_with_no_connection_the_watch_fails_with_a_sentence_and_no_verdict(
    simulator: RunningSimulator, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AZURE_APP_SERVICE", '{"conn_type": "azure"}')
    ending = await the_event(watch(simulator, app))
    assert ending["status"] == "failed"
    assert "outcome" not in ending
    assert "names no subscription" in ending["message"]
