"""What Microsoft's client makes of an Azure that misbehaves: what the product has to reckon with."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.mgmt.web import WebSiteManagementClient
from azure.mgmt.web import models as web
from tests.simulator import RunningSimulator

from app_service_simulator.faults.fault import Fault

GROUP = RunningSimulator.resource_group
PRODUCTION = web.CsmSlotEntity(target_slot="production", preserve_vnet=True)
ONCE: dict[str, Any] = {"retry_total": 0}

Order = Callable[..., None]


@pytest.fixture
def order(simulator: RunningSimulator, app: str) -> Iterator[Order]:
    """Orders a fault of the app's calls; those left are taken back."""

    def order(do: str, operation: str = "WebApps_Get", **more: Any) -> None:
        simulator.controls.add_faults(Fault(operation=operation, app=app, do=do, **more))

    yield order
    simulator.controls.clear_faults()


def asked(simulator: RunningSimulator, app: str, after: int) -> list[int | None]:
    """The status of each call about the app."""
    return [call["status"] for call in simulator.journal(after, app)]


@pytest.mark.parametrize(
    ("do", "error", "status"),
    [
        ("server_error", HttpResponseError, 500),
        ("bad_gateway", HttpResponseError, 502),
        ("server_timeout", HttpResponseError, 503),
        ("gateway_timeout", HttpResponseError, 504),
        ("throttled", HttpResponseError, 429),
        ("exclusive_lock", HttpResponseError, 429),
        ("in_progress", ResourceExistsError, 409),
        ("locked", ResourceExistsError, 409),
        ("forbidden", HttpResponseError, 403),
        ("expired_token", ClientAuthenticationError, 401),
    ],
)
def test_an_error_is_raised_as_microsofts_client_raises_it(
    client: WebSiteManagementClient, app: str, order: Order, do: str, error: type[HttpResponseError], status: int
) -> None:
    order(do)
    with pytest.raises(error) as raised:
        client.web_apps.get(GROUP, app, **ONCE)
    assert raised.value.status_code == status


def test_app_services_own_shape_is_not_understood_by_the_client(
    client: WebSiteManagementClient, app: str, order: Order
) -> None:
    order("exclusive_lock")
    with pytest.raises(HttpResponseError) as raised:
        client.web_apps.get(GROUP, app, **ONCE)
    assert raised.value.error is None
    assert raised.value.response is not None
    assert "59206" in raised.value.response.text()


@pytest.mark.parametrize(
    ("do", "error"),
    [("reset", ServiceResponseError), ("refused", ServiceResponseError), ("truncated", IncompleteReadError)],
)
def test_a_broken_connection_is_an_error_without_a_status(
    client: WebSiteManagementClient,
    simulator: RunningSimulator,
    app: str,
    order: Order,
    do: str,
    error: type[Exception],
) -> None:
    order(do, **({"seconds": 0.2} if do == "refused" else {}))
    with pytest.raises(error):
        client.web_apps.get(GROUP, app, **ONCE)

    def is_back() -> bool:
        try:
            return client.web_apps.get(GROUP, app, **ONCE).name == app
        except ServiceRequestError:
            return False

    simulator.wait_until(is_back)


def test_a_client_that_waits_as_throttling_asks_gets_its_answer(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str, order: Order
) -> None:
    order("throttled", retry_after=1)
    last, began = simulator.journal()[-1]["n"], time.monotonic()
    assert client.web_apps.get(GROUP, app).name == app
    assert time.monotonic() - began >= 1
    assert asked(simulator, app, last) == [429, 200]


def test_a_hanging_answer_ends_with_the_clients_patience(
    client: WebSiteManagementClient, app: str, order: Order
) -> None:
    order("hang")
    with pytest.raises(ServiceResponseError, match="timed out"):
        client.web_apps.get(GROUP, app, read_timeout=0.3, **ONCE)


@pytest.mark.parametrize(
    ("ending", "status", "sentence"),
    [
        ("no_ping", 417, "did not respond to http ping"),
        ("worker_not_started", 400, "could not be started"),
        ("app_init_failed", 400, "either took too long or failed"),
        ("vm_allocation_changed", 400, "has changed during the swap process"),
        ("warmup_timed_out", 400, "have timed out"),
        ("in_progress", 409, "another operation is in progress"),
        ("exclusive_lock", 429, "Cannot acquire exclusive lock"),
        ("server_error", 500, "unexpected error"),
    ],
)
def test_a_swap_that_fails_is_told_by_its_poller(
    client: WebSiteManagementClient, app: str, order: Order, ending: str, status: int, sentence: str
) -> None:
    order("ends_with", "WebApps_SwapSlotSlot", ending=ending)
    poller = client.web_apps.begin_swap_slot(GROUP, app, "stage", PRODUCTION, polling_interval=0.1, **ONCE)
    with pytest.raises(HttpResponseError, match=sentence) as raised:
        poller.result()
    assert raised.value.status_code == status


def test_a_missing_permission_is_told_with_its_name(
    client: WebSiteManagementClient, simulator: RunningSimulator, app: str
) -> None:
    simulator.controls.assign_roles({"Name": "reader", "Actions": ["*/Read"]})
    try:
        assert client.web_apps.get(GROUP, app).name == app
        with pytest.raises(HttpResponseError) as raised:
            client.web_apps.stop(GROUP, app)
    finally:
        simulator.controls.clear_roles()
    assert raised.value.error is not None
    assert raised.value.error.code == "AuthorizationFailed"
    assert "perform action 'Microsoft.Web/sites/stop/Action'" in str(raised.value)
