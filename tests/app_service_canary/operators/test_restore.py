"""The way back, in the simulator."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.operators.test_swap import preflight_of, swaps, writes
from tests.app_service_canary.task_context import cleared, next_try, task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import RestoreIncomplete
from app_service_canary.operators.restore import SWAP_BACKS, AppServiceRestoreTrafficOperator
from app_service_canary.operators.swap import ASKED_KEY, OPERATION_KEY
from app_service_canary.operators.traffic import ASKED_WEIGHT_KEY

pytestmark = pytest.mark.usefixtures("azure_connection")


def restore(simulator: RunningSimulator, app: str, **changed: Any) -> AppServiceRestoreTrafficOperator:
    arguments: dict[str, Any] = {
        "resource_group": simulator.resource_group,
        "app": app,
        "slot": "stage",
        "deferrable": False,
        "poll_interval": timedelta(seconds=0.1),
    }
    return AppServiceRestoreTrafficOperator(task_id="restore", **{**arguments, **changed})


def rule(app: str, name: str = "stage", weight: float = 50) -> dict[str, Any]:
    return {"name": name, "actionHostName": f"{app}-{name}.azurewebsites.net", "reroutePercentage": weight}


def after_preflight(simulator: RunningSimulator, app: str) -> dict[str, Any]:
    return task_context("restore", preflight=preflight_of(simulator, app))


def after_asking_for_a_swap(simulator: RunningSimulator, app: str) -> dict[str, Any]:
    context = after_preflight(simulator, app)
    context["ti"].xcoms["swap", ASKED_KEY] = {"at": "2026-11-22T12:00:00+00:00", "before": ""}
    return context


def begin_swap(simulator: RunningSimulator, app: str) -> Any:
    body = {"targetSlot": "production", "preserveVnet": True}
    return simulator.arm("POST", f"{simulator.app_path(app, 'stage')}/slotsswap", body)


def rules(simulator: RunningSimulator, app: str) -> list[str]:
    return [found["name"] for found in simulator.state()["apps"][app]["production"]["rules"]]


def test_new_users_are_taken_off_the_slot_and_other_rules_stay(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app), rule(fresh_app, "other")])
    returned = restore(simulator, fresh_app).execute(after_preflight(simulator, fresh_app))
    assert rules(simulator, fresh_app) == ["other"]
    assert returned["undone"] == ["clear the traffic rule"]
    assert "New users are on the stable version" in returned["sentence"]


def test_a_version_that_was_swapped_in_is_swapped_out_again(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    assert simulator.swap(fresh_app).status_code == 200
    returned = restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"
    assert returned["undone"] == ["swap the stable version back"]


def test_the_slot_is_started_first_when_somebody_stopped_it(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    simulator.swap(fresh_app)
    simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/stop").raise_for_status()
    returned = restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"
    assert returned["undone"] == ["start the slot, for the swap", "swap the stable version back"]


def test_a_swap_of_the_release_that_still_runs_is_waited_for_and_then_undone(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    context["ti"].xcoms["swap", OPERATION_KEY] = begin_swap(simulator, fresh_app).headers["Location"]
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2


def test_a_swap_whose_answer_was_lost_is_waited_out_before_anything_is_decided(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    begin_swap(simulator, fresh_app)
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2


def test_a_stale_answer_does_not_pass_for_a_swap_that_did_not_happen(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    simulator.swap(fresh_app)
    for operation in ("WebApps_Get", "WebApps_GetSlot"):
        order_fault(operation, "stale", app=fresh_app, nth=2)
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"


def test_what_this_run_released_counts_and_not_what_the_release_file_says_now(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app)])
    restore(simulator, fresh_app, slot="another").execute(after_preflight(simulator, fresh_app))
    assert rules(simulator, fresh_app) == []


def test_after_a_swap_that_has_ended_well_nothing_is_waited_for(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    context["ti"].states["swap"] = "success"
    context["ti"].xcoms["swap", OPERATION_KEY] = "https://nowhere.invalid"
    simulator.swap(fresh_app)
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"


def test_a_promotion_that_succeeded_is_never_undone(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_preflight(simulator, fresh_app)
    context["ti"].states |= {"swap": "success", "watch_promoted": "success"}
    simulator.swap(fresh_app)
    assert restore(simulator, fresh_app).execute(context) == {
        "undone": [],
        "sentence": "Nothing had to be undone.",
    }
    assert simulator.version(fresh_app) == "2.0.0"


def test_a_release_that_changed_nothing_has_nothing_to_undo(simulator: RunningSimulator, app: str) -> None:
    last = simulator.journal()[-1]["n"]
    assert restore(simulator, app).execute(task_context("restore"))["undone"] == []
    assert simulator.journal(last) == []


def test_running_it_twice_undoes_once(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    simulator.swap(fresh_app)
    for _ in range(2):
        restore(simulator, fresh_app).execute(next_try(context))
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2


# --- when Azure does not do as asked ---


@pytest.fixture
def slots_stay_prepared(simulator: RunningSimulator) -> Iterator[None]:
    simulator.set_quirks(failed_swap_leaves_slot_prepared=True)
    yield
    simulator.set_quirks(failed_swap_leaves_slot_prepared=False)


@pytest.mark.usefixtures("slots_stay_prepared")
def test_a_slot_that_a_failed_swap_left_prepared_can_be_changed_again(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    order_fault("WebApps_SwapSlotSlot", "ends_with", ending="no_ping", app=fresh_app)
    assert simulator.swap(fresh_app).status_code == 417
    config = f"{simulator.app_path(fresh_app, 'stage')}/config/web"
    change = {"properties": {"healthCheckPath": "/health"}}
    assert simulator.arm("PATCH", config, change).status_code == 409
    restore(simulator, fresh_app).execute(context)
    assert simulator.arm("PATCH", config, change).status_code == 200


@pytest.mark.parametrize("failures", [1, SWAP_BACKS - 1])
def test_a_swap_back_that_azure_gives_up_is_tried_again(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, failures: int
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    simulator.swap(fresh_app)
    order_fault("WebApps_SwapSlotSlot", "ends_with", ending="no_ping", times=failures, app=fresh_app)
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 1 + failures + 1


def test_a_swap_back_that_azure_gives_up_each_time_ends_with_what_to_do_by_hand(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    simulator.swap(fresh_app)
    order_fault("WebApps_SwapSlotSlot", "ends_with", ending="no_ping", times=None, app=fresh_app)
    with pytest.raises(RestoreIncomplete) as raised:
        restore(simulator, fresh_app).execute(context)
    assert swaps(simulator, fresh_app) == 1 + SWAP_BACKS
    said = str(raised.value)
    assert said.startswith(f"Users are on the NEW version of app '{fresh_app}'. The way back could not be finished: ")
    assert "did not respond to http ping" in said
    assert f"az webapp deployment slot swap -g contoso-rg -n {fresh_app} --slot stage --target-slot production" in said


def test_while_azure_fails_it_keeps_at_it(simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app)])
    order_fault("WebApps_UpdateConfiguration", "server_error", times=6, app=fresh_app)
    restore(simulator, fresh_app).execute(after_preflight(simulator, fresh_app))
    assert rules(simulator, fresh_app) == []


def test_when_its_time_is_over_it_says_what_is_left_with_commands_that_keep_other_slots_users(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app), rule(fresh_app, "beta", 5)])
    order_fault("WebApps_UpdateConfiguration", "server_error", times=None, app=fresh_app)
    with pytest.raises(RestoreIncomplete) as raised:
        restore(simulator, fresh_app, timeout=timedelta(seconds=1)).execute(after_preflight(simulator, fresh_app))
    assert str(raised.value).startswith("The way back could not be finished: Setting the traffic rules of app")
    assert "Azure answered 500" in str(raised.value)
    assert str(raised.value).endswith(
        f"in this order: az webapp traffic-routing set -g contoso-rg -n {fresh_app} --distribution beta=5. "
        "Or clear this task to try again."
    )


def test_when_nothing_can_be_read_either_it_says_everything_that_may_be_left(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    order_fault("WebApps_*", "server_timeout", times=None, app=fresh_app)
    with pytest.raises(RestoreIncomplete) as raised:
        restore(simulator, fresh_app, timeout=timedelta(seconds=1)).execute(context)
    assert "az webapp traffic-routing" in str(raised.value)
    assert "az webapp deployment slot swap" in str(raised.value)


@pytest.mark.parametrize("refusal", ["locked", "forbidden"])
def test_a_lock_does_not_matter_when_nothing_is_left_to_undo(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, refusal: str
) -> None:
    order_fault("WebApps_UpdateConfiguration", refusal, times=None, app=fresh_app)
    returned = restore(simulator, fresh_app).execute(after_preflight(simulator, fresh_app))
    assert returned == {"undone": [], "sentence": "New users are on the stable version."}


@pytest.mark.parametrize(("refusal", "reason"), [("locked", "ScopeLocked"), ("forbidden", "AuthorizationFailed")])
def test_a_lock_ends_the_way_back_at_once_when_something_is_left(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, refusal: str, reason: str
) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app)])
    order_fault("WebApps_UpdateConfiguration", refusal, times=None, app=fresh_app)
    with pytest.raises(RestoreIncomplete, match=f"{reason}.*az webapp traffic-routing clear -g contoso-rg"):
        restore(simulator, fresh_app).execute(after_preflight(simulator, fresh_app))


def test_the_time_there_is_counts_over_all_tries_until_a_person_clears_the_task(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app)])
    context = after_preflight(simulator, fresh_app)
    order_fault("WebApps_UpdateConfiguration", "server_error", times=None, app=fresh_app)
    for _ in range(2):
        with pytest.raises(RestoreIncomplete):
            restore(simulator, fresh_app, timeout=timedelta(seconds=0.5)).execute(next_try(context))
    simulator.set_faults()
    restore(simulator, fresh_app, timeout=timedelta(seconds=30)).execute(cleared(context))
    assert rules(simulator, fresh_app) == []


def test_a_slot_that_may_still_be_prepared_for_a_swap_is_told_of_with_the_command_that_cancels_it(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    order_fault("WebApps_ResetSlotConfigurationSlot", "forbidden", app=fresh_app)
    returned = restore(simulator, fresh_app).execute(after_asking_for_a_swap(simulator, fresh_app))
    assert "may still be prepared for that swap" in returned["sentence"]
    assert "AuthorizationFailed" in returned["sentence"]
    assert f"-n {fresh_app} --slot stage --action reset" in returned["sentence"]


def test_a_run_in_which_no_step_began_writes_no_rules_on_its_way_back(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context, before = after_preflight(simulator, fresh_app), len(writes(simulator, fresh_app))
    restore(simulator, fresh_app).execute(context)
    assert writes(simulator, fresh_app)[before:] == []
    context["ti"].xcoms["canary_10.shift", ASKED_WEIGHT_KEY] = 10.0  # killed before it could say what it did
    restore(simulator, fresh_app, shift_task_ids=["canary_10.shift"]).execute(cleared(context))
    assert writes(simulator, fresh_app)[before:] == ["WebApps_UpdateConfiguration"]


def test_a_watch_that_was_marked_before_there_was_a_swap_promotes_nothing(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app)])
    context = after_preflight(simulator, fresh_app)
    context["ti"].states["watch_promoted"] = "success"
    restore(simulator, fresh_app).execute(context)
    assert rules(simulator, fresh_app) == []


def test_what_somebody_else_swapped_in_is_told_of_and_left(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_preflight(simulator, fresh_app)
    simulator.swap(fresh_app)
    said = restore(simulator, fresh_app).execute(context)["sentence"]
    assert said == "Production holds what somebody else swapped in; it was not swapped back."
    assert simulator.version(fresh_app) == "2.0.0"
