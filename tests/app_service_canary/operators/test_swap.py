"""The swap, once, in the simulator."""

from typing import Any

import pytest
from tests.app_service_canary.task_context import task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import OperationInProgress, PreflightRefused, SwapFailed, TransientAzureError
from app_service_canary.operators.swap import OPERATION_KEY, AppServiceSwapSlotsOperator
from app_service_canary.triggers import waiting
from app_service_simulator.faults.fault import Fault

pytestmark = pytest.mark.usefixtures("azure_connection")


@pytest.fixture(autouse=True)
def no_scheduler_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SETTLE", waiting.timedelta(0))


def swap(simulator: RunningSimulator, app: str) -> AppServiceSwapSlotsOperator:
    target: dict[str, Any] = {"resource_group": simulator.resource_group, "app": app, "slot": "stage"}
    return AppServiceSwapSlotsOperator(task_id="swap", deferrable=False, **target)


def preflight_of(simulator: RunningSimulator, app: str) -> dict[str, Any]:
    state = simulator.state()["apps"][app]
    return {
        "resource_group": simulator.resource_group,
        "app": app,
        "slot": "stage",
        "before": {
            "production_deployment_id": state["production"]["deployment_id"],
            "slot_deployment_id": state["stage"]["deployment_id"],
            "slot_running": True,
        },
    }


def swaps(simulator: RunningSimulator, app: str) -> int:
    return sum(f"/sites/{app}/" in call["path"] and call["path"].endswith("/slotsswap") for call in simulator.journal())


def test_the_rule_is_cleared_and_then_the_slots_are_swapped(simulator: RunningSimulator, fresh_app: str) -> None:
    host = f"{fresh_app}-stage.azurewebsites.net"
    simulator.set_rules(fresh_app, [{"name": "stage", "actionHostName": host, "reroutePercentage": 50}])
    context = task_context("swap", preflight=preflight_of(simulator, fresh_app))
    returned = swap(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "2.0.0"
    assert simulator.state()["apps"][fresh_app]["production"]["rules"] == []
    assert returned["rule_cleared_at"] < returned["at"]


def test_a_second_try_after_a_swap_does_not_swap_back(simulator: RunningSimulator, fresh_app: str) -> None:
    context = task_context("swap", preflight=preflight_of(simulator, fresh_app))
    for _ in range(3):
        swap(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "2.0.0"
    assert swaps(simulator, fresh_app) == 1


@pytest.mark.parametrize(("carried_out", "asked"), [(True, 1), (False, 2)])
def test_after_a_lost_answer_the_next_try_looks_before_it_asks(
    simulator: RunningSimulator, fresh_app: str, carried_out: bool, asked: int
) -> None:
    context = task_context("swap", preflight=preflight_of(simulator, fresh_app))
    fault = Fault(operation="WebApps_SwapSlotSlot", do="gateway_timeout", when="after" if carried_out else "before")
    simulator.set_faults(fault)
    with pytest.raises(TransientAzureError, match="504 GatewayTimeout"):
        swap(simulator, fresh_app).execute(context)
    if carried_out:
        with pytest.raises(OperationInProgress):
            swap(simulator, fresh_app).execute(context)

    def tried_again() -> bool:
        try:
            return bool(swap(simulator, fresh_app).execute(context))
        except OperationInProgress:
            return False

    simulator.wait_until(tried_again)
    # While App Service cuts over, both versions answer.
    simulator.wait_until(lambda: {simulator.version(fresh_app) for _ in range(20)} == {"2.0.0"})
    assert swaps(simulator, fresh_app) == asked


def test_a_swap_that_another_try_began_is_waited_for(simulator: RunningSimulator, fresh_app: str) -> None:
    context, operator = task_context("swap", preflight=preflight_of(simulator, fresh_app)), swap(simulator, fresh_app)
    operator.wait_with = lambda trigger, context: None  # type: ignore[method-assign]
    operator.execute(context)
    assert context["ti"].xcom_pull("swap", key=OPERATION_KEY) == context["task_state_store"][OPERATION_KEY]
    swap(simulator, fresh_app).execute(context)
    assert swaps(simulator, fresh_app) == 1


def test_a_swap_that_azure_gives_up_fails_with_its_reason(simulator: RunningSimulator, fresh_app: str) -> None:
    context = task_context("swap", preflight=preflight_of(simulator, fresh_app))
    with pytest.raises(SwapFailed, match="Cannot swap"):
        swap(simulator, fresh_app).execute_complete(context, waiting.event("failed", "Cannot swap"))


def test_a_swap_that_left_production_as_it_was_is_no_success(simulator: RunningSimulator, app: str) -> None:
    context = task_context("swap", preflight=preflight_of(simulator, app))
    with pytest.raises(SwapFailed, match="production still holds deployment"):
        swap(simulator, app).execute_complete(context, waiting.event("succeeded", "done"))


def test_without_a_record_of_what_was_there_before_nothing_is_swapped(simulator: RunningSimulator, app: str) -> None:
    with pytest.raises(PreflightRefused):
        swap(simulator, app).execute(task_context("swap"))
    assert swaps(simulator, app) == 0
