"""Configuration of apps and slots: config/web with its routing rules, app settings, connection strings, sticky names.

https://learn.microsoft.com/rest/api/appservice/web-apps
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp.web

from app_service_simulator import site_config
from app_service_simulator.arm import answers, errors, lookup
from app_service_simulator.arm.documents import config_answer_to_write, config_document, settings_document
from app_service_simulator.arm.routes import SITE, Call, Routes
from app_service_simulator.quirks import Quirks
from app_service_simulator.slot import Slot

routes = Routes()

WRITE_CONFIG = 12.0
"""Azure seconds a PATCH of config/web takes: 4, 12 and 32 s were recorded."""

WRITE_SETTINGS = 2.0
"""Azure seconds a PUT of app settings or sticky names takes; seconds, by experience."""


@routes.add_for_slots("GET", "/config/web", "WebApps_GetConfiguration")
async def get_config(call: Call) -> aiohttp.web.Response:
    return answers.json(config_document(lookup.slot(call)))


@routes.add_for_slots("PUT", "/config/web", "WebApps_CreateOrUpdateConfiguration")
async def put_config(call: Call) -> aiohttp.web.Response:
    return await _write_config(call)


@routes.add_for_slots("PATCH", "/config/web", "WebApps_UpdateConfiguration")
async def patch_config(call: Call) -> aiohttp.web.Response:
    return await _write_config(call)


@routes.add_for_slots("GET", "/config", "WebApps_ListConfigurations")
async def list_configs(call: Call) -> aiohttp.web.Response:
    return answers.json({"value": [config_document(lookup.slot(call))], "nextLink": None, "id": None})


@routes.add_for_slots("POST", "/config/appsettings/list", "WebApps_ListApplicationSettings")
async def list_settings(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    return answers.json(settings_document(slot, "appsettings", dict(slot.app_settings)))


@routes.add_for_slots("PUT", "/config/appsettings", "WebApps_UpdateApplicationSettings")
async def put_settings(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot_to_change(call)
    settings = {name: _text(name, value) for name, value in call.properties.items() if value is not None}
    before = answers.etag_of(slot)
    with call.simulator.operations.holding(slot.site.name, "Update"):
        await call.simulator.clock.sleep(WRITE_SETTINGS)
        slot.app_settings = settings
        call.simulator.world.touch(slot)
    call.simulator.lifecycle.restart_in_background(slot)
    document = settings_document(slot, "appsettings", settings)
    return answers.json(document, etag=answers.write_etag(call, slot, before))


@routes.add_for_slots("POST", "/config/connectionstrings/list", "WebApps_ListConnectionStrings")
async def list_connection_strings(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    return answers.json(settings_document(slot, "connectionstrings", slot.connection_strings))


@routes.add_for_slots("PUT", "/config/connectionstrings", "WebApps_UpdateConnectionStrings")
async def put_connection_strings(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot_to_change(call)
    strings = {name: _connection_string(name, value) for name, value in call.properties.items()}
    before = answers.etag_of(slot)
    with call.simulator.operations.holding(slot.site.name, "Update"):
        await call.simulator.clock.sleep(WRITE_SETTINGS)
        slot.connection_strings = strings
        call.simulator.world.touch(slot)
    call.simulator.lifecycle.restart_in_background(slot)
    document = settings_document(slot, "connectionstrings", strings)
    return answers.json(document, etag=answers.write_etag(call, slot, before))


@routes.add_for_slots("POST", "/config/metadata/list", "WebApps_ListMetadata")
async def list_metadata(call: Call) -> aiohttp.web.Response:
    return answers.json(settings_document(lookup.slot(call), "metadata", {}))


@routes.add_for_slots("POST", "/config/azurestorageaccounts/list", "WebApps_ListAzureStorageAccounts")
async def list_storage_accounts(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    return answers.json(settings_document(slot, "azurestorageaccounts", slot.config["azureStorageAccounts"]))


@routes.add("GET", f"{SITE}/config/slotConfigNames", "WebApps_ListSlotConfigurationNames")
async def get_sticky_names(call: Call) -> aiohttp.web.Response:
    site = lookup.site(call)
    names = (site.sticky_connection_strings, site.sticky_settings, site.sticky_storage)
    # As recorded: null where nobody has ever written, lists afterwards.
    written = any(names) or site.sticky_names_written
    return _sticky_names(call, [list(part) if written else None for part in names])


@routes.add("PUT", f"{SITE}/config/slotConfigNames", "WebApps_UpdateSlotConfigurationNames")
async def put_sticky_names(call: Call) -> aiohttp.web.Response:
    site = lookup.site(call)
    properties = call.properties
    members = ("connectionStringNames", "appSettingNames", "azureStorageConfigNames")
    for member in properties:
        if member not in members:
            raise errors.unknown_member(member, "SlotConfigNames")
    lists = [_names(properties.get(member), member) for member in members]
    with call.simulator.operations.holding(site.name, "Update"):
        await call.simulator.clock.sleep(WRITE_SETTINGS)
        site.sticky_connection_strings, site.sticky_settings, site.sticky_storage = lists
        site.sticky_names_written = True
    return _sticky_names(call, lists)


@dataclass(frozen=True)
class ConfigChange:
    """A checked SiteConfig body; None for what it leaves alone."""

    accepted: dict[str, Any]
    rules: list[dict[str, Any]] | None
    settings: dict[str, str] | None
    strings: dict[str, dict[str, str]] | None

    def apply(self, slot: Slot) -> bool:
        """Merges it into the slot; whether that restarts the app."""
        if self.rules is not None:
            slot.rules = self.rules
        before = {key: slot.config[key] for key in site_config.RESTARTING}
        slot.config.update(self.accepted)
        restarts = before != {key: slot.config[key] for key in site_config.RESTARTING}
        if self.settings is not None:
            restarts = restarts or self.settings != slot.app_settings
            slot.app_settings = self.settings
        if self.strings is not None:
            slot.connection_strings = self.strings
        return restarts


def checked_config(slot: Slot, body: dict[str, Any], quirks: Quirks) -> ConfigChange:
    """What a SiteConfig body would change about the slot; raises what App Service answers to a wrong one."""
    accepted = site_config.checked(body)
    rules = site_config.rules_in(body, stale_mirror_wins=quirks.stale_routing_rules_win)
    settings = _pairs(body, "appSettings")
    strings = _pairs(body, "connectionStrings")
    if rules is not None:
        if rules and not slot.is_production:
            raise errors.bad_request("Routing rules are only supported on the production slot.")
        if quirks.impossible_percentages_are_refused:
            site_config.refuse_impossible(rules)
    return ConfigChange(
        accepted,
        rules,
        None if settings is None else {pair["name"]: str(pair.get("value") or "") for pair in settings},
        None
        if strings is None
        else {
            pair["name"]: {"value": str(pair.get("connectionString") or ""), "type": str(pair.get("type") or "Custom")}
            for pair in strings
        },
    )


async def _write_config(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot_to_change(call)
    properties = call.properties
    before = answers.etag_of(slot)
    with call.simulator.operations.holding(slot.site.name, "Update"):
        change = checked_config(slot, properties, call.simulator.quirks)
        if call.simulator.quirks.configuration_applies_after_delay:
            await call.simulator.clock.sleep(WRITE_CONFIG)
        restarts = change.apply(slot)
        call.simulator.world.touch(slot)
        if not call.simulator.quirks.configuration_applies_after_delay:
            await call.simulator.clock.sleep(WRITE_CONFIG)
    if restarts:
        call.simulator.lifecycle.restart_in_background(slot)
    return answers.json(config_answer_to_write(slot), etag=answers.write_etag(call, slot, before))


def _sticky_names(call: Call, lists: Sequence[list[str] | None]) -> aiohttp.web.Response:
    site = lookup.site(call)
    strings, settings, storage = lists
    return answers.json(
        {
            "id": None,
            "name": site.name,
            "type": "Microsoft.Web/sites",
            "location": site.location,
            "properties": {
                "connectionStringNames": strings,
                "appSettingNames": settings,
                "azureStorageConfigNames": storage,
            },
        }
    )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, (str, int, float)):
        raise errors.bad_request(f"The parameter {name} has an invalid value.", "51021")
    return str(value)


def _connection_string(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        raise errors.bad_request(f"The parameter {name} has an invalid value.", "51021")
    return {"value": value["value"], "type": str(value.get("type") or "Custom")}


def _names(value: Any, member: str) -> list[str]:
    if not isinstance(value or [], list):
        raise errors.bad_request(f"The parameter {member} has an invalid value.", "51021")
    return [str(name) for name in value or []]


def _pairs(body: dict[str, Any], member: str) -> list[dict[str, Any]] | None:
    pairs = body.get(member)
    if pairs is None:
        return None
    if not isinstance(pairs, list) or not all(isinstance(pair, dict) and pair.get("name") for pair in pairs):
        raise errors.bad_request(f"The parameter {member} has an invalid value.", "51021")
    return pairs
