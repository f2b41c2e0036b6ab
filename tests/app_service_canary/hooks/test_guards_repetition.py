"""What must not be repeated is sent once, even by a client that was left as Microsoft sets it."""

from collections.abc import Callable, Iterator
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


@pytest.mark.usefixtures("a_client_that_repeats")
async def test_a_client_that_repeats_would_repeat(
    hook: AppServiceHook, target: AppTarget, fails_for_a_while: Callable[[str], None], calls: Calls
) -> None:
    """Without this the two tests below would show nothing."""
    fails_for_a_while("WebApps_StopSlot")

    await hook.stop_slot(target)

    assert [call["operation"] for call in calls("POST")].count("WebApps_StopSlot") == 4
    await hook.start_slot(target)


@pytest.mark.usefixtures("a_client_that_repeats")
async def test_a_swap_is_sent_once_whatever_the_client_is_set_to(
    hook: AppServiceHook, target: AppTarget, fails_for_a_while: Callable[[str], None], calls: Calls
) -> None:
    fails_for_a_while("WebApps_SwapSlotSlot")

    with pytest.raises(TransientAzureError, match="503"):
        await hook.begin_swap(target)

    assert len([call for call in calls("POST") if call["path"].endswith("/slotsswap")]) == 1


@pytest.mark.usefixtures("a_client_that_repeats")
async def test_a_deployment_is_sent_once_whatever_the_client_is_set_to(
    hook: AppServiceHook, target: AppTarget, fails_for_a_while: Callable[[str], None], calls: Calls
) -> None:
    fails_for_a_while("WebApps_CreateOneDeployOperationSlot")

    with pytest.raises(TransientAzureError, match="503"):
        await hook.begin_deployment(target, {"packageUri": "https://packages.example/web.zip", "type": "zip"})

    assert len(calls("PUT")) == 1
