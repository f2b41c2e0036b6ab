"""Swapping slots: with and without preview, the differences, and polling the operation.

https://learn.microsoft.com/rest/api/appservice/web-apps/swap-slot
"""

from functools import partial
from typing import Any

import aiohttp.web

from app_service_simulator.arm import answers, errors, lookup
from app_service_simulator.arm.actions import SWAP_TARGET
from app_service_simulator.arm.documents import slot_document
from app_service_simulator.arm.routes import Call, Routes
from app_service_simulator.operations import Operation
from app_service_simulator.site_config import MOVED_BY_SWAP
from app_service_simulator.slot import Slot

routes = Routes()

RETRY_AFTER = 15.0
"""Azure seconds between polls that a swap asks for, as recorded."""


@routes.add_for_slots("POST", "/slotsswap", "WebApps_SwapSlot")
async def swap(call: Call) -> aiohttp.web.Response:
    source, target = _both(call)
    simulator = call.simulator
    if simulator.quirks.swap_needs_rights_on_target and not simulator.roles.allow(SWAP_TARGET):
        raise errors.authorization_failed(call.principal, SWAP_TARGET, source.site.id)
    simulator.operations.refuse_if_held(source.site.name)
    simulator.swapper.refuse_impossible(source, target)
    for slot in (source, target):
        if simulator.deployments.in_progress(slot):
            raise errors.another_operation(f"OperationName: Deployment, SlotName: {slot.name}")
    work = simulator.swapper.swap(source, target, call.order)
    ended = partial(simulator.effects.swap_ended, source)
    operation = simulator.operations.run(source.site.name, "SwapSiteSlots", work, ended)
    return _under_way(call, source, operation, etag=answers.etag_of(source))


@routes.add_for_slots("POST", "/applySlotConfig", "WebApps_ApplySlotConfiguration")
async def apply_slot_config(call: Call) -> aiohttp.web.Response:
    source, target = _both(call)
    simulator = call.simulator
    simulator.operations.refuse_if_held(source.site.name)
    if source.preparation is not None:
        raise errors.prepared_for_swap()
    simulator.swapper.refuse_impossible(source, target)
    with simulator.operations.holding(source.site.name, "ApplySlotConfig"):
        await simulator.swapper.prepare(source, target)
    return answers.empty(etag=answers.etag_of(source))


@routes.add_for_slots("POST", "/resetSlotConfig", "WebApps_ResetSlotConfiguration")
async def reset_slot_config(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    with call.simulator.operations.holding(slot.site.name, "ResetSlotConfig"):
        await call.simulator.swapper.reset(slot)
    return answers.empty(etag=answers.etag_of(slot))


@routes.add_for_slots("POST", "/slotsdiffs", "WebApps_ListSlotDifferences")
async def slot_differences(call: Call) -> aiohttp.web.Response:
    source, target = _both(call)
    return answers.json({"value": _differences(source, target), "nextLink": None, "id": None})


@routes.add_for_slots("GET", "/operationresults/{operation}", "WebApps_GetOperationResult")
async def operation_result(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    operation = call.simulator.operations.find(call.parameters["operation"])
    if operation is None or operation.site != slot.site.name:
        raise errors.not_found(f"Cannot find operation {call.parameters['operation']}.")
    if not operation.finished:
        return _under_way(call, slot, operation)
    if operation.failure:
        raise operation.failure
    return answers.json(slot_document(slot), etag=answers.etag_of(slot))


def _under_way(call: Call, slot: Slot, operation: Operation, *, etag: str | None = None) -> aiohttp.web.Response:
    response = answers.empty(status=202, etag=etag)
    version = call.query["api-version"]
    response.headers["Location"] = f"{call.base}{slot.id}/operationresults/{operation.id}?api-version={version}"
    response.headers["Retry-After"] = answers.retry_after(call, RETRY_AFTER)
    return response


def _both(call: Call) -> tuple[Slot, Slot]:
    source = lookup.slot(call)
    body = call.members
    for member in body:
        if member not in ("targetSlot", "preserveVnet"):
            raise errors.unknown_member(member, "CsmSlotEntity")
    name, preserve = body.get("targetSlot"), body.get("preserveVnet")
    if not isinstance(name, str) or not name:
        raise errors.bad_request("The parameter targetSlot has an invalid value.", "51021")
    if not isinstance(preserve, bool):
        raise errors.bad_request("The parameter preserveVnet has an invalid value.", "51021")
    target = source.site.slot(name)
    if target is None:
        raise errors.not_found(f"Cannot find slot with name {name} of WebSite {source.site.name}.")
    return source, target


def _differences(source: Slot, target: Slot) -> list[dict[str, Any]]:
    differences = [
        _difference(source, "General", "ContainsSwappableSettings", key, source.config[key], target.config[key])
        for key in MOVED_BY_SWAP
        if source.config[key] != target.config[key]
    ]
    for kind, own, other in (
        ("AppSetting", source.app_settings, target.app_settings),
        ("ConnectionString", source.connection_strings, target.connection_strings),
    ):
        sticky = source.site.is_sticky if kind == "AppSetting" else source.site.sticky_connection_strings.__contains__
        for name in sorted({*own, *other}):
            if own.get(name) != other.get(name):
                rule = "SlotSettingsMissing" if sticky(name) else "SettingsWillBeModifiedInDestination"
                differences.append(_difference(source, kind, rule, name, own.get(name), other.get(name)))
    return differences


def _difference(slot: Slot, kind: str, rule: str, name: str, current: Any, other: Any) -> dict[str, Any]:
    return {
        "id": f"{slot.id}/slotsdiffs/{name}",
        "name": name,
        "type": f"{slot.resource_type}/slotsdiffs",
        "location": slot.site.location,
        "properties": {
            "level": "Information" if rule != "SlotSettingsMissing" else "Warning",
            "settingType": kind,
            "diffRule": rule,
            "settingName": name,
            "valueInCurrentSlot": None if current is None else str(current),
            "valueInTargetSlot": None if other is None else str(other),
            "description": f"{kind} '{name}' differs between the slots.",
        },
    }
