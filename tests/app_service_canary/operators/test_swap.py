"""The swap, once, in the simulator."""

from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.conftest import AnswerFirst, OrderFault
from tests.app_service_canary.task_context import cleared, next_try, task_context
from tests.simulator import RunningSimulator, sample_package

from app_service_canary.errors import (
    AzureRequestRejected,
    AzureUnavailable,
    CanaryRejected,
    ChangedByOthers,
    PreflightRefused,
    SwapFailed,
)
from app_service_canary.operators import swap as swap_module
from app_service_canary.operators.swap import ASKED_KEY, OPERATION_KEY, AppServiceSwapSlotsOperator
from app_service_canary.operators.task import known_before
from app_service_canary.triggers import waiting
from app_service_canary.triggers.verdicts import VERDICT_KEY
from app_service_canary.triggers.waiting import now

pytestmark = pytest.mark.usefixtures("azure_connection")

NO_PATIENCE = timedelta(0)


def swap(simulator: RunningSimulator, app: str, **changed: Any) -> AppServiceSwapSlotsOperator:
    arguments: dict[str, Any] = {
        "resource_group": simulator.resource_group,
        "app": app,
        "slot": "stage",
        "deferrable": False,
        "poll_interval": timedelta(seconds=0.1),
    }
    return AppServiceSwapSlotsOperator(task_id="swap", **{**arguments, **changed})


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


def ready_to_swap(simulator: RunningSimulator, app: str, **returned: Any) -> dict[str, Any]:
    """The context of a run whose preflight has looked at the app as it is now."""
    return task_context("swap", preflight=preflight_of(simulator, app), **returned)


def send_users(simulator: RunningSimulator, app: str, weight: float) -> None:
    """Sends a share of the users to the slot, as a release or a person does."""
    host = f"{app}-stage.azurewebsites.net"
    simulator.set_rules(app, [{"name": "stage", "actionHostName": host, "reroutePercentage": weight}])


def swaps(simulator: RunningSimulator, app: str, ending: str = "/slotsswap") -> int:
    """How often Azure was asked for a swap of the app."""
    return sum(f"/sites/{app}/" in call["path"] and call["path"].endswith(ending) for call in simulator.journal())


def swap_has_ended(simulator: RunningSimulator, app: str) -> bool:
    """Whether one that was begun is over."""
    return "Swap_Ended" in [effect["operation"] for effect in simulator.effects(app)]


def writes(simulator: RunningSimulator, app: str) -> list[str]:
    """What changed the app, or tried to."""
    return [call["operation"] for call in simulator.journal(app=app) if call["method"] != "GET"]


def test_the_rule_is_cleared_and_then_the_slots_are_swapped(simulator: RunningSimulator, fresh_app: str) -> None:
    send_users(simulator, fresh_app, 50)
    returned = swap(simulator, fresh_app).execute(ready_to_swap(simulator, fresh_app))
    assert simulator.version(fresh_app) == "2.0.0"
    assert simulator.state()["apps"][fresh_app]["production"]["rules"] == []
    assert returned["rule_cleared_at"] < returned["at"]


def test_a_second_try_after_a_swap_does_not_swap_back(simulator: RunningSimulator, fresh_app: str) -> None:
    context = ready_to_swap(simulator, fresh_app)
    for _ in range(3):
        swap(simulator, fresh_app).execute(next_try(context))
    assert simulator.version(fresh_app) == "2.0.0"
    assert swaps(simulator, fresh_app) == 1


@pytest.mark.parametrize(("when", "requests"), [("before", 2), ("after", 1)])
@pytest.mark.parametrize("fault", ["gateway_timeout", "reset"])
def test_when_azures_answer_is_lost_the_slots_are_swapped_once(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, fault: str, when: str, requests: int
) -> None:
    context = ready_to_swap(simulator, fresh_app)
    order_fault("WebApps_SwapSlotSlot", fault, when=when, app=fresh_app)
    swap(simulator, fresh_app).execute(context)
    simulator.wait_until(lambda: {simulator.version(fresh_app) for _ in range(20)} == {"2.0.0"})
    assert swaps(simulator, fresh_app) == requests


def test_a_try_after_one_that_heard_no_answer_waits_for_the_swap_and_tells_restore_again(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = ready_to_swap(simulator, fresh_app)
    order_fault("WebApps_SwapSlotSlot", "gateway_timeout", when="after", app=fresh_app)
    with pytest.raises(AzureUnavailable, match="504 GatewayTimeout"):
        swap(simulator, fresh_app, patience=NO_PATIENCE).execute(context)
    swap(simulator, fresh_app).execute(next_try(context))
    assert context["ti"].xcom_pull("swap", key=ASKED_KEY) is not None
    assert swaps(simulator, fresh_app) == 1


def test_a_swap_that_somebody_has_swapped_back_is_not_swapped_again_unless_a_person_clears_the_task(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = ready_to_swap(simulator, fresh_app)
    order_fault("WebApps_SwapSlotSlot", "gateway_timeout", when="after", app=fresh_app)
    with pytest.raises(AzureUnavailable):
        swap(simulator, fresh_app, patience=NO_PATIENCE).execute(context)
    simulator.wait_until(lambda: swap_has_ended(simulator, fresh_app))
    assert simulator.swap(fresh_app).status_code == 200
    with pytest.raises(ChangedByOthers, match="took place, and somebody has swapped it back since"):
        swap(simulator, fresh_app).execute(next_try(context))
    assert simulator.version(fresh_app) == "1.0.0"
    swap(simulator, fresh_app).execute(cleared(context))
    assert simulator.version(fresh_app) == "2.0.0"


def test_a_swap_that_is_cleared_after_the_way_back_is_asked_for_anew(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app)
    operator.wait_with = lambda trigger, context: None  # type: ignore[method-assign]
    operator.execute(context)  # and then its run was marked failed, and nothing more was heard of it
    simulator.wait_until(lambda: swap_has_ended(simulator, fresh_app))
    assert simulator.swap(fresh_app).status_code == 200
    came_back = now().isoformat()
    returned = swap(simulator, fresh_app).execute(cleared(context))
    assert simulator.version(fresh_app) == "2.0.0"
    assert returned["rule_cleared_at"] > came_back


def test_a_swap_that_is_cleared_while_it_runs_is_waited_for_and_not_asked_for_again(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app)
    operator.wait_with = lambda trigger, context: None  # type: ignore[method-assign]
    operator.execute(context)
    assert not swap_has_ended(simulator, fresh_app)
    swap(simulator, fresh_app, patience=NO_PATIENCE).execute(cleared(context))
    assert simulator.version(fresh_app) == "2.0.0"
    assert swaps(simulator, fresh_app) == 1


def test_what_azure_tells_for_long_of_the_time_before_a_swap_it_was_seen_at_is_not_believed(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, answer_first: AnswerFirst
) -> None:
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app)
    stale = [operator.with_hook(lambda hook: hook.read_app(operator.target))] * 8
    answer_first(stale)
    order_fault("WebApps_SwapSlotSlot", "gateway_timeout", when="after", app=fresh_app)
    operator.execute(context)
    assert stale == []
    assert simulator.version(fresh_app) == "2.0.0"
    assert swaps(simulator, fresh_app) == 1


def test_a_swap_that_ended_unheard_is_not_asked_for_again_while_azure_tells_of_the_time_before_it(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, answer_first: AnswerFirst
) -> None:
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app, patience=NO_PATIENCE)
    stale = [operator.with_hook(lambda hook: hook.read_app(operator.target))] * 8
    order_fault("WebApps_SwapSlotSlot", "gateway_timeout", when="after", app=fresh_app)
    with pytest.raises(AzureUnavailable):
        operator.execute(context)
    simulator.wait_until(lambda: swap_has_ended(simulator, fresh_app))
    answer_first(stale)
    operator.execute(next_try(context))
    assert stale == []
    assert simulator.version(fresh_app) == "2.0.0"
    assert swaps(simulator, fresh_app) == 1


@pytest.mark.parametrize("fault", ["forbidden", "throttled"])
def test_a_swap_that_azure_refused_is_asked_for_again_at_once(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(swap_module, "READ_BACK", timedelta(hours=1))
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app, patience=NO_PATIENCE)
    order_fault("WebApps_SwapSlotSlot", fault, app=fresh_app, times=1)
    with pytest.raises((AzureRequestRejected, AzureUnavailable)):
        operator.execute(context)
    assert context["ti"].xcom_pull("swap", key=OPERATION_KEY) == ""
    operator.with_hook(lambda hook: operator._begin(hook, next_try(context), known_before(context, "preflight")))
    simulator.wait_until(lambda: simulator.version(fresh_app) == "2.0.0")


def test_a_request_that_was_refused_does_not_make_a_later_one_seem_so_whose_answer_was_lost(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = ready_to_swap(simulator, fresh_app)
    order_fault("WebApps_SwapSlotSlot", "throttled", app=fresh_app, nth=1)
    order_fault("WebApps_SwapSlotSlot", "gateway_timeout", when="after", app=fresh_app, nth=2)
    operator = swap(simulator, fresh_app, patience=NO_PATIENCE)
    for _ in range(2):  # in one try
        with pytest.raises(AzureUnavailable):
            operator.execute(context)
    assert swaps(simulator, fresh_app) == 2
    assert context["ti"].xcom_pull("swap", key=OPERATION_KEY) is None


@pytest.mark.parametrize("found", [None, 20.0])
def test_a_rule_that_somebody_changed_since_the_last_step_stops_the_swap_and_nothing_is_written(
    simulator: RunningSimulator, fresh_app: str, found: float | None
) -> None:
    context = ready_to_swap(simulator, fresh_app, **{"canary_50.shift": {"applied": 50.0}})
    if found is not None:
        send_users(simulator, fresh_app, found)
    before = writes(simulator, fresh_app)
    with pytest.raises(ChangedByOthers, match="this release had left 50 %"):
        swap(simulator, fresh_app, shift_task_ids=["canary_20.shift", "canary_50.shift"]).execute(context)
    assert writes(simulator, fresh_app) == before


def test_a_bad_verdict_that_the_gate_was_taken_past_stops_the_swap_and_nothing_is_written(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    send_users(simulator, fresh_app, 50)
    before = writes(simulator, fresh_app)
    context = ready_to_swap(simulator, fresh_app, **{"canary_50.shift": {"applied": 50.0}})
    context["ti"].xcoms["approval", VERDICT_KEY] = {"message": "The canary failed 9 of 10."}
    with pytest.raises(
        CanaryRejected, match=r"^While a manager was asked: The canary failed 9 of 10\. It was not swapped"
    ):
        swap(simulator, fresh_app, shift_task_ids=["canary_50.shift"]).execute(context)
    assert writes(simulator, fresh_app) == before


def test_a_swap_that_a_person_clears_takes_the_rule_as_it_is_then(simulator: RunningSimulator, fresh_app: str) -> None:
    context = ready_to_swap(simulator, fresh_app, **{"canary_50.shift": {"applied": 50.0}})
    swap(simulator, fresh_app, shift_task_ids=["canary_50.shift"]).execute(cleared(context))
    assert simulator.version(fresh_app) == "2.0.0"


def test_a_rule_that_this_task_cleared_itself_is_nobody_elses_work_though_the_answer_was_lost(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    send_users(simulator, fresh_app, 50)
    context = ready_to_swap(simulator, fresh_app, **{"canary_50.shift": {"applied": 50.0}})
    order_fault("WebApps_UpdateConfiguration", "gateway_timeout", when="after", app=fresh_app)
    returned = swap(simulator, fresh_app, shift_task_ids=["canary_50.shift"]).execute(context)
    assert returned["rule_cleared_at"]
    assert simulator.version(fresh_app) == "2.0.0"


def latest_deployment(simulator: RunningSimulator, app: str) -> str:
    path = f"{simulator.app_path(app, 'stage')}/deployments/latest"
    return str(simulator.arm("GET", path).json()["properties"]["id"])


def test_what_somebody_deployed_to_the_slot_meanwhile_is_not_promoted(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    deployed = {"deployment_id": latest_deployment(simulator, fresh_app)}
    package = simulator.put_package(f"{fresh_app}-9.zip", sample_package("9.0.0"))
    simulator.deploy(fresh_app, "stage", package)
    with pytest.raises(ChangedByOthers, match=f"this release brought {deployed['deployment_id']}"):
        swap(simulator, fresh_app).execute(ready_to_swap(simulator, fresh_app, deploy=deployed))
    assert swaps(simulator, fresh_app) == 0


def test_what_this_release_deployed_is_promoted(simulator: RunningSimulator, fresh_app: str) -> None:
    deployed = {"deployment_id": latest_deployment(simulator, fresh_app)}
    swap(simulator, fresh_app).execute(ready_to_swap(simulator, fresh_app, deploy=deployed))
    assert simulator.version(fresh_app) == "2.0.0"


def test_another_image_than_the_one_that_was_watched_is_not_promoted(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    simulator.put_image("contoso.azurecr.io/web:9", sample_package("9.0.0"))
    body = {"properties": {"linuxFxVersion": "DOCKER|contoso.azurecr.io/web:9"}}
    simulator.arm("PATCH", f"{simulator.app_path(fresh_app, 'stage')}/config/web", body).raise_for_status()
    context = ready_to_swap(simulator, fresh_app, deploy={"image": "contoso.azurecr.io/web:2"})
    with pytest.raises(ChangedByOthers, match=r"holds image contoso.azurecr.io/web:9, and this release brought"):
        swap(simulator, fresh_app, image_os="linux").execute(context)
    assert swaps(simulator, fresh_app) == 0


def test_a_stale_answer_after_the_swap_is_asked_for_again(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    order_fault("WebApps_Get", "stale", nth=2, times=2, app=fresh_app)
    assert swap(simulator, fresh_app).execute(ready_to_swap(simulator, fresh_app))
    assert swaps(simulator, fresh_app) == 1


def test_a_swap_that_another_try_began_is_waited_for(simulator: RunningSimulator, fresh_app: str) -> None:
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app)
    operator.wait_with = lambda trigger, context: None  # type: ignore[method-assign]
    operator.execute(context)
    assert context["ti"].xcom_pull("swap", key=OPERATION_KEY) == context["task_state_store"][OPERATION_KEY]["url"]
    swap(simulator, fresh_app).execute(next_try(context))
    assert swaps(simulator, fresh_app) == 1


def test_a_swap_that_azure_gives_up_fails_with_its_reason(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    order_fault("WebApps_SwapSlotSlot", "ends_with", ending="no_ping", app=fresh_app)
    with pytest.raises(SwapFailed, match="Cannot swap"):
        swap(simulator, fresh_app).execute(ready_to_swap(simulator, fresh_app))
    assert simulator.version(fresh_app) == "1.0.0"


def test_a_swap_that_left_production_as_it_was_is_no_success(
    simulator: RunningSimulator, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap_module, "READ_BACK", timedelta(seconds=0.2))
    with pytest.raises(SwapFailed, match=r"is done, but production holds deployment .* Look at the app's activity log"):
        swap(simulator, app).execute_complete(ready_to_swap(simulator, app), waiting.event("succeeded", "done"))


def test_without_a_record_of_what_was_there_before_nothing_is_swapped(simulator: RunningSimulator, app: str) -> None:
    with pytest.raises(PreflightRefused):
        swap(simulator, app).execute(task_context("swap"))
    assert swaps(simulator, app) == 0


def test_a_swap_that_somebody_else_made_meanwhile_is_not_taken_for_its_own(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = ready_to_swap(simulator, fresh_app)
    assert simulator.swap(fresh_app).status_code == 200
    with pytest.raises(ChangedByOthers, match="Somebody swapped slot 'stage'"):
        swap(simulator, fresh_app).execute(context)
    assert context["ti"].xcom_pull("swap", key=ASKED_KEY) is None
    assert swaps(simulator, fresh_app) == 1


def test_a_person_who_clears_the_swap_does_not_promote_what_this_release_did_not_bring(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = ready_to_swap(simulator, fresh_app, deploy={"deployment_id": "of-this-release"})
    with pytest.raises(ChangedByOthers, match="this release brought of-this-release"):
        swap(simulator, fresh_app).execute(cleared(context))
    assert swaps(simulator, fresh_app) == 0
