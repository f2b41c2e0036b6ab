"""Deployments and swaps, with Microsoft's own client, against the simulator."""

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.hooks.conftest import Calls, finished
from tests.simulator import RunningSimulator, sample_package

from app_service_canary.errors import (
    AzureRequestRejected,
    AzureResourceMissing,
    OperationInProgress,
    TransientAzureError,
)
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.release.app_state import AppTarget, OperationStatus

# --- swapping ---


async def test_a_swap_exchanges_the_contents(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget
) -> None:
    before = await hook.read_app(fresh)

    url = await hook.begin_swap(fresh)

    assert url is not None
    assert await finished(lambda: hook.swap_status(url)) == OperationStatus(done=True)
    after = await hook.read_app(fresh)
    assert before.slot is not None
    assert after.slot is not None
    assert after.production.deployment_id == before.slot.deployment_id
    assert after.slot.deployment_id == before.production.deployment_id
    assert simulator.version(fresh.app) == "2.0.0"


async def test_the_last_swap_is_told_by_both_slots_and_each_from_the_one_before(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget
) -> None:
    told = []
    for _ in range(3):
        state = await hook.read_app(fresh)
        assert state.slot is not None
        assert state.production.last_swap == state.slot.last_swap
        told.append(state.production.last_swap)
        simulator.swap(fresh.app)

    assert told[0] == ""
    assert told[1].startswith("stage -> Production at 20")
    assert len(set(told)) == 3


@pytest.mark.parametrize("answer", ["server_timeout", "gateway_timeout", "server_error", "throttled", "exclusive_lock"])
async def test_a_swap_is_asked_for_once_whatever_azure_answers(
    hook: AppServiceHook, target: AppTarget, order_fault: OrderFault, calls: Calls, answer: str
) -> None:
    order_fault("WebApps_SwapSlotSlot", answer, times=5)

    with pytest.raises(TransientAzureError, match=f"^Swapping slot 'stage' of app '{target.app}' "):
        await hook.begin_swap(target)

    assert [entry["path"].rpartition("/")[2] for entry in calls("POST") if "slots" in entry["path"]] == ["slotsswap"]


async def test_a_swap_whose_answer_was_lost_is_not_repeated(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget, order_fault: OrderFault, calls: Calls
) -> None:
    order_fault("WebApps_SwapSlotSlot", "gateway_timeout", when="after")

    with pytest.raises(TransientAzureError, match="504 GatewayTimeout"):
        await hook.begin_swap(fresh)

    simulator.wait_until(lambda: simulator.version(fresh.app) == "2.0.0")
    assert len([entry for entry in calls("POST") if entry["path"].endswith("slotsswap")]) == 1


async def test_a_second_swap_is_told_that_one_is_in_progress(hook: AppServiceHook, fresh: AppTarget) -> None:
    url = await hook.begin_swap(fresh)

    with pytest.raises(OperationInProgress, match="another operation is in progress") as raised:
        await hook.begin_swap(fresh)

    assert (raised.value.status, raised.value.code) == (409, "59203")
    assert url is not None
    assert (await finished(lambda: hook.swap_status(url))).failure == ""


async def test_a_swap_that_azure_gives_up_has_failed_with_azures_reason(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget
) -> None:
    settings = f"{simulator.app_path(fresh.app, 'stage')}/config/appsettings"
    # The slot's content starts and ends at once, so that the warm-up request meets nobody.
    simulator.arm("PUT", settings, {"properties": {"SAMPLE_FAIL_START": "1"}}).raise_for_status()

    url = await hook.begin_swap(fresh)
    assert url is not None
    status = await finished(lambda: hook.swap_status(url))

    assert status.done
    assert "Cannot swap" in status.failure
    assert simulator.version(fresh.app) == "1.0.0"


async def test_a_swap_that_may_not_be_asked_about_has_not_failed(
    hook: AppServiceHook, fresh: AppTarget, order_fault: OrderFault
) -> None:
    url = await hook.begin_swap(fresh)
    assert url is not None
    order_fault("WebApps_GetOperationResultSlot", "forbidden")

    with pytest.raises(AzureRequestRejected, match="403 AuthorizationFailed"):
        await hook.swap_status(url)

    assert (await finished(lambda: hook.swap_status(url))).failure == ""


async def test_a_swap_that_azure_has_forgotten_is_not_known_to_have_failed(
    hook: AppServiceHook, simulator: RunningSimulator, target: AppTarget
) -> None:
    path = f"{simulator.app_path(target.app, 'stage')}/operationresults/00000000-0000-0000-0000-000000000000"

    with pytest.raises(AzureResourceMissing):
        await hook.swap_status(f"{simulator.resource_manager}{path}?api-version=2025-05-01")


# --- deploying ---


async def test_a_package_is_deployed_by_its_address(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget
) -> None:
    package = simulator.put_package(f"{fresh.app}-3.0.0.zip", sample_package("3.0.0"))

    begun = await hook.begin_deployment(fresh, {"packageUri": package, "type": "zip", "clean": True})

    assert await finished(lambda: hook.deployment_status(fresh, begun)) == OperationStatus(done=True)
    simulator.wait_until(lambda: simulator.version(fresh.app, "stage") == "3.0.0")


async def test_a_package_that_cannot_be_fetched_fails_with_a_reason_without_its_signature(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget
) -> None:
    missing = f"{simulator.resource_manager}/_simulator/packages/nowhere.zip?sv=1&sig=0123456789abcdef"

    begun = await hook.begin_deployment(fresh, {"packageUri": missing, "type": "zip"})
    status = await finished(lambda: hook.deployment_status(fresh, begun))

    assert status.done
    assert status.failure
    assert "0123456789abcdef" not in status.failure


async def test_a_package_of_an_unknown_kind_is_rejected(hook: AppServiceHook, fresh: AppTarget) -> None:
    with pytest.raises(AzureRequestRejected, match=f"^Deploying to slot 'stage' of app '{fresh.app}': "):
        await hook.begin_deployment(fresh, {"packageUri": "https://h/p", "type": "floppy"})


async def test_a_second_deployment_is_told_that_one_is_in_progress(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget
) -> None:
    package = simulator.put_package(f"{fresh.app}-3.0.0.zip", sample_package("3.0.0"))
    properties = {"packageUri": package, "type": "zip"}
    begun = await hook.begin_deployment(fresh, properties)

    with pytest.raises(OperationInProgress, match="There is a deployment currently in progress"):
        await hook.begin_deployment(fresh, properties)

    await finished(lambda: hook.deployment_status(fresh, begun))
