"""The way back of a run that a person has cleared, perhaps when later releases have come and gone."""

from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.operators.test_restore import after_asking_for_a_swap, after_preflight, restore, rule
from tests.app_service_canary.operators.test_swap import swaps
from tests.app_service_canary.task_context import cleared
from tests.simulator import RunningSimulator

from app_service_canary.errors import RestoreIncomplete
from app_service_canary.operators.swap import ASKED_KEY

pytestmark = pytest.mark.usefixtures("azure_connection")


def after_promoting(simulator: RunningSimulator, app: str) -> dict[str, Any]:
    context = after_asking_for_a_swap(simulator, app)
    simulator.swap(app)
    context["ti"].states |= {"swap": "success", "watch_promoted": "success"}
    restore(simulator, app).execute(context)
    return context


def after_a_way_back_in_vain(simulator: RunningSimulator, app: str, order_fault: OrderFault) -> dict[str, Any]:
    context = after_asking_for_a_swap(simulator, app)
    simulator.swap(app)
    order_fault("WebApps_SwapSlotSlot", "forbidden", app=app, times=1)
    with pytest.raises(RestoreIncomplete, match="Users are on the NEW version"):
        restore(simulator, app).execute(context)
    return context


def test_clearing_it_in_an_old_run_does_not_undo_a_later_release(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_preflight(simulator, fresh_app)
    simulator.swap(fresh_app)
    assert restore(simulator, fresh_app).execute(context)["undone"] == []
    assert simulator.version(fresh_app) == "2.0.0"


def test_a_way_back_that_was_finished_is_not_gone_again_after_a_later_swap(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    simulator.swap(fresh_app)
    restore(simulator, fresh_app).execute(context)
    simulator.swap(fresh_app)
    restore(simulator, fresh_app).execute(cleared(context))
    assert simulator.version(fresh_app) == "2.0.0"
    assert swaps(simulator, fresh_app) == 3


def test_a_run_that_went_on_after_a_way_back_is_undone_again(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_preflight(simulator, fresh_app)
    restore(simulator, fresh_app).execute(context)
    context["ti"].xcoms["swap", ASKED_KEY] = {"at": "2026-11-22T12:00:00+00:00", "before": ""}
    simulator.swap(fresh_app)
    assert restore(simulator, fresh_app).execute(cleared(context))["undone"] == ["swap the stable version back"]
    assert simulator.version(fresh_app) == "1.0.0"


def test_clearing_a_run_that_was_promoted_does_not_undo_its_promotion(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_promoting(simulator, fresh_app)
    context["ti"].states.clear()
    assert restore(simulator, fresh_app).execute(cleared(context))["undone"] == []
    assert simulator.version(fresh_app) == "2.0.0"


def test_a_promoted_version_that_is_watched_again_and_rejected_is_left_to_a_person(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_promoting(simulator, fresh_app)
    context["ti"].states["watch_promoted"] = "failed"
    with pytest.raises(RestoreIncomplete, match=r"holds what this run had promoted before, .* slot may hold anything"):
        restore(simulator, fresh_app).execute(cleared(context))
    assert simulator.version(fresh_app) == "2.0.0"
    context["ti"].states["watch_promoted"] = "upstream_failed"
    said = restore(simulator, fresh_app).execute(cleared(context))["sentence"]
    assert said.startswith(f"Production of app '{fresh_app}' holds what this run had promoted before")
    assert simulator.version(fresh_app) == "2.0.0"


def test_that_users_were_sent_is_not_forgotten_when_a_person_clears_the_way_back(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    simulator.set_rules(fresh_app, [rule(fresh_app)])
    context = after_preflight(simulator, fresh_app)
    context["ti"].xcoms["preflight", "record"]["before"]["slot_running"] = False
    restore(simulator, fresh_app).execute(context)
    assert "stopped" not in restore(simulator, fresh_app).execute(cleared(context))["sentence"]
    assert simulator.state()["apps"][fresh_app]["stage"]["state"] == "Running"


def test_clearing_a_way_back_that_a_person_finished_does_not_undo_a_later_release(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = after_a_way_back_in_vain(simulator, fresh_app, order_fault)
    for _ in range(2):
        simulator.swap(fresh_app)  # back, by hand; and then a later release through the same slot
    assert "somebody else swapped in" in restore(simulator, fresh_app).execute(cleared(context))["sentence"]
    assert simulator.version(fresh_app) == "2.0.0"


def test_clearing_a_way_back_that_failed_goes_it_again(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    context = after_a_way_back_in_vain(simulator, fresh_app, order_fault)
    restore(simulator, fresh_app).execute(cleared(context))
    assert simulator.version(fresh_app) == "1.0.0"
