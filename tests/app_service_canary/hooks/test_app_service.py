"""The hook, with Microsoft's own client, against the simulator."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.app_service_canary.conftest import Connect, OrderFault
from tests.app_service_canary.hooks.conftest import Wire
from tests.simulator import RunningSimulator, sample_package

from app_service_canary.errors import (
    AzureRequestRejected,
    AzureResourceMissing,
    ChangedByOthers,
    OperationInProgress,
    TransientAzureError,
    WeightNotApplied,
)
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.release.app_state import AppTarget, OperationStatus, TrafficRule

POLL_INTERVAL = 0.05
"""Seconds between questions to the simulator."""

Calls = Callable[[str], list[dict[str, Any]]]

BETA = {"actionHostName": "beta.example", "reroutePercentage": 5.0, "name": "beta"}
FADE = {"actionHostName": "fade.example", "reroutePercentage": 1.5, "name": "fade", "maxReroutePercentage": 3.0}


@pytest.fixture
def fresh(simulator: RunningSimulator, fresh_app: str) -> AppTarget:
    """An app of the test's own."""
    return AppTarget(simulator.resource_group, fresh_app, "stage")


def host(target: AppTarget) -> str:
    """The slot's host, which the simulator names as Azure does."""
    return f"{target.app}-{target.slot}.azurewebsites.net"


def rules_of(simulator: RunningSimulator, target: AppTarget) -> list[dict[str, Any]]:
    """The rules that Azure has, without empty properties."""
    config = simulator.arm("GET", f"{simulator.app_path(target.app)}/config/web").json()["properties"]
    return [
        {key: value for key, value in rule.items() if value is not None}
        for rule in config["experiments"]["rampUpRules"]
    ]


async def finished(ask: Callable[[], Any], timeout: float = 30.0) -> OperationStatus:
    """How an operation ended."""

    async def follow() -> OperationStatus:
        while not (status := await ask()).done:  # noqa: ASYNC110 - Azure sends no events; it has to be asked
            await asyncio.sleep(POLL_INTERVAL)
        return status

    return await asyncio.wait_for(follow(), timeout)


# --- reading ---


async def test_an_app_is_read_with_its_slot_and_rules(
    hook: AppServiceHook, simulator: RunningSimulator, target: AppTarget
) -> None:
    simulator.set_rules(target.app, [BETA])

    state = await hook.read_app(target)

    assert state.production.name == "production"
    assert state.production.host == f"{target.app}.azurewebsites.net"
    assert state.production.running
    assert state.slot is not None
    assert (state.slot.name, state.slot.host, state.slot.running) == ("stage", host(target), True)
    assert state.slot.deployment_id not in ("", state.production.deployment_id)
    assert state.rules == (TrafficRule("beta", "beta.example", 5.0),)
    assert state.auto_swap_slot is None


async def test_production_and_slot_read_alone_are_the_same(hook: AppServiceHook, target: AppTarget) -> None:
    state = await hook.read_app(target)

    assert state.production == await hook.read_production(target)
    assert state.slot == await hook.read_slot(target)


async def test_a_slot_that_swaps_by_itself_is_seen(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget
) -> None:
    body = {"properties": {"autoSwapSlotName": "production"}}
    simulator.arm("PATCH", f"{simulator.app_path(fresh.app, 'stage')}/config/web", body).raise_for_status()

    assert (await hook.read_app(fresh)).auto_swap_slot == "production"


async def test_a_prepared_swap_is_seen(hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget) -> None:
    body = {"targetSlot": "production", "preserveVnet": True}
    simulator.arm("POST", f"{simulator.app_path(fresh.app, 'stage')}/applySlotConfig", body).raise_for_status()

    assert (await hook.read_app(fresh)).production.prepared_for == "stage"


async def test_a_missing_slot_is_none(hook: AppServiceHook, target: AppTarget) -> None:
    missing = replace(target, slot="nowhere")

    assert (await hook.read_app(missing)).slot is None
    assert await hook.read_slot(missing) is None


async def test_a_missing_app_is_named_with_its_resource_group(hook: AppServiceHook, target: AppTarget) -> None:
    with pytest.raises(
        AzureResourceMissing, match=r"^Reading app 'nowhere' in resource group 'contoso-rg': "
    ) as raised:
        await hook.read_app(replace(target, app="nowhere"))

    assert (raised.value.status, raised.value.code) == (404, "ResourceNotFound")
    assert str(raised.value).endswith("Check the names in the release file.")


# --- slots ---


async def test_a_slot_is_stopped_and_started(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget
) -> None:
    await hook.stop_slot(fresh)

    stopped = await hook.read_slot(fresh)
    assert stopped is not None
    assert not stopped.running
    assert simulator.visit(fresh.app, slot="stage").status_code == 403

    await hook.start_slot(fresh)

    started = await hook.read_slot(fresh)
    assert started is not None
    assert started.running


async def test_a_created_slot_copies_production_but_for_slot_settings_and_traffic(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget, wire: Wire
) -> None:
    config = f"{simulator.app_path(fresh.app)}/config"
    strings = {name: {"value": f"Server={name}", "type": "SQLAzure"} for name in ("db", "own-db")}
    sticky = {"appSettingNames": ["OWN"], "connectionStringNames": ["own-db"]}
    for name, properties in (
        ("appsettings", {"COLOUR": "blue", "OWN": "production"}),
        ("connectionstrings", strings),
        ("slotConfigNames", sticky),
    ):
        simulator.arm("PUT", f"{config}/{name}", {"properties": properties}).raise_for_status()
    simulator.arm("PATCH", f"{config}/web", {"properties": {"healthCheckPath": "/health"}}).raise_for_status()
    simulator.set_rules(fresh.app, [BETA])
    created = replace(fresh, slot="canary")

    await hook.create_slot(created)

    slot = f"{simulator.app_path(fresh.app, 'canary')}/config"
    web = simulator.arm("GET", f"{slot}/web").json()["properties"]
    assert (web["healthCheckPath"], web["experiments"]) == ("/health", {"rampUpRules": []})
    assert simulator.arm("POST", f"{slot}/appsettings/list").json()["properties"] == {"COLOUR": "blue"}
    assert simulator.arm("POST", f"{slot}/connectionstrings/list").json()["properties"] == {"db": strings["db"]}
    assert [method for method, _, _ in wire.sent if method not in ("GET", "POST")] == ["PUT"]
    state = await hook.read_slot(created)
    assert state is not None
    assert state.host == host(created)


# --- traffic ---


@pytest.mark.parametrize("weight", [0.0, 0.1, 10.0, 33.3, 90.0])
async def test_a_weight_is_set_and_read_back(
    hook: AppServiceHook, simulator: RunningSimulator, target: AppTarget, weight: float
) -> None:
    assert await hook.set_weight(target, host(target), weight)

    assert await hook.read_rule(target) == TrafficRule("stage", host(target), weight)
    assert rules_of(simulator, target) == [
        {"name": "stage", "actionHostName": host(target), "reroutePercentage": weight}
    ]


async def test_a_weight_of_100_sends_every_new_user_to_the_slot(
    hook: AppServiceHook, simulator: RunningSimulator, target: AppTarget
) -> None:
    await hook.set_weight(target, host(target), 100.0)

    simulator.wait_until(lambda: simulator.version(target.app) == "2.0.0")


async def test_only_the_rules_are_sent(hook: AppServiceHook, target: AppTarget, wire: Wire) -> None:
    await hook.set_weight(target, host(target), 25.0)
    await hook.clear_weight(target)

    rule = {"name": "stage", "actionHostName": host(target), "reroutePercentage": 25.0}
    assert wire.bodies("PATCH") == [
        {"properties": {"experiments": {"rampUpRules": [rule]}}},
        {"properties": {"experiments": {"rampUpRules": []}}},
    ]


async def test_other_slots_rules_are_kept_in_order_whatever_is_done_to_ours(
    hook: AppServiceHook, simulator: RunningSimulator, target: AppTarget
) -> None:
    simulator.set_rules(target.app, [BETA, FADE])

    await hook.set_weight(target, host(target), 10.0)
    await hook.set_weight(target, host(target), 20.0)

    ours = {"name": "stage", "actionHostName": host(target), "reroutePercentage": 20.0}
    assert rules_of(simulator, target) == [BETA, FADE, ours]

    assert await hook.clear_weight(target)

    assert rules_of(simulator, target) == [BETA, FADE]


async def test_nothing_is_written_when_it_is_so_already(hook: AppServiceHook, target: AppTarget, calls: Calls) -> None:
    assert await hook.set_weight(target, host(target), 10.0)
    assert len(calls("PATCH")) == 1

    assert not await hook.set_weight(target, host(target), 10.0)

    assert len(calls("PATCH")) == 1


async def test_a_rule_that_is_not_there_is_not_cleared(
    hook: AppServiceHook, simulator: RunningSimulator, target: AppTarget, calls: Calls
) -> None:
    simulator.set_rules(target.app, [BETA])
    before = len(calls("PATCH"))

    assert not await hook.clear_weight(target)

    assert len(calls("PATCH")) == before


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (None, "there is none"),
        ({"name": "stage", "actionHostName": "HOST", "reroutePercentage": 90.0}, "90 % to HOST"),
        ({"name": "stage", "actionHostName": "elsewhere.example", "reroutePercentage": 10.0}, "10 % to elsewhere"),
    ],
)
async def test_a_weight_that_is_not_there_when_read_back_is_an_error(
    hook: AppServiceHook, target: AppTarget, wire: Wire, rule: dict[str, Any] | None, found: str
) -> None:
    rules = [{**rule, "actionHostName": rule["actionHostName"].replace("HOST", host(target))}] if rule else []
    wire.instead["PATCH"] = {"properties": {"experiments": {"rampUpRules": rules}}}

    with pytest.raises(WeightNotApplied, match=found.replace("HOST", host(target))) as raised:
        await hook.set_weight(target, host(target), 10.0)

    assert f"slot 'stage' of app '{target.app}': 10 % to {host(target)} was written" in str(raised.value)


async def test_a_rule_that_is_still_there_when_read_back_is_an_error(
    hook: AppServiceHook, target: AppTarget, wire: Wire
) -> None:
    await hook.set_weight(target, host(target), 10.0)
    rule = {"name": "stage", "actionHostName": host(target), "reroutePercentage": 10.0}
    wire.instead["PATCH"] = {"properties": {"experiments": {"rampUpRules": [rule]}}}

    with pytest.raises(WeightNotApplied, match="it was removed, but Azure still says 10 %"):
        await hook.clear_weight(target)


async def test_a_rule_that_somebody_changed_is_not_overwritten(
    hook: AppServiceHook, simulator: RunningSimulator, target: AppTarget, calls: Calls
) -> None:
    simulator.set_rules(target.app, [{"name": "stage", "actionHostName": host(target), "reroutePercentage": 3.0}])
    written = len(calls("PATCH"))

    with pytest.raises(ChangedByOthers, match=r"Azure says 3 %, this release had left .*10 %\."):
        await hook.set_weight(target, host(target), 25.0, left=(10.0,))

    assert len(calls("PATCH")) == written


async def test_a_rule_that_somebody_set_to_what_is_wanted_is_as_good_as_ours(
    hook: AppServiceHook, simulator: RunningSimulator, target: AppTarget
) -> None:
    simulator.set_rules(target.app, [{"name": "stage", "actionHostName": host(target), "reroutePercentage": 25.0}])

    assert not await hook.set_weight(target, host(target), 25.0, left=(10.0,))


async def test_a_stale_answer_at_read_back_is_worth_another_try(
    hook: AppServiceHook, target: AppTarget, order_fault: OrderFault
) -> None:
    order_fault("WebApps_GetConfiguration", "stale", nth=2, app=target.app)

    with pytest.raises(WeightNotApplied, match=r"10 % to .* was written, but Azure now says there is none"):
        await hook.set_weight(target, host(target), 10.0)

    assert not await hook.set_weight(target, host(target), 10.0)


async def test_another_slots_rule_that_changed_at_the_same_moment_is_told(
    hook: AppServiceHook, target: AppTarget, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = {"name": "stage", "actionHostName": host(target), "reroutePercentage": 10.0}
    wire.instead["PATCH"] = {"properties": {"experiments": {"rampUpRules": [ours, BETA]}}}

    assert await hook.set_weight(target, host(target), 10.0)

    said = capsys.readouterr().out
    assert "Somebody changed other traffic rules" in said
    assert "beta 5 %" in said


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


async def test_an_app_is_busy_while_a_swap_runs_and_not_afterwards(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget
) -> None:
    simulator.set_rules(fresh.app, [BETA, FADE])
    url = await hook.begin_swap(fresh)
    assert url is not None

    with pytest.raises(OperationInProgress):
        await hook.refuse_while_busy(fresh)

    await finished(lambda: hook.swap_status(url))
    await hook.refuse_while_busy(fresh)
    assert rules_of(simulator, fresh) == [BETA, FADE]


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


async def test_an_image_is_set_and_the_same_image_again_restarts_the_slot(
    hook: AppServiceHook, simulator: RunningSimulator, fresh: AppTarget, calls: Calls
) -> None:
    simulator.put_image("contoso.azurecr.io/web:3.0.0", sample_package("3.0.0"))
    assert await hook.read_image(fresh, "linux") is None

    await hook.set_image(fresh, "contoso.azurecr.io/web:3.0.0", "linux")

    assert await hook.read_image(fresh, "linux") == "contoso.azurecr.io/web:3.0.0"
    assert await hook.read_image(fresh, "linux", production=True) is None
    assert len(calls("PATCH")) == 1

    await hook.set_image(fresh, "contoso.azurecr.io/web:3.0.0", "linux")

    assert len(calls("PATCH")) == 1
    assert [entry["path"].rpartition("/")[2] for entry in calls("POST") if "/restart" in entry["path"]] == ["restart"]


# --- when Azure does not do as asked ---


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


# --- connections ---


def test_a_good_connection_tests_well(azure_connection: Connect) -> None:
    works, said = AppServiceHook(azure_connection()).test_connection()

    assert works
    assert said.startswith("Reached Azure App Service; this identity sees ")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"password": "not-the-secret"}, "AADSTS7000215"),
        ({"subscriptionId": None}, "names no subscription"),
        ({"subscriptionId": "00000000-0000-0000-0000-00000000dead"}, "Listing the web apps of connection"),
        ({"cloud_environment": "AzureMoon"}, "allowed: AzurePublicCloud"),
        ({"authority": "http://127.0.0.1"}, "Connection 'azure_app_service': "),
    ],
)
def test_a_bad_connection_says_what_is_wrong(azure_connection: Connect, change: dict[str, Any], expected: str) -> None:
    works, said = AppServiceHook(azure_connection(**change)).test_connection()

    assert not works
    assert expected in said
    assert "not-the-secret" not in said
