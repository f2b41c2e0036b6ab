"""Waiting for a manager, and watching the canary meanwhile."""

import asyncio
from typing import Any

import pytest
from tests.app_service_canary.conftest import Connect, OrderFault
from tests.app_service_canary.triggers.events import the_event
from tests.app_service_canary.triggers.watches import watch_arguments
from tests.simulator import RunningSimulator

from app_service_canary.triggers.approval import ApprovalTrigger
from app_service_canary.triggers.watched_approval import WatchedApprovalTrigger

pytestmark = pytest.mark.usefixtures("azure_connection")


def gate(simulator: RunningSimulator, app: str, **watching: Any) -> WatchedApprovalTrigger:
    analysis = {"sources": {"probe": {"rate": 50, "paths": ["/version"]}}}
    arguments = {**watch_arguments(simulator, app), "analysis": analysis, "own": None}
    trigger = WatchedApprovalTrigger(
        watching={**arguments, **watching},
        variable_key="canary_approval__dag__run",
        ti_id="01890000-0000-7000-8000-000000000001",
        approvers=[],
        poll_interval_seconds=0.05,
        deadline=None,
        in_doubt_since=None,
    )
    trigger.asks_for_responses = False
    return trigger


def send_users(simulator: RunningSimulator, app: str) -> None:
    rule = {"name": "stage", "actionHostName": f"{app}-stage.azurewebsites.net", "reroutePercentage": 50}
    simulator.set_rules(app, [rule])


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The run's Variable, under `value`."""
    kept: dict[str, str] = {}
    monkeypatch.setattr(ApprovalTrigger, "_variable", lambda self: kept.get("value"))
    return kept


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"SAMPLE_ERROR_RATE": "0.5"}, "By probe, the canary failed"), ({"SAMPLE_UNHEALTHY": "1"}, "answered 503")],
)
async def test_a_canary_that_turns_bad_while_a_manager_thinks_loses_its_users_at_once(
    simulator: RunningSimulator, fresh_app: str, variable: dict[str, str], settings: dict[str, str], said: str
) -> None:
    send_users(simulator, fresh_app)
    simulator.set_app_settings(fresh_app, "stage", settings)
    ending = await the_event(gate(simulator, fresh_app))
    assert ending["outcome"] == "fail"
    assert said in ending["message"]
    assert list(simulator.rules(fresh_app)) == []


async def test_a_good_canary_waits_for_the_manager_however_much_evidence_there_is(
    simulator: RunningSimulator, fresh_app: str, variable: dict[str, str]
) -> None:
    send_users(simulator, fresh_app)
    metrics = {"failures": {"min_requests": 5, "notice": 90}, "latency": {"mode": "off"}}
    analysis = {"sources": {"probe": {"rate": 50}}, "metrics": metrics, "finish_early": True}
    trigger = gate(simulator, fresh_app, analysis=analysis)
    waiting = asyncio.create_task(the_event(trigger))
    done, _ = await asyncio.wait({waiting}, timeout=2)
    assert not done
    variable["value"] = "approve"
    assert (await waiting)["decision"]["decision"] == "approved"
    assert list(simulator.rules(fresh_app)) == ["stage"]


async def test_a_bad_verdict_that_is_being_acted_upon_counts_more_than_a_decision_that_comes_then(
    simulator: RunningSimulator, fresh_app: str, variable: dict[str, str], order_fault: OrderFault
) -> None:
    send_users(simulator, fresh_app)
    simulator.set_app_settings(fresh_app, "stage", {"SAMPLE_UNHEALTHY": "1"})
    order_fault("WebApps_UpdateConfiguration", "slow", seconds=2, when="before", app=fresh_app)
    trigger = gate(simulator, fresh_app)
    await trigger.opened()
    assert trigger._watched is not None
    acting, _ = await asyncio.wait({trigger._watched}, timeout=1)
    assert not acting
    assert trigger.watch.rejected, "it is being acted upon, which takes two seconds"
    variable["value"] = "approve"
    ending = await trigger.look()
    assert ending is not None
    assert ending["outcome"] == "fail"
    assert list(simulator.rules(fresh_app)) == []
    await trigger.closed()


async def test_a_watch_that_breaks_off_keeps_nobody_from_deciding_and_is_begun_anew(
    simulator: RunningSimulator, fresh_app: str, variable: dict[str, str], azure_connection: Connect
) -> None:
    send_users(simulator, fresh_app)
    simulator.set_app_settings(fresh_app, "stage", {"SAMPLE_UNHEALTHY": "1"})
    trigger = gate(simulator, fresh_app, azure_app_service_conn_id="away_for_a_moment")
    said: asyncio.Queue[str] = asyncio.Queue()
    trigger.log.warning = lambda *words: said.put_nowait(words[0] % words[1:])
    waiting = asyncio.create_task(the_event(trigger))
    assert "The canary is not watched, and will be again in" in await said.get()
    assert not waiting.done()
    trigger.watching["azure_app_service_conn_id"] = azure_connection()
    assert (await waiting)["outcome"] == "fail"
    assert list(simulator.rules(fresh_app)) == []


async def test_where_no_watch_is_possible_a_manager_decides_all_the_same(
    simulator: RunningSimulator, app: str, variable: dict[str, str]
) -> None:
    waiting = asyncio.create_task(the_event(gate(simulator, app, azure_app_service_conn_id="no_such_connection")))
    done, _ = await asyncio.wait({waiting}, timeout=1)
    assert not done
    variable["value"] = "approve"
    assert (await waiting)["decision"]["decision"] == "approved"


async def test_a_bad_verdict_is_not_lost_when_airflow_cannot_be_asked_for_a_decision(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: ApprovalTrigger) -> str | None:
        raise OSError("no answer")

    send_users(simulator, fresh_app)
    simulator.set_app_settings(fresh_app, "stage", {"SAMPLE_UNHEALTHY": "1"})
    trigger = gate(simulator, fresh_app)
    await trigger.opened()
    assert trigger._watched is not None
    await asyncio.wait({trigger._watched})
    monkeypatch.setattr(ApprovalTrigger, "_variable", broken)
    ending = await trigger.look()
    assert ending is not None
    assert ending["outcome"] == "fail"
    await trigger.closed()


async def test_a_gate_that_is_closed_watches_no_more(
    simulator: RunningSimulator, app: str, variable: dict[str, str]
) -> None:
    trigger = gate(simulator, app)
    await trigger.opened()
    watched = trigger._watched
    assert watched is not None
    await trigger.closed()
    assert watched.done()
