"""Sites, slots and their configuration as App Service writes them, understood."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app_service_canary.hooks.azure_errors import unreadable
from app_service_canary.release.app_state import SlotState
from app_service_canary.release.quoting import quoted

HOST = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+\.?")
"""A host name; users are sent to it, so nothing else is taken for one."""


def properties_of(resource: Any) -> dict[str, Any]:
    """The `properties` of a resource, by the names used on the wire.

    Microsoft's models give each under a Python name too; on the wire there is one name, and unknown
    properties are kept.

    Raises:
        TransientAzureError: it has none, which no resource of App Service is without.
    """
    properties = resource.get("properties") if isinstance(resource, Mapping) else None
    if not isinstance(properties, Mapping):
        # What was found is not quoted: it may be settings, which are secret.
        kind = type(properties).__name__
        raise unreadable("Reading a resource", f"its properties: found {kind}; expected keys and values")
    return dict(properties)


def slot_state(resource: Any, name: str) -> SlotState:
    """A slot, or production, from what GET says of it.

    Raises:
        TransientAzureError: what a release decides by is not there: its state, host or deployment id.
    """
    properties = properties_of(resource)
    return SlotState(
        name=name,
        state=_text(properties, "state"),
        host=_host(properties),
        deployment_id=_text(properties, "deploymentId"),
        kind=_text(resource, "kind", ""),
        sku=_text(properties, "sku", ""),
        location=_text(resource, "location", ""),
        plan_id=_text(properties, "serverFarmId", ""),
        operation_id=_text(properties, "inProgressOperationId", "") or None,
        prepared_for=_text(properties, "targetSwapSlot", "") or None,
        last_swap=_last_swap(properties.get("slotSwapStatus")),
    )


def _text(of: Mapping[str, Any], key: str, when_left_out: str | None = None) -> str:
    """A property that is text; with no value for when it is left out, it must be there."""
    found = of.get(key)
    if found in (None, "") and when_left_out is not None:
        return when_left_out
    if not isinstance(found, str) or not found:
        raise unreadable("Reading a site", f"{key}: found {quoted(found)}; expected text")
    return found


def _host(properties: Mapping[str, Any]) -> str:
    host = _text(properties, "defaultHostName")
    if not HOST.fullmatch(host):
        raise unreadable("Reading a site", f"defaultHostName: found {quoted(host)}; expected a host name")
    return host


def _last_swap(status: Any) -> str:
    """`slotSwapStatus`, the last successful swap: `stage -> Production at 2026-11-22T09:00:00Z`."""
    if not isinstance(status, Mapping):  # Microsoft's model of it is no dict
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
    kept_settings, kept_strings = _names(sticky, "appSettingNames"), _names(sticky, "connectionStringNames")
    return {
        "appSettings": [
            {"name": name, "value": value} for name, value in settings.items() if name not in kept_settings
        ],
        "connectionStrings": [
            {"name": name, "connectionString": _part(string, "value"), "type": _part(string, "type")}
            for name, string in strings.items()
            if name not in kept_strings
        ],
    }


def _names(sticky: dict[str, Any], key: str) -> list[Any]:
    names = sticky.get(key) or []
    if not isinstance(names, list):
        raise unreadable("Reading the slot settings", f"{key}: expected a list of names")
    return names


def _part(string: Any, key: str) -> Any:
    # What was found is not quoted: a connection string is secret.
    if not isinstance(string, Mapping) or key not in string:
        raise unreadable("Reading the connection strings", f"one of them has no {key}")
    return string[key]


def new_slot(production: Any, site_config: dict[str, Any]) -> dict[str, Any]:
    """The body that creates a slot on production's plan, with this configuration."""
    envelope = properties_of(production)
    return {
        "location": production["location"],
        "properties": {
            "serverFarmId": envelope["serverFarmId"],
            "reserved": envelope.get("reserved", False),
            "httpsOnly": envelope.get("httpsOnly", False),
            "siteConfig": site_config,
        },
    }


def image_key(os: str) -> str:
    """The property that names the container image on this operating system."""
    return f"{os}FxVersion"
