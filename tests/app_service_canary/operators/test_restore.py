"""The way back, in the simulator."""

from typing import Any

import pytest
from tests.app_service_canary.operators.test_swap import preflight_of, swaps
from tests.app_service_canary.task_context import task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import OperationInProgress, RestoreIncomplete
from app_service_canary.operators.restore import AppServiceRestoreTrafficOperator
from app_service_canary.operators.swap import ASKED_KEY, OPERATION_KEY
from app_service_canary.triggers import waiting

pytestmark = pytest.mark.usefixtures("azure_connection")


@pytest.fixture(autouse=True)
def no_scheduler_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SETTLE", waiting.timedelta(0))


def restore(simulator: RunningSimulator, app: str) -> AppServiceRestoreTrafficOperator:
    target: dict[str, Any] = {"resource_group": simulator.resource_group, "app": app, "slot": "stage"}
    return AppServiceRestoreTrafficOperator(task_id="restore", deferrable=False, **target)


def rule(app: str, name: str = "stage") -> dict[str, Any]:
    return {"name": name, "actionHostName": f"{app}-stage.azurewebsites.net", "reroutePercentage": 50}


def after_asking_for_a_swap(simulator: RunningSimulator, app: str) -> dict[str, Any]:
    context = task_context("restore", preflight=preflight_of(simulator, app))
    context["ti"].xcoms["swap", ASKED_KEY] = True
    return context


def rules(simulator: RunningSimulator, app: str) -> list[str]:
    return [found["name"] for found in simulator.state()["apps"][app]["production"]["rules"]]


def test_new_users_are_taken_off_the_slot_and_other_rules_stay(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app), rule(fresh_app, "other")])
    returned = restore(simulator, fresh_app).execute(
        task_context("restore", preflight=preflight_of(simulator, fresh_app))
    )
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
    body = {"targetSlot": "production", "preserveVnet": True}
    begun = simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/slotsswap", body)
    context["ti"].xcoms["swap", OPERATION_KEY] = begun.headers["Location"]
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2


def test_a_swap_whose_answer_was_lost_is_waited_out_before_anything_is_decided(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    body = {"targetSlot": "production", "preserveVnet": True}
    begun = simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/slotsswap", body)
    with pytest.raises(OperationInProgress):
        restore(simulator, fresh_app).execute(context)
    simulator.finish(begun)
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"


def test_clearing_it_in_an_old_run_does_not_undo_a_later_release(simulator: RunningSimulator, fresh_app: str) -> None:
    context = task_context("restore", preflight=preflight_of(simulator, fresh_app))
    simulator.swap(fresh_app)
    assert restore(simulator, fresh_app).execute(context)["undone"] == []
    assert simulator.version(fresh_app) == "2.0.0"


def test_what_this_run_released_counts_and_not_what_the_release_file_says_now(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app)])
    context = task_context("restore", preflight=preflight_of(simulator, fresh_app))
    edited = AppServiceRestoreTrafficOperator(
        task_id="restore", deferrable=False, resource_group="contoso-rg", app=fresh_app, slot="another"
    )
    edited.execute(context)
    assert rules(simulator, fresh_app) == []


def test_after_a_swap_that_has_ended_well_nothing_is_waited_for(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    context["ti"].states["swap"] = "success"
    context["ti"].xcoms["swap", OPERATION_KEY] = "https://nowhere.invalid"
    simulator.swap(fresh_app)
    restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"


def test_a_promotion_that_succeeded_is_never_undone(simulator: RunningSimulator, fresh_app: str) -> None:
    context = task_context("restore", preflight=preflight_of(simulator, fresh_app))
    context["ti"].states["watch_promoted"] = "success"
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
        restore(simulator, fresh_app).execute(context)
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2


def test_a_way_back_that_fails_says_loudly_what_to_do_by_hand(simulator: RunningSimulator, app: str) -> None:
    context = task_context("restore", preflight=preflight_of(simulator, app))
    context["task_state_store"]["swapping_back"] = "https://somewhere"
    with pytest.raises(RestoreIncomplete, match="az webapp deployment slot swap -g contoso-rg -n"):
        restore(simulator, app).execute_complete(context, waiting.event("failed", "Cannot swap"))
