"""How long a swap is in doubt whose request an earlier try was about to send."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
from tests.app_service_canary.conftest import AnswerFirst, OrderFault
from tests.app_service_canary.operators.test_swap import NO_PATIENCE, ready_to_swap, swap, swap_has_ended, swaps
from tests.app_service_canary.task_context import cleared, next_try
from tests.simulator import RunningSimulator

from app_service_canary.errors import AzureUnavailable, OperationInProgress, SwapFailed
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.operators import swap as swap_module
from app_service_canary.operators.swap import AppServiceSwapSlotsOperator
from app_service_canary.release.app_state import OperationStatus
from app_service_canary.triggers.waiting import now

pytestmark = pytest.mark.usefixtures("azure_connection")

DieLooking = Callable[[timedelta], timedelta | None]


@pytest.fixture
def unsent(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, monkeypatch: pytest.MonkeyPatch
) -> tuple[AppServiceSwapSlotsOperator, Any, DieLooking]:
    """A swap whose first request was lost on its way: the task, its context, and a next try, so long after the first
    time that it looks, which dies as it looks at production. It returns for how long it would have looked."""
    monkeypatch.setattr(swap_module, "READ_BACK", timedelta(minutes=3))
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app, patience=NO_PATIENCE)
    order_fault("WebApps_SwapSlotSlot", "gateway_timeout", when="before", app=fresh_app, nth=1)
    with pytest.raises(AzureUnavailable):
        operator.execute(context)
    began, limits = now(), list[timedelta | None]()

    async def die(look: Any, expected: Any, limit: timedelta | None = None) -> None:
        limits.append(limit)
        raise KeyboardInterrupt

    def die_looking(later: timedelta) -> timedelta | None:
        monkeypatch.setattr(swap_module, "now", lambda: began + later)
        with monkeypatch.context() as dying:
            dying.setattr(swap_module, "settled", die)
            with pytest.raises(KeyboardInterrupt):
                operator.execute(next_try(context))
        return limits[-1]

    return operator, context, die_looking


def test_the_time_in_which_azure_may_tell_of_the_time_before_counts_over_all_tries(
    simulator: RunningSimulator,
    fresh_app: str,
    unsent: tuple[AppServiceSwapSlotsOperator, Any, DieLooking],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator, context, die_looking = unsent
    assert die_looking(timedelta(0)) == timedelta(minutes=3)
    assert die_looking(timedelta(minutes=2)) == timedelta(minutes=1)
    monkeypatch.setattr(swap_module, "now", lambda: now() + timedelta(minutes=4))
    operator.execute(next_try(context))
    assert simulator.version(fresh_app) == "2.0.0"
    assert swaps(simulator, fresh_app) == 2  # the first was never carried out


def test_that_time_begins_anew_when_app_service_was_busy_since(
    unsent: tuple[AppServiceSwapSlotsOperator, Any, DieLooking], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, context, die_looking = unsent
    assert die_looking(timedelta(0)) == timedelta(minutes=3)
    with monkeypatch.context() as busy:
        is_busy = OperationInProgress("Another operation is in progress.")
        busy.setattr(AppServiceHook, "refuse_while_busy", AsyncMock(side_effect=is_busy))
        with pytest.raises(AzureUnavailable):
            operator.execute(next_try(context))
    assert die_looking(timedelta(minutes=2)) == timedelta(minutes=3)


def test_a_swap_whose_end_may_not_be_asked_for_is_not_asked_for_again_while_azure_tells_of_the_time_before_it(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, answer_first: AnswerFirst
) -> None:
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app)
    stale = [operator.with_hook(lambda hook: hook.read_app(operator.target))] * 8
    order_fault("WebApps_GetOperationResultSlot", "forbidden", times=None, app=fresh_app)
    with pytest.raises(SwapFailed, match="AuthorizationFailed"):
        operator.execute(context)
    simulator.wait_until(lambda: swap_has_ended(simulator, fresh_app))
    answer_first(stale)
    operator.execute(cleared(context))
    assert stale == []
    assert simulator.version(fresh_app) == "2.0.0"
    assert swaps(simulator, fresh_app) == 1


def test_how_long_a_swap_may_take_counts_over_all_tries_that_wait_for_it_until_a_person_clears_the_task(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, operator = ready_to_swap(simulator, fresh_app), swap(simulator, fresh_app, timeout=timedelta(minutes=30))
    monkeypatch.setattr(AppServiceHook, "swap_status", AsyncMock(return_value=OperationStatus(False)))
    deadlines, began = list[datetime | None](), now()
    operator.wait_with = lambda trigger, context: deadlines.append(trigger.deadline)  # type: ignore[method-assign]
    for minutes, again in ((0, next_try), (20, next_try), (40, cleared)):
        monkeypatch.setattr(swap_module, "now", lambda later=timedelta(minutes=minutes): began + later)
        operator.execute(again(context))
    assert deadlines == [began + timedelta(minutes=minutes) for minutes in (30, 30, 70)]
    assert swaps(simulator, fresh_app) == 1
