"""What a task saw is not so any more when it acts: a swap ended just then, or Azure told of the time before."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from tests.app_service_canary.conftest import AnswerFirst
from tests.app_service_canary.operators.test_restore import (
    after_asking_for_a_swap,
    begin_swap,
    restore,
)
from tests.app_service_canary.operators.test_swap import (
    NO_PATIENCE,
    ready_to_swap,
    send_users,
    swap,
    swap_has_ended,
    swaps,
)
from tests.app_service_canary.task_context import next_try
from tests.simulator import RunningSimulator

from app_service_canary import patience
from app_service_canary.errors import AzureUnavailable, OperationInProgress
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.operators.restore import AppServiceRestoreTrafficOperator
from app_service_canary.operators.swap import ASKED_KEY, OPERATION_KEY
from app_service_canary.release.app_state import AppState, AppTarget
from app_service_simulator.faults.fault import Fault

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("azure_connection", "quick_patience")


def hold_the_swap(simulator: RunningSimulator, app: str) -> None:
    """The next swap of the app stays under way, before its effect, until it may end."""
    simulator.controls.add_faults(Fault(operation="WebApps_SwapSlotSlot", app=app, do="never_ends", when="before"))


@pytest.fixture
def end_the_swap(simulator: RunningSimulator, fresh_app: str) -> Callable[[], None]:
    """Lets a swap that is held go on, and waits for its end."""

    def end() -> None:
        simulator.set_faults()
        simulator.wait_until(lambda: swap_has_ended(simulator, fresh_app))

    return end


def then(do: Callable[[], None], work: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """The same work, and something that happens just after it."""

    async def and_then(*arguments: Any) -> T:
        done = await work(*arguments)
        do()
        return done

    return and_then


def test_a_swap_that_ends_between_looking_and_asking_is_not_undone(
    simulator: RunningSimulator,
    fresh_app: str,
    end_the_swap: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app_service_canary.operators.swap.READ_BACK", NO_PATIENCE)
    monkeypatch.setattr(AppServiceHook, "read_app", then(end_the_swap, AppServiceHook.read_app))
    monkeypatch.setattr(patience, "LOOK_AGAIN", ())  # the look after which the swap ends is the last
    context = ready_to_swap(simulator, fresh_app)
    hold_the_swap(simulator, fresh_app)
    context["task_state_store"].set(
        ASKED_KEY, {"before": ""}
    )  # as a try that was killed before it heard Azure's answer
    assert begin_swap(simulator, fresh_app).status_code == 202

    with pytest.raises(AzureUnavailable, match="in progress"):
        swap(simulator, fresh_app, patience=NO_PATIENCE).execute(next_try(context))
    end_the_swap()
    swap(simulator, fresh_app).execute(next_try(context))

    assert simulator.version(fresh_app) == "2.0.0"
    assert swaps(simulator, fresh_app) == 1


def test_a_swap_that_ends_just_after_the_way_back_has_looked_is_undone(
    simulator: RunningSimulator,
    fresh_app: str,
    end_the_swap: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app_service_canary.operators.own_swap.READ_BACK", NO_PATIENCE)
    monkeypatch.setattr(patience, "LOOK_AGAIN", ())
    context = after_asking_for_a_swap(simulator, fresh_app)
    hold_the_swap(simulator, fresh_app)
    assert begin_swap(simulator, fresh_app).status_code == 202
    look = AppServiceRestoreTrafficOperator._look
    monkeypatch.setattr(AppServiceRestoreTrafficOperator, "_look", then(end_the_swap, look))
    refuse_while_busy = AppServiceHook.refuse_while_busy

    async def until_refused(self: AppServiceHook, target: AppTarget) -> None:
        try:
            await refuse_while_busy(self, target)
        except OperationInProgress:
            end_the_swap()
            raise

    monkeypatch.setattr(AppServiceHook, "refuse_while_busy", until_refused)
    restore(simulator, fresh_app, poll_interval=NO_PATIENCE).execute(context)

    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2


def test_a_swap_whose_answer_was_lost_is_undone_by_the_way_back(simulator: RunningSimulator, fresh_app: str) -> None:
    context = ready_to_swap(simulator, fresh_app)
    send_users(simulator, fresh_app, 50)
    lost = Fault(operation="WebApps_SwapSlotSlot", app=fresh_app, do="gateway_timeout", when="after")
    simulator.controls.add_faults(lost)
    with pytest.raises(AzureUnavailable, match="504 GatewayTimeout"):
        swap(simulator, fresh_app, patience=NO_PATIENCE).execute(context)
    simulator.wait_until(lambda: swap_has_ended(simulator, fresh_app))
    assert simulator.version(fresh_app) == "2.0.0"

    context["ti"].task_id = "restore"
    restore(simulator, fresh_app).execute(context)

    assert simulator.version(fresh_app) == "1.0.0"


@pytest.mark.parametrize(("under_way", "looks"), [(False, 1), (True, 8)])
def test_an_answer_from_before_the_swap_does_not_end_the_way_back(
    simulator: RunningSimulator,
    fresh_app: str,
    answer_first: AnswerFirst,
    monkeypatch: pytest.MonkeyPatch,
    under_way: bool,
    looks: int,
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    way_back = restore(simulator, fresh_app)
    refuse_while_busy = AppServiceHook.refuse_while_busy
    from_before = way_back.with_hook(lambda hook: hook.read_app(way_back.target))
    swap_it = begin_swap if under_way else RunningSimulator.swap  # seen under way, it is looked for longer
    swap_it(simulator, fresh_app)
    stale: list[AppState] = []

    async def free_and_then_stale(self: AppServiceHook, target: AppTarget) -> None:
        await refuse_while_busy(self, target)
        stale.extend([from_before] * looks)

    monkeypatch.setattr(AppServiceHook, "refuse_while_busy", free_and_then_stale)
    answer_first(stale)
    way_back.execute(context)

    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2


def test_a_swap_back_that_a_person_made_is_not_undone_though_azure_tells_of_the_time_before_it(
    simulator: RunningSimulator, fresh_app: str, answer_first: AnswerFirst
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    way_back = restore(simulator, fresh_app)
    simulator.swap(fresh_app)
    stale = [way_back.with_hook(lambda hook: hook.read_app(way_back.target))] * 8
    begin_swap(simulator, fresh_app)

    answer_first(stale)
    way_back.execute(context)

    assert stale == []
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2


@pytest.mark.parametrize("heard", [True, False], ids=["waited for", "ended unheard"])
def test_a_swap_is_undone_though_azure_tells_of_the_time_before_it_for_long(
    simulator: RunningSimulator, fresh_app: str, answer_first: AnswerFirst, heard: bool
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    way_back = restore(simulator, fresh_app)
    stale = [way_back.with_hook(lambda hook: hook.read_app(way_back.target))] * 8
    if heard:
        context["ti"].xcoms["swap", OPERATION_KEY] = begin_swap(simulator, fresh_app).headers["Location"]
    else:
        simulator.swap(fresh_app)

    answer_first(stale)
    way_back.execute(context)

    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2


def test_one_answer_from_before_the_swap_does_not_end_the_way_back_though_azure_refused_the_last_request(
    simulator: RunningSimulator, fresh_app: str, answer_first: AnswerFirst
) -> None:
    context = after_asking_for_a_swap(simulator, fresh_app)
    context["ti"].xcoms["swap", OPERATION_KEY] = ""
    way_back = restore(simulator, fresh_app)
    stale = [way_back.with_hook(lambda hook: hook.read_app(way_back.target))] * 2
    simulator.swap(fresh_app)  # by an earlier one

    answer_first(stale)
    way_back.execute(context)

    assert stale == []
    assert simulator.version(fresh_app) == "1.0.0"
    assert swaps(simulator, fresh_app) == 2
