"""What is promoted is the slot that was watched, in the simulator."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.app_service_canary.conftest import AnswerFirst
from tests.app_service_canary.operators.test_swap import latest_deployment, ready_to_swap, swap, swaps, writes
from tests.simulator import RunningSimulator

from app_service_canary.errors import ChangedByOthers
from app_service_canary.hooks.app_service import AppServiceHook

pytestmark = pytest.mark.usefixtures("azure_connection")


def delete(simulator: RunningSimulator, app: str) -> None:
    simulator.arm("DELETE", simulator.app_path(app, "stage")).raise_for_status()


def create(simulator: RunningSimulator, app: str, slot: str = "stage") -> None:
    plan = simulator.app_path(app).replace(f"sites/{app}", f"serverfarms/{simulator.plan}")
    body = {"location": "West Europe", "properties": {"serverFarmId": plan}}
    simulator.arm("PUT", simulator.app_path(app, slot), body).raise_for_status()


def create_again(simulator: RunningSimulator, app: str) -> None:
    delete(simulator, app)
    create(simulator, app)


def swap_with_an_empty_slot(simulator: RunningSimulator, app: str) -> None:
    create(simulator, app, "dev")
    body = {"targetSlot": "stage", "preserveVnet": True}
    simulator.finish(simulator.arm("POST", f"{simulator.app_path(app, 'dev')}/slotsswap", body))


@pytest.mark.parametrize("known", ["by preflight", "by start_slot"])
@pytest.mark.parametrize(
    ("change", "said"),
    [(delete, "is gone"), (create_again, "has deploymentId"), (swap_with_an_empty_slot, "has deploymentId")],
)
def test_a_slot_that_is_not_the_one_that_was_watched_is_not_promoted_and_nothing_is_written(
    simulator: RunningSimulator,
    fresh_app: str,
    change: Callable[[RunningSimulator, str], None],
    said: str,
    known: str,
) -> None:
    context = ready_to_swap(simulator, fresh_app)
    before = context["ti"].xcoms["preflight", "record"]["before"]
    if known == "by start_slot":
        context["ti"].xcoms["start_slot", "return_value"] = {"deployment_id": before["slot_deployment_id"]}
        before["slot_deployment_id"] = None
    change(simulator, fresh_app)
    written, asked = writes(simulator, fresh_app), swaps(simulator, fresh_app)
    with pytest.raises(ChangedByOthers, match=f"Slot 'stage' of app '{fresh_app}' {said}"):
        swap(simulator, fresh_app).execute(context)
    assert (writes(simulator, fresh_app), swaps(simulator, fresh_app)) == (written, asked)
    assert simulator.version(fresh_app) == "1.0.0"


def test_a_deployment_makes_no_other_slot_of_it_nor_does_one_old_answer(
    simulator: RunningSimulator, fresh_app: str, answer_first: AnswerFirst
) -> None:
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app)
    package = f"{simulator.resource_manager}/_simulator/packages/{fresh_app}-2.0.0.zip"
    simulator.deploy(fresh_app, "stage", package)
    state = operator.with_hook(lambda hook: hook.read_app(operator.target))
    assert state.slot is not None
    answer_first([replace(state, slot=replace(state.slot, deployment_id="of-old"))])
    operator.execute(context)
    assert simulator.version(fresh_app) == "2.0.0"


@pytest.mark.parametrize("silent_for", [5, None], ids=["for a while", "for good"])
def test_a_slot_of_which_azure_tells_no_deployment_is_looked_at_for_a_while_and_then_not_promoted(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch, silent_for: int | None
) -> None:
    context = ready_to_swap(simulator, fresh_app, deploy={"deployment_id": latest_deployment(simulator, fresh_app)})
    read_deployment, asked = AppServiceHook.read_deployment, list[str]()

    async def say_nothing(self: AppServiceHook, *of: Any, **more: Any) -> str:
        asked.append("")
        return await read_deployment(self, *of, **more) if silent_for and len(asked) > silent_for else ""

    monkeypatch.setattr(AppServiceHook, "read_deployment", say_nothing)
    if silent_for:
        swap(simulator, fresh_app).execute(context)
        return
    with pytest.raises(ChangedByOthers, match="holds no deployment that Azure tells of"):
        swap(simulator, fresh_app).execute(context)
    assert swaps(simulator, fresh_app) == 0
