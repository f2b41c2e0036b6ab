"""Sites and slots as App Service writes them."""

from types import MappingProxyType
from typing import Any

import pytest

from app_service_canary.errors import TransientAzureError
from app_service_canary.hooks.site_resources import (
    copied_config,
    copied_settings,
    image_key,
    properties_of,
    slot_state,
)
from app_service_canary.release.app_state import SlotState


def test_a_slot_is_read_from_its_resource() -> None:
    resource = {
        "kind": "app,linux",
        "location": "West Europe",
        "properties": {
            "state": "Running",
            "defaultHostName": "storefront-stage-a1b2.westeurope-01.azurewebsites.net",
            "deploymentId": "storefront__63f1",
            "sku": "Standard",
            "serverFarmId": "/subscriptions/s/…/plan",
            "inProgressOperationId": "af92",
            "targetSwapSlot": "beta",
        },
    }

    expected = SlotState(
        name="stage",
        state="Running",
        host="storefront-stage-a1b2.westeurope-01.azurewebsites.net",
        deployment_id="storefront__63f1",
        kind="app,linux",
        sku="Standard",
        location="West Europe",
        plan_id="/subscriptions/s/…/plan",
        operation_id="af92",
        prepared_for="beta",
    )
    assert expected == slot_state(resource, "stage")


SITE: dict[str, Any] = {
    "kind": "app",
    "properties": {"state": "Stopped", "defaultHostName": "storefront.azurewebsites.net", "deploymentId": "storefront"},
}


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize("key", ["inProgressOperationId", "targetSwapSlot", "sku", "serverFarmId"])
def test_what_azure_leaves_out_is_empty_and_not_a_word(key: str, empty: object) -> None:
    expected = slot_state(SITE, "stage")

    assert expected == slot_state({**SITE, "properties": {**SITE["properties"], key: empty}}, "stage")
    assert (expected.operation_id, expected.prepared_for, expected.sku, expected.plan_id) == (None, None, "", "")


@pytest.mark.parametrize("key", ["state", "defaultHostName", "deploymentId"])
@pytest.mark.parametrize("found", [None, "", 5, True, [], {}])
def test_a_site_without_what_a_release_decides_by_cannot_be_read(key: str, found: object) -> None:
    site = {**SITE, "properties": {**SITE["properties"], key: found}}

    with pytest.raises(TransientAzureError, match=f"Azure's answer could not be read: {key}: found "):
        slot_state(site, "stage")


@pytest.mark.parametrize(
    "host", ["storefront", "a b.net", "good.net/evil.net", "good.net\n", "good.net@evil.net", "ä.net"]
)
def test_what_is_no_host_name_is_not_taken_for_one(host: str) -> None:
    with pytest.raises(TransientAzureError, match="defaultHostName: found "):
        slot_state({**SITE, "properties": {**SITE["properties"], "defaultHostName": host}}, "stage")


@pytest.mark.parametrize(
    "resource", [{}, {"properties": None}, {"properties": []}, {"properties": "x"}, [], None, "x", 5]
)
def test_what_has_no_properties_is_no_resource(resource: object) -> None:
    with pytest.raises(TransientAzureError, match="its properties: found "):
        properties_of(resource)


def test_a_copied_configuration_leaves_traffic_and_identity_behind() -> None:
    config = {
        "linuxFxVersion": "PYTHON|3.12",
        "alwaysOn": False,
        "healthCheckPath": None,
        "experiments": {"rampUpRules": []},
        "routingRules": [],
        "publishingUsername": "$storefront",
        "autoSwapSlotName": "production",
    }

    assert copied_config(config) == {"linuxFxVersion": "PYTHON|3.12", "alwaysOn": False}


def test_copied_settings_leave_slot_settings_behind() -> None:
    strings = {name: {"value": f"{name}-value", "type": "SQLAzure"} for name in ("db", "own-db")}

    copied = copied_settings(
        {"colour": "blue", "own": "1"}, strings, {"appSettingNames": ["own"], "connectionStringNames": ["own-db"]}
    )

    assert copied == {
        "appSettings": [{"name": "colour", "value": "blue"}],
        "connectionStrings": [{"name": "db", "connectionString": "db-value", "type": "SQLAzure"}],
    }


@pytest.mark.parametrize("sticky", [{}, {"appSettingNames": None, "connectionStringNames": None}])
def test_without_slot_settings_everything_is_copied(sticky: dict[str, Any]) -> None:
    assert len(copied_settings({"a": "1", "b": "2"}, {}, sticky)["appSettings"]) == 2


@pytest.mark.parametrize(("system", "expected"), [("linux", "linuxFxVersion"), ("windows", "windowsFxVersion")])
def test_each_operating_system_has_a_property_for_its_image(system: str, expected: str) -> None:
    assert expected == image_key(system)


@pytest.mark.parametrize(
    "strings", [{"db": None}, {"db": "x"}, {"db": {"value": "secret"}}, {"db": {"type": "SQLAzure"}}]
)
def test_connection_strings_of_another_shape_cannot_be_read_and_are_not_quoted(strings: dict[str, Any]) -> None:
    with pytest.raises(TransientAzureError, match="one of them has no") as refused:
        copied_settings({}, strings, {})

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("names", ["own", 5, {"own": 1}])
def test_slot_settings_of_another_shape_cannot_be_read(names: object) -> None:
    with pytest.raises(TransientAzureError, match="appSettingNames: expected a list of names"):
        copied_settings({"own": "1"}, {}, {"appSettingNames": names})


def test_the_last_swap_is_told_in_azures_words_whichever_mapping_it_comes_in() -> None:
    status = {"sourceSlotName": "stage", "destinationSlotName": "Production", "timestampUtc": "2026-11-22T09:00:00Z"}
    site = {"state": "Running", "defaultHostName": "storefront.azurewebsites.net", "deploymentId": "storefront"}
    for mapping in (status, MappingProxyType(status)):
        told = slot_state({"properties": {**site, "slotSwapStatus": mapping}}, "production").last_swap
        assert told == "stage -> Production at 2026-11-22T09:00:00Z"
    assert slot_state({"properties": {**site, "slotSwapStatus": None}}, "production").last_swap == ""
