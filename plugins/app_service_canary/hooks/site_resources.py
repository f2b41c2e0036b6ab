"""Sites, slots and their configuration as App Service writes them, understood."""

from __future__ import annotations

from typing import Any

from app_service_canary.release.app_state import SlotState


def properties_of(resource: Any) -> dict[str, Any]:
    """The `properties` of a resource, by the names used on the wire.

    Microsoft's models give each under a Python name too; on the wire there is one name, and unknown
    properties are kept.
    """
    return dict(resource.get("properties") or {})


def slot_state(resource: Any, name: str) -> SlotState:
    """A slot, or production, from what GET says of it."""
    properties = properties_of(resource)
    return SlotState(
        name=name,
        state=str(properties.get("state")),
        host=str(properties.get("defaultHostName")),
        deployment_id=str(properties.get("deploymentId") or ""),
        kind=str(resource.get("kind") or ""),
        sku=str(properties.get("sku") or ""),
        location=str(resource.get("location") or ""),
        plan_id=str(properties.get("serverFarmId") or ""),
        operation_id=properties.get("inProgressOperationId") or None,
        prepared_for=properties.get("targetSwapSlot") or None,
        last_swap=_last_swap(properties.get("slotSwapStatus")),
    )


def _last_swap(status: Any) -> str:
    """`slotSwapStatus`, the last successful swap: `stage -> Production at 2026-11-22T09:00:00Z`."""
    if not isinstance(status, dict):
        return ""
    source, target, when = (status.get(key) for key in ("sourceSlotName", "destinationSlotName", "timestampUtc"))
    return f"{source} -> {target} at {when}"


def copied_config(config: dict[str, Any]) -> dict[str, Any]:
    """Production's configuration without what must not be copied: its traffic, and what is always secret."""
    left_out = ("experiments", "routingRules", "publishingUsername", "autoSwapSlotName")
    return {key: value for key, value in config.items() if value is not None and key not in left_out}


def copied_settings(settings: dict[str, Any], strings: dict[str, Any], sticky: dict[str, Any]) -> dict[str, Any]:
    """Production's app settings and connection strings as a new slot's `siteConfig` takes them.

    Args:
        settings, strings: the properties of `config/appsettings/list` and `config/connectionstrings/list`.
        sticky: the properties of `config/slotConfigNames`; what they list stays with production.
    """
    kept_settings, kept_strings = sticky.get("appSettingNames") or [], sticky.get("connectionStringNames") or []
    return {
        "appSettings": [
            {"name": name, "value": value} for name, value in settings.items() if name not in kept_settings
        ],
        "connectionStrings": [
            {"name": name, "connectionString": string["value"], "type": string["type"]}
            for name, string in strings.items()
            if name not in kept_strings
        ],
    }


def image_key(os: str) -> str:
    """The property that names the container image on this operating system."""
    return f"{os}FxVersion"
