"""What is sent once is sent once, whoever would like to repeat it."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from tests.simulator import RunningSimulator

from app_service_canary.errors import TransientAzureError
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.hooks.connection import AzureSettings
from app_service_canary.release.app_state import AppTarget
from app_service_simulator.faults.fault import Fault

Calls = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def a_client_that_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Microsoft's client as it is when nobody tells it otherwise, but for its pauses."""
    arguments = AzureSettings.client_arguments
    monkeypatch.setattr(
        AzureSettings, "client_arguments", lambda self: {**arguments(self), "retry_total": 3, "retry_backoff_factor": 0}
    )


@pytest.fixture
def fails_for_a_while(simulator: RunningSimulator) -> Iterator[Callable[[str], None]]:
    """Lets an operation answer 503 on its next calls; what was not met is taken back."""
    yield lambda operation: simulator.set_faults(Fault(operation=operation, do="server_timeout", times=3))
    simulator.set_faults()


async def swap(hook: AppServiceHook, target: AppTarget) -> Any:
    return await hook.begin_swap(target)


async def deploy(hook: AppServiceHook, target: AppTarget) -> Any:
    return await hook.begin_deployment(target, {"packageUri": "https://packages.example/web.zip", "type": "zip"})


@pytest.mark.usefixtures("a_client_that_repeats")
async def test_a_client_that_repeats_would_repeat(
    hook: AppServiceHook, target: AppTarget, fails_for_a_while: Callable[[str], None], calls: Calls
) -> None:
    """Without this the two tests below would show nothing."""
    fails_for_a_while("WebApps_StopSlot")

    await hook.stop_slot(target)

    assert len(calls("POST")) == 4
    await hook.start_slot(target)


@pytest.mark.usefixtures("a_client_that_repeats")
async def test_a_swap_is_sent_once_whatever_the_client_is_set_to(
    hook: AppServiceHook, target: AppTarget, fails_for_a_while: Callable[[str], None], calls: Calls
) -> None:
    fails_for_a_while("WebApps_SwapSlotSlot")

    with pytest.raises(TransientAzureError, match="503"):
        await swap(hook, target)

    assert len([call for call in calls("POST") if call["path"].endswith("/slotsswap")]) == 1


@pytest.mark.usefixtures("a_client_that_repeats")
async def test_a_deployment_is_sent_once_whatever_the_client_is_set_to(
    hook: AppServiceHook, target: AppTarget, fails_for_a_while: Callable[[str], None], calls: Calls
) -> None:
    fails_for_a_while("WebApps_CreateOneDeployOperationSlot")

    with pytest.raises(TransientAzureError, match="503"):
        await deploy(hook, target)

    assert len(calls("PUT")) == 1


@pytest.mark.parametrize(
    ("operation", "work", "method"),
    [
        ("WebApps_Get", lambda hook, target: hook.read_production(target), "GET"),
        ("WebApps_UpdateConfiguration", lambda hook, target: hook.refuse_while_busy(target), "PATCH"),
        ("WebApps_StopSlot", lambda hook, target: hook.stop_slot(target), "POST"),
        ("WebApps_SwapSlotSlot", swap, "POST"),
        ("WebApps_CreateOneDeployOperationSlot", deploy, "PUT"),
    ],
    ids=["a reading", "a rule", "a stop", "a swap", "a deployment"],
)
async def test_what_azure_answers_with_a_passing_error_is_asked_once(
    hook: AppServiceHook,
    target: AppTarget,
    fails_for_a_while: Callable[[str], None],
    calls: Calls,
    operation: str,
    work: Callable[[AppServiceHook, AppTarget], Awaitable[Any]],
    method: str,
) -> None:
    fails_for_a_while(operation)

    with pytest.raises(TransientAzureError, match="503"):
        await work(hook, target)

    assert [call["operation"] for call in calls(method)].count(operation) == 1
