"""Sites and slots as App Service writes them."""

from typing import Any

import pytest

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


@pytest.mark.parametrize("properties", [{}, {"deploymentId": None, "inProgressOperationId": ""}])
def test_what_azure_leaves_out_is_empty_and_not_a_word(properties: dict[str, Any]) -> None:
    slot = slot_state({"properties": properties}, "stage")

    assert slot.deployment_id == ""
    assert (slot.operation_id, slot.prepared_for) == (None, None)


@pytest.mark.parametrize("resource", [{}, {"properties": None}])
def test_a_resource_without_properties_has_none(resource: dict[str, Any]) -> None:
    assert properties_of(resource) == {}


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
