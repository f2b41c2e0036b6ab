"""When Azure does not do as asked, seen through Microsoft's own client."""

import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.app_service_canary.conftest import Connect, OrderFault
from tests.app_service_canary.hooks.conftest import Calls, host
from tests.simulator import RunningSimulator

from app_service_canary.errors import (
    AzureRequestRejected,
    TransientAzureError,
)
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.release.app_state import AppTarget


@pytest.mark.parametrize("answer", ["server_error", "server_timeout", "gateway_timeout", "throttled"])
@pytest.mark.parametrize(
    ("operation", "method", "work"),
    [
        ("WebApps_Get", "GET", lambda hook, target: hook.read_production(target)),
        ("WebApps_UpdateConfiguration", "PATCH", lambda hook, target: hook.set_weight(target, host(target), 7.0)),
        ("WebApps_SwapSlotSlot", "POST", lambda hook, target: hook.begin_swap(target)),
        ("WebApps_StartSlot", "POST", lambda hook, target: hook.start_slot(target)),
        (
            "WebApps_CreateOneDeployOperationSlot",
            "PUT",
            lambda hook, target: hook.begin_deployment(target, {"packageUri": "https://h/p", "type": "zip"}),
        ),
    ],
)
async def test_nothing_is_asked_twice_whatever_azure_answers(
    hook: AppServiceHook,
    target: AppTarget,
    order_fault: OrderFault,
    calls: Calls,
    answer: str,
    operation: str,
    method: str,
    work: Callable[[AppServiceHook, AppTarget], Awaitable[Any]],
) -> None:
    order_fault(operation, answer, times=5, app=target.app)

    with pytest.raises(TransientAzureError):
        await work(hook, target)

    assert len([entry for entry in calls(method) if entry["operation"] == operation]) == 1


async def test_how_long_azure_asks_to_wait_is_kept(
    hook: AppServiceHook, target: AppTarget, order_fault: OrderFault
) -> None:
    order_fault("WebApps_Get", "throttled", retry_after=17)

    with pytest.raises(TransientAzureError) as raised:
        await hook.read_production(target)

    assert raised.value.retry_after == 17.0


@pytest.mark.parametrize("fault", ["truncated", "not_json"])
@pytest.mark.parametrize(
    ("operation", "work"),
    [
        ("WebApps_Get", lambda hook, target: hook.read_production(target)),
        ("WebApps_GetConfiguration", lambda hook, target: hook.read_rule(target)),
        ("WebApps_UpdateConfiguration", lambda hook, target: hook.set_weight(target, host(target), 7.0)),
        ("WebApps_GetDeploymentSlot", lambda hook, target: hook.read_deployment(target)),
    ],
)
async def test_an_answer_that_cannot_be_read_is_worth_another_try(
    hook: AppServiceHook,
    target: AppTarget,
    order_fault: OrderFault,
    fault: str,
    operation: str,
    work: Callable[[AppServiceHook, AppTarget], Awaitable[Any]],
) -> None:
    order_fault(operation, fault)

    with pytest.raises(TransientAzureError):
        await work(hook, target)
    await work(hook, target)


async def test_two_answers_that_cannot_both_be_true_are_worth_another_try(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget, order_fault: OrderFault
) -> None:
    simulator.swap(fresh.app)
    order_fault("WebApps_GetSlot", "stale", app=fresh.app)

    with pytest.raises(TransientAzureError, match="both hold deployment"):
        await hook.read_app(fresh)

    assert (await hook.read_app(fresh)).production.deployment_id.startswith(f"{fresh.app}__")


async def test_a_missing_right_is_named_with_what_to_check(
    hook: AppServiceHook, target: AppTarget, order_fault: OrderFault
) -> None:
    order_fault("WebApps_StopSlot", "forbidden")

    with pytest.raises(AzureRequestRejected, match=f"^Stopping slot 'stage' of app '{target.app}': ") as raised:
        await hook.stop_slot(target)

    assert raised.value.code == "AuthorizationFailed"
    assert "role given to its identity" in str(raised.value)


async def test_a_wrong_secret_is_entra_ids_refusal_and_is_not_shown(
    azure_connection: Connect, target: AppTarget, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with AppServiceHook(azure_connection(password="not-the-secret")) as hook:
        with pytest.raises(AzureRequestRejected, match="AADSTS7000215") as raised:
            await hook.read_app(target)

    assert raised.value.status == 401
    assert "not-the-secret" not in str(raised.value)
    assert "not-the-secret" not in caplog.text


async def test_no_secret_is_logged(
    azure_connection: Connect, simulator: RunningSimulator, target: AppTarget, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with AppServiceHook(azure_connection()) as hook:
        await hook.read_app(target)

        assert simulator.client_secret not in repr(await hook.settings())
        assert simulator.client_secret not in repr(hook)
    assert simulator.client_secret not in caplog.text


async def test_an_address_where_nobody_answers_is_worth_another_try(
    azure_connection: Connect, target: AppTarget
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"https://127.0.0.1:{taken.getsockname()[1]}"
        async with AppServiceHook(azure_connection(resource_manager=nobody)) as hook:
            with pytest.raises(TransientAzureError, match="Azure could not be reached: "):
                await hook.read_production(target)
