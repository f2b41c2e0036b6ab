"""Waiting for App Service, in the simulator."""

from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.triggers.events import the_event
from tests.simulator import RunningSimulator, sample_package

from app_service_canary.errors import AzureRequestRejected, TransientAzureError
from app_service_canary.release.app_state import OperationStatus
from app_service_canary.triggers import app_service
from app_service_canary.triggers.app_service import AppServiceOperationTrigger, SlotReadyTrigger
from app_service_canary.triggers.waiting import now

pytestmark = pytest.mark.usefixtures("azure_connection")


def shared(simulator: RunningSimulator, app: str, seconds: float = 20) -> dict[str, Any]:
    return {
        "azure_app_service_conn_id": "azure_app_service",
        "resource_group": simulator.resource_group,
        "app": app,
        "slot": "stage",
        "poll_interval_seconds": 0.1,
        "deadline": now() + timedelta(seconds=seconds),
    }


def ready(simulator: RunningSimulator, app: str, seconds: float = 20, **changed: Any) -> SlotReadyTrigger:
    arguments: dict[str, Any] = {
        "host": f"{app}-stage.azurewebsites.net",
        "path": "/health",
        "good_statuses": [200],
        "consecutive": 3,
        "version_path": "/version",
        "version": "2.0.0",
        "answer_timeout_seconds": 5.0,
    }
    return SlotReadyTrigger(**{**arguments, **changed}, **shared(simulator, app, seconds))


async def test_a_slot_is_ready_after_several_good_answers_in_a_row(simulator: RunningSimulator, app: str) -> None:
    ending = await the_event(ready(simulator, app))
    assert (ending["status"], ending["requests"]) == ("succeeded", 3)


async def test_a_slot_with_another_version_is_not_ready(simulator: RunningSimulator, app: str) -> None:
    ending = await the_event(ready(simulator, app, seconds=0.5, version="9.9.9"))
    assert ending["status"] == "timed_out"
    assert "runs version 2.0.0, not 9.9.9" in ending["message"]


async def test_an_answer_that_is_not_among_the_good_ones_does_not_count(simulator: RunningSimulator, app: str) -> None:
    ending = await the_event(ready(simulator, app, seconds=0.5, path="/no-such-page"))
    assert ending["status"] == "timed_out"
    assert "GET /no-such-page answered 404" in ending["message"]
    assert "No traffic was moved" in ending["message"]


async def test_a_swap_is_waited_for_until_azure_says_it_is_done(simulator: RunningSimulator, fresh_app: str) -> None:
    body = {"targetSlot": "production", "preserveVnet": True}
    begun = simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/slotsswap", body)
    url = begun.headers["Location"]
    trigger = AppServiceOperationTrigger(operation="swap", operation_url=url, **shared(simulator, fresh_app))
    assert (await the_event(trigger))["status"] == "succeeded"
    assert simulator.version(fresh_app) == "2.0.0"


async def test_a_swap_that_azure_gives_up_fails_with_azures_own_reason(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    bad = simulator.put_package("does-not-start.zip", sample_package("2.0.0", SAMPLE_FAIL_START="1"))
    simulator.deploy(fresh_app, "stage", bad)
    body = {"targetSlot": "production", "preserveVnet": True}
    begun = simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/slotsswap", body)
    url = begun.headers["Location"]
    trigger = AppServiceOperationTrigger(operation="swap", operation_url=url, **shared(simulator, fresh_app))
    ending = await the_event(trigger)
    assert ending["status"] == "failed"
    assert "Cannot swap" in ending["message"]


async def test_a_swap_that_azure_has_forgotten_is_over(simulator: RunningSimulator, app: str) -> None:
    path = simulator.app_path(app, "stage")
    url = f"{simulator.resource_manager}{path}/operationresults/none?api-version=2025-05-01"
    trigger = AppServiceOperationTrigger(operation="swap", operation_url=url, **shared(simulator, app))
    assert (await the_event(trigger))["status"] == "succeeded"


class Looked(AppServiceOperationTrigger):
    """Looks at what it was told, without Azure."""

    told: OperationStatus | TransientAzureError

    async def _status(self) -> OperationStatus:
        if isinstance(self.told, TransientAzureError):
            await self.troubled(self.told)
            return OperationStatus(done=False)
        return self.told


OURS_IS_UNKNOWN = OperationStatus(done=False, unknown_beside="Deployment d-2 by maria")


async def looks(
    simulator: RunningSimulator, app: str, *answers: OperationStatus | TransientAzureError
) -> list[dict[str, Any] | None]:
    trigger = Looked(operation="deployment", operation_url="", deployment_id="d-1", **shared(simulator, app))
    ends = []
    for answer in answers:
        trigger.told = answer
        ends.append(await trigger.look())
    return ends


async def test_a_deployment_that_its_slot_does_not_know_for_long_is_gone(
    simulator: RunningSimulator, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await looks(simulator, app, *[OURS_IS_UNKNOWN] * 9) == [None] * 9, "it may become known for two minutes"
    monkeypatch.setattr(app_service, "UNKNOWN_LIMIT", 0.0)
    *before, end = await looks(simulator, app, *[OURS_IS_UNKNOWN] * app_service.UNKNOWN_LOOKS)
    assert not any(before)
    assert end is not None
    assert "has not known deployment d-1" in end["message"]
    assert "what it tells of is Deployment d-2 by maria" in end["message"]


async def test_a_deployment_to_a_slot_that_tells_of_none_any_more_is_gone(
    simulator: RunningSimulator, fresh_app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_service, "UNKNOWN_LIMIT", 0.0)
    nowhere = f"{simulator.app_path(fresh_app, 'stage')}/deployments/gone?api-version=2025-05-01"
    arguments = {"operation_url": nowhere, "deployment_id": "d-1", **shared(simulator, fresh_app)}
    ending = await the_event(AppServiceOperationTrigger(operation="deployment", **arguments))
    assert ending["status"] == "failed"
    assert "has not known deployment d-1" in ending["message"]
    assert "what it tells of is no deployment" in ending["message"]


@pytest.mark.parametrize(
    "between", [OperationStatus(done=False), TransientAzureError("busy")], ids=["known", "trouble"]
)
async def test_a_deployment_is_not_gone_while_its_slot_restarts(
    simulator: RunningSimulator,
    app: str,
    monkeypatch: pytest.MonkeyPatch,
    between: OperationStatus | TransientAzureError,
) -> None:
    monkeypatch.setattr(app_service, "UNKNOWN_LIMIT", 0.0)
    answers = [*[OURS_IS_UNKNOWN] * (app_service.UNKNOWN_LOOKS - 1), between, OURS_IS_UNKNOWN]
    assert not any(await looks(simulator, app, *answers))


async def test_a_deployment_that_fails_says_why(simulator: RunningSimulator, fresh_app: str) -> None:
    body = {"properties": {"packageUri": f"{simulator.resource_manager}/_simulator/packages/none.zip", "type": "zip"}}
    begun = simulator.arm("PUT", f"{simulator.app_path(fresh_app, 'stage')}/extensions/onedeploy", body)
    url = begun.headers["Location"]
    trigger = AppServiceOperationTrigger(operation="deployment", operation_url=url, **shared(simulator, fresh_app))
    assert (await the_event(trigger))["status"] == "failed"


async def test_an_operation_that_does_not_end_in_time_says_so(simulator: RunningSimulator, app: str) -> None:
    path = simulator.app_path(app, "stage")
    url = f"{simulator.resource_manager}{path}/deployments/none?api-version=2025-05-01"
    trigger = AppServiceOperationTrigger(operation="deployment", operation_url=url, **shared(simulator, app, 0.3))
    ending = await the_event(trigger)
    assert (ending["status"], "has not finished in time" in ending["message"]) == ("timed_out", True)


@pytest.mark.parametrize("fault", ["expired_token", "throttled", "truncated", "not_json", "reset"])
async def test_a_wait_bears_trouble_that_passes(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, fault: str
) -> None:
    last = simulator.journal()[-1]["n"]
    package = simulator.put_package(f"{fresh_app}-3.zip", sample_package("3.0.0"))
    body = {"properties": {"packageUri": package, "type": "zip"}}
    begun = simulator.arm("PUT", f"{simulator.app_path(fresh_app, 'stage')}/extensions/onedeploy", body)
    order_fault("WebApps_GetDeploymentSlot", fault, app=fresh_app)
    url = begun.headers["Location"]
    trigger = AppServiceOperationTrigger(operation="deployment", operation_url=url, **shared(simulator, fresh_app))
    assert (await the_event(trigger))["status"] == "succeeded"
    tokens = [call for call in simulator.journal(last) if call["path"].endswith("/oauth2/v2.0/token")]
    assert len(tokens) == (2 if fault == "expired_token" else 1)


async def test_a_wait_in_vain_says_what_azure_answered_last(
    simulator: RunningSimulator, app: str, order_fault: OrderFault
) -> None:
    order_fault("WebApps_GetDeploymentSlot", "server_error", times=None, app=app)
    url = f"{simulator.resource_manager}{simulator.app_path(app, 'stage')}/deployments/latest?api-version=2025-05-01"
    trigger = AppServiceOperationTrigger(operation="deployment", operation_url=url, **shared(simulator, app, 0.5))
    ending = await the_event(trigger)
    assert ending["status"] == "timed_out"
    assert "The last answer was: " in ending["message"]
    assert "Azure answered 500" in ending["message"]


def test_questions_about_an_operation_come_soon_at_first_and_then_at_the_poll_interval() -> None:
    arguments: dict[str, Any] = {
        **dict.fromkeys(("azure_app_service_conn_id", "resource_group", "app", "slot"), "x"),
        "deadline": None,
    }
    trigger = AppServiceOperationTrigger(
        operation="swap", operation_url="https://x", poll_interval_seconds=5.0, **arguments
    )
    assert [trigger.next_pause() for _ in range(6)] == [1.0, 1.5, 2.25, 3.375, 5.0, 5.0]


def test_only_a_deployment_or_a_swap_can_be_waited_for() -> None:
    with pytest.raises(ValueError, match="allowed: deployment, swap"):
        AppServiceOperationTrigger(
            operation="dance",
            operation_url="",
            azure_app_service_conn_id="",
            resource_group="",
            app="",
            slot="",
            poll_interval_seconds=1,
            deadline=None,
        )


def swapping(simulator: RunningSimulator, app: str, url: str, seconds: float = 20) -> AppServiceOperationTrigger:
    return AppServiceOperationTrigger(operation="swap", operation_url=url, **shared(simulator, app, seconds))


@pytest.mark.parametrize(
    ("given_up", "answers", "seconds"),
    [
        (True, OperationStatus(True, failure="Cannot swap"), 20),
        (None, AzureRequestRejected("may not be asked", status=403), 20),
        (None, OperationStatus(False), 0),
    ],
    ids=["given up", "may not be asked", "not in time"],
)
async def test_an_event_says_whether_app_service_itself_gave_the_swap_up(
    simulator: RunningSimulator,
    app: str,
    monkeypatch: pytest.MonkeyPatch,
    given_up: bool | None,
    answers: OperationStatus | AzureRequestRejected,
    seconds: float,
) -> None:
    asked = AsyncMock(side_effect=[answers])
    monkeypatch.setattr("app_service_canary.hooks.app_service.AppServiceHook.swap_status", asked)
    ending = await the_event(swapping(simulator, app, "https://nowhere.invalid", seconds))
    assert ending["status"] != "succeeded"
    assert ending.get("given_up") is given_up
