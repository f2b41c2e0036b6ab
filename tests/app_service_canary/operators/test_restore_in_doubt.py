"""A way back that does not hear what became of a swap."""

from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.conftest import AnswerFirst, OrderFault
from tests.app_service_canary.operators.test_restore import after_asking_for_a_swap, begin_swap, restore
from tests.app_service_canary.operators.test_swap import swap_has_ended, swaps
from tests.simulator import RunningSimulator

from app_service_canary.errors import TransientAzureError
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.operators import restore as restore_module
from app_service_canary.operators.swap import OPERATION_KEY
from app_service_canary.patience import settled
from app_service_canary.release.app_state import AppState, AppTarget

pytestmark = pytest.mark.usefixtures("azure_connection")


def test_a_swap_back_that_was_carried_out_unheard_is_not_sent_again_while_azure_tells_of_the_time_before_it(
    simulator: RunningSimulator, fresh_app: str, answer_first: AnswerFirst, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    simulator.swap(fresh_app)
    way_back, stale = restore(simulator, fresh_app), list[AppState]()
    of_old = way_back.with_hook(lambda hook: hook.read_app(way_back.target))
    begin_swap = AppServiceHook.begin_swap

    async def answer_when_it_is_over(self: AppServiceHook, target: AppTarget) -> str:
        url = await begin_swap(self, target)
        if swaps(simulator, fresh_app) > 2:
            return url
        simulator.wait_until(lambda: simulator.arm("GET", url).status_code == 200)
        stale.extend([of_old] * 8)
        raise TransientAzureError("504 GatewayTimeout", status=504)

    answer_first(stale)
    monkeypatch.setattr(AppServiceHook, "begin_swap", answer_when_it_is_over)
    returned = way_back.execute(context)
    assert stale == []
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2
    assert returned["undone"] == ["swap the stable version back"]


@pytest.mark.parametrize(
    ("fault", "more"), [("throttled", {}), ("ends_with", {"ending": "no_ping"})], ids=["turned away", "given up"]
)
def test_a_swap_back_that_azure_did_not_carry_out_is_not_looked_for(
    simulator: RunningSimulator,
    fresh_app: str,
    order_fault: OrderFault,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    more: dict[str, str],
) -> None:
    looked_for = list[bool]()

    async def noted(look: Any, expected: Any, limit: timedelta | None = None) -> Any:
        looked_for.append(limit is not None)
        return await settled(look, expected, limit)

    monkeypatch.setattr(restore_module, "settled", noted)
    context = after_asking_for_a_swap(simulator, fresh_app)
    simulator.swap(fresh_app)
    order_fault("WebApps_SwapSlotSlot", fault, app=fresh_app, times=1, **more)
    restore(simulator, fresh_app).execute(context)
    assert looked_for == [True, False, True]  # the swap, nothing, and the swap back that took place
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 3


def test_a_swap_whose_end_may_not_be_asked_for_is_undone_also_when_azure_tells_for_a_while_of_the_time_before_it(
    simulator: RunningSimulator, fresh_app: str, answer_first: AnswerFirst, order_fault: OrderFault
) -> None:
    context, way_back = after_asking_for_a_swap(simulator, fresh_app), restore(simulator, fresh_app)
    stale = [way_back.with_hook(lambda hook: hook.read_app(way_back.target))] * 8
    context["ti"].xcoms["swap", OPERATION_KEY] = begin_swap(simulator, fresh_app).headers["Location"]
    simulator.wait_until(lambda: swap_has_ended(simulator, fresh_app))
    order_fault("WebApps_GetOperationResultSlot", "forbidden", app=fresh_app)
    answer_first(stale)
    way_back.execute(context)
    assert stale == []
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2
