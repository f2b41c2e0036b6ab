"""Reading and changing apps by the hook, with Microsoft's own client, against the simulator."""

from dataclasses import replace
from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.hooks.conftest import Calls, Wire, finished, host
from tests.simulator import RunningSimulator, sample_package

from app_service_canary.errors import (
    AzureResourceMissing,
    ChangedByOthers,
    OperationInProgress,
    WeightNotApplied,
)
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.release.app_state import AppTarget, TrafficRule

BETA = {"actionHostName": "beta.example", "reroutePercentage": 5.0, "name": "beta"}
FADE = {"actionHostName": "fade.example", "reroutePercentage": 1.5, "name": "fade", "maxReroutePercentage": 3.0}


def rules_of(simulator: RunningSimulator, target: AppTarget) -> list[dict[str, Any]]:
    """The rules that Azure has, without empty properties."""
    config = simulator.arm("GET", f"{simulator.app_path(target.app)}/config/web").json()["properties"]
    return [
        {key: value for key, value in rule.items() if value is not None}
        for rule in config["experiments"]["rampUpRules"]
    ]


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
