"""Starting and stopping the slot, in the simulator."""

from typing import Any

import pytest
from tests.app_service_canary.task_context import cleared, task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import PreflightRefused
from app_service_canary.operators.slot import AppServiceStartSlotOperator, AppServiceStopSlotOperator
from app_service_simulator.faults.fault import Fault

pytestmark = pytest.mark.usefixtures("azure_connection")


def state(simulator: RunningSimulator, app: str) -> str:
    return str(simulator.arm("GET", simulator.app_path(app, "stage")).json()["properties"]["state"])


def calls(simulator: RunningSimulator, app: str, ending: str) -> int:
    return sum(f"/sites/{app}/" in call["path"] and call["path"].endswith(ending) for call in simulator.journal())


def target(simulator: RunningSimulator, app: str, slot: str = "stage") -> dict[str, Any]:
    return {"task_id": "task", "resource_group": simulator.resource_group, "app": app, "slot": slot}


def test_a_stopped_slot_is_started_and_a_running_one_left_alone(simulator: RunningSimulator, fresh_app: str) -> None:
    stop = AppServiceStopSlotOperator(**target(simulator, fresh_app))
    start = AppServiceStartSlotOperator(**target(simulator, fresh_app))
    assert stop.execute(task_context()) == {"stopped": True}
    assert state(simulator, fresh_app) == "Stopped"
    assert stop.execute(task_context()) == {"stopped": False}
    assert calls(simulator, fresh_app, "/stop") == 1
    host = f"{fresh_app}-stage.azurewebsites.net"
    returned = start.execute(task_context())
    assert returned.pop("deployment_id") == simulator.state()["apps"][fresh_app]["stage"]["deployment_id"]
    assert returned == {"slot_host": host, "created": False, "started": True}
    assert state(simulator, fresh_app) == "Running"
    assert start.execute(task_context())["started"] is False
    assert calls(simulator, fresh_app, "/start") == 1


def test_a_slot_that_preflight_saw_stopped_is_started_whatever_an_older_answer_says(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    before = {"production_deployment_id": "a", "slot_deployment_id": "b", "slot_running": False}
    simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/stop").raise_for_status()
    simulator.set_faults(Fault(operation="WebApps_GetSlot", app=fresh_app, do="stale", nth=1))
    start = AppServiceStartSlotOperator(**target(simulator, fresh_app))
    assert start.execute(task_context(preflight={"before": before}))["started"] is True
    assert state(simulator, fresh_app) == "Running"
    simulator.set_faults()


def test_a_missing_slot_is_refused_unless_it_may_be_created(simulator: RunningSimulator, fresh_app: str) -> None:
    with pytest.raises(PreflightRefused, match="There is no slot 'other'"):
        AppServiceStartSlotOperator(**target(simulator, fresh_app, "other")).execute(task_context())
    creating = AppServiceStartSlotOperator(create_slot=True, **target(simulator, fresh_app, "other"))
    assert creating.execute(task_context())["created"] is True
    assert creating.execute(task_context())["created"] is False


def test_stopping_a_slot_that_is_gone_is_no_error(simulator: RunningSimulator, app: str) -> None:
    assert AppServiceStopSlotOperator(**target(simulator, app, "gone")).execute(task_context()) == {"stopped": False}


def test_a_slot_that_still_gets_users_is_not_stopped(simulator: RunningSimulator, fresh_app: str) -> None:
    host = f"{fresh_app}-stage.azurewebsites.net"
    beta = {"name": "beta", "actionHostName": f"{fresh_app}-beta.azurewebsites.net", "reroutePercentage": 2}
    simulator.set_rules(fresh_app, [{"name": "stage", "actionHostName": host, "reroutePercentage": 5}, beta])
    with pytest.raises(PreflightRefused, match=r"still gets 5 % of the users and was not stopped.* set .*beta=2$"):
        AppServiceStopSlotOperator(**target(simulator, fresh_app)).execute(task_context())
    assert state(simulator, fresh_app) == "Running"


def test_what_the_slot_held_at_first_is_what_counts_when_a_person_clears_the_task_after_the_swap(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context, start = task_context(), AppServiceStartSlotOperator(**target(simulator, fresh_app))
    first = start.execute(context)["deployment_id"]
    simulator.swap(fresh_app)
    assert start.execute(cleared(context))["deployment_id"] == first
