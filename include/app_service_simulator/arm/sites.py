"""Apps and slots: create, read, change, delete, start, stop, restart.

https://learn.microsoft.com/rest/api/appservice/web-apps
"""

from typing import Any

import aiohttp.web

from app_service_simulator.arm import answers, errors, lookup
from app_service_simulator.arm.actions import JOIN_PLAN
from app_service_simulator.arm.configuration import checked_config
from app_service_simulator.arm.documents import READ_ONLY, WRITABLE, slot_document
from app_service_simulator.arm.routes import SITE, SLOT, WEB, Call, Routes
from app_service_simulator.arm.subscriptions import location_name
from app_service_simulator.slot import PRODUCTION, Slot
from app_service_simulator.world import Site

routes = Routes()

START, STOP, RESTART = 2.0, 3.0, 2.0
"""Azure seconds these calls take, as recorded (restart: by likeness to start)."""

CREATE, UPDATE = 30.0, 5.0
"""Azure seconds to create an app or a slot (recorded: about 30), and to change one."""


@routes.add("GET", "/subscriptions/{subscription}/providers/Microsoft.Web/sites", "WebApps_List")
async def list_all_sites(call: Call) -> aiohttp.web.Response:
    lookup.subscription(call)
    return _list(call, [site.production for site in call.simulator.world.sites.values()])


@routes.add("GET", f"{WEB}/sites", "WebApps_ListByResourceGroup")
async def list_sites(call: Call) -> aiohttp.web.Response:
    group = lookup.group(call)
    return _list(call, [s.production for s in call.simulator.world.sites.values() if s.group is group])


@routes.add("GET", f"{SITE}/slots", "WebApps_ListSlots")
async def list_slots(call: Call) -> aiohttp.web.Response:
    return _list(call, lookup.site(call).other_slots)


@routes.add_for_slots("GET", "", "WebApps_Get")
async def get_slot(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    return answers.json(_document(call, slot), etag=answers.etag_of(slot))


@routes.add("PUT", SITE, "WebApps_CreateOrUpdate")
async def put_site(call: Call) -> aiohttp.web.Response:
    group = lookup.group(call)
    properties = _checked_properties(call)
    _refuse_unpermitted_plan(call, properties)
    existing = call.simulator.world.site(group.name, call.parameters["site"])
    if existing:
        return await _update(call, existing.production, properties)
    plan_id = properties.get("serverFarmId")
    plan = call.simulator.world.plan_by_id(plan_id) if isinstance(plan_id, str) else None
    if plan is None:
        raise errors.not_found(f"Cannot find ServerFarm with name {plan_id}.")
    kind = call.members.get("kind") or ("app,linux" if plan.linux else "app")
    location = location_name(call.members.get("location") or plan.location)
    site = call.simulator.world.add_site(group, call.parameters["site"], plan, kind, location)
    return await _create(call, site.production, properties)


@routes.add("PUT", SLOT, "WebApps_CreateOrUpdateSlot")
async def put_slot(call: Call) -> aiohttp.web.Response:
    site = lookup.site(call)
    properties = _checked_properties(call)
    _refuse_unpermitted_plan(call, properties)
    name = call.parameters["slot"]
    existing = site.slot(name)
    if existing:
        return await _update(call, existing, properties)
    return await _create(call, call.simulator.world.add_slot(site, name), properties)


@routes.add_for_slots("PATCH", "", "WebApps_Update")
async def patch_slot(call: Call) -> aiohttp.web.Response:
    return await _update(call, lookup.slot(call), _checked_properties(call))


@routes.add("DELETE", SITE, "WebApps_Delete")
async def delete_site(call: Call) -> aiohttp.web.Response:
    site = lookup.site(call)
    etag = answers.etag_of(site.production)
    with call.simulator.operations.holding(site.name, "DeleteWebSite"):
        await call.simulator.delete_site(site)
    return answers.empty(etag=etag)


@routes.add("DELETE", SLOT, "WebApps_DeleteSlot")
async def delete_slot(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    if slot.is_production:
        raise errors.bad_request("The production slot cannot be deleted.")
    with call.simulator.operations.holding(slot.site.name, "DeleteWebSite"):
        await call.simulator.delete_slot(slot)
    return answers.empty(etag=answers.etag_of(slot))


@routes.add_for_slots("POST", "/start", "WebApps_Start")
async def start(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    before = answers.etag_of(slot)
    with call.simulator.operations.holding(slot.site.name, "StartWebSite"):
        await call.simulator.clock.sleep(START)
        if not slot.running:
            slot.running = True
            call.simulator.world.touch(slot)
            call.simulator.lifecycle.restart_in_background(slot)
    return answers.empty(etag=answers.write_etag(call, slot, before))


@routes.add_for_slots("POST", "/stop", "WebApps_Stop")
async def stop(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    before = answers.etag_of(slot)
    with call.simulator.operations.holding(slot.site.name, "StopWebSite"):
        await call.simulator.clock.sleep(STOP)
        if slot.running:
            slot.running = False
            call.simulator.world.touch(slot)
            await call.simulator.lifecycle.stop(slot)
    return answers.empty(etag=answers.write_etag(call, slot, before))


@routes.add_for_slots("POST", "/restart", "WebApps_Restart")
async def restart(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    with call.simulator.operations.holding(slot.site.name, "RestartWebSite"):
        await call.simulator.clock.sleep(RESTART)
        call.simulator.lifecycle.restart_in_background(slot)
        if call.query.get("synchronous", "").lower() == "true":
            await call.simulator.lifecycle.settled(slot)
    return answers.empty(etag=answers.etag_of(slot))


@routes.add(
    "POST",
    "/subscriptions/{subscription}/providers/Microsoft.Web/checknameavailability",
    "CheckNameAvailability",
)
async def check_name(call: Call) -> aiohttp.web.Response:
    lookup.subscription(call)
    name = call.members.get("name")
    if not isinstance(name, str) or not name:
        raise errors.bad_request("The parameter name has an invalid value.", "51021")
    if call.simulator.world.slot_by_host(f"{name}.azurewebsites.net") is None:
        return answers.json({"nameAvailable": True, "reason": "", "message": ""})
    message = f"Hostname '{name}' already exists. Please select a different name."
    return answers.json({"nameAvailable": False, "reason": "AlreadyExists", "message": message})


def _document(call: Call, slot: Slot) -> dict[str, Any]:
    holder = call.simulator.operations.holder(slot.site.name)
    swapping = holder and holder.name == "SwapSiteSlots" and call.simulator.quirks.operation_id_during_swap
    return slot_document(slot, operation_id=holder.id if holder and swapping else None)


def _list(call: Call, slots: list[Slot]) -> aiohttp.web.Response:
    return answers.json({"value": [_document(call, slot) for slot in slots], "nextLink": None, "id": None})


def _checked_properties(call: Call) -> dict[str, Any]:
    properties = call.members.get("properties") or {}
    if not isinstance(properties, dict):
        raise errors.bad_request("The parameter properties has an invalid value.", "51021")
    for name in properties:
        if name not in WRITABLE and name not in READ_ONLY:
            kind = "cloningInfo is not simulated" if name == "cloningInfo" else name
            raise errors.unknown_member(kind, "Site")
    return properties


def _refuse_unpermitted_plan(call: Call, properties: dict[str, Any]) -> None:
    plan = properties.get("serverFarmId")
    if plan and not call.simulator.roles.allow(JOIN_PLAN):
        action = f"Microsoft.Web/sites/{'slots/' if 'slot' in call.parameters else ''}write"
        raise errors.linked_authorization_failed(call.principal, action, call.path, JOIN_PLAN, str(plan))


async def _create(call: Call, slot: Slot, properties: dict[str, Any]) -> aiohttp.web.Response:
    try:
        _apply(call, slot, properties)
    except errors.AzureError:
        await _forget(call, slot)
        raise
    slot.running = False
    with call.simulator.operations.holding(slot.site.name, "Create"):
        await call.simulator.clock.sleep(CREATE)
    slot.running = True
    call.simulator.lifecycle.restart_in_background(slot)
    return answers.json(_document(call, slot), etag=answers.etag_of(slot))


async def _forget(call: Call, slot: Slot) -> None:
    if slot.name == PRODUCTION:
        await call.simulator.delete_site(slot.site)
    else:
        await call.simulator.delete_slot(slot)


async def _update(call: Call, slot: Slot, properties: dict[str, Any]) -> aiohttp.web.Response:
    if slot.preparation is not None:
        raise errors.prepared_for_swap()
    before = answers.etag_of(slot)
    with call.simulator.operations.holding(slot.site.name, "Update"):
        restarts = _apply(call, slot, properties)
        call.simulator.world.touch(slot)
        await call.simulator.clock.sleep(UPDATE)
    if restarts:
        call.simulator.lifecycle.restart_in_background(slot)
    return answers.json(_document(call, slot), etag=answers.write_etag(call, slot, before))


def _apply(call: Call, slot: Slot, properties: dict[str, Any]) -> bool:
    config = properties.get("siteConfig")
    quirks = call.simulator.quirks
    restarts = checked_config(slot, _without_nulls(config), quirks).apply(slot) if config else False
    slot.properties.update({name: value for name, value in properties.items() if name in WRITABLE})
    if isinstance(properties.get("scmSiteAlsoStopped"), bool):
        slot.scm_site_also_stopped = properties["scmSiteAlsoStopped"]
    if slot.is_production:
        _move_to_plan(call, slot.site, properties.get("serverFarmId"))
    if "tags" in call.members:
        slot.tags = call.members["tags"]
    return restarts


def _without_nulls(config: Any) -> dict[str, Any]:
    # A site read and sent back carries the stub, in which null means "not shown", not "unset".
    if not isinstance(config, dict):
        raise errors.bad_request("The parameter siteConfig has an invalid value.", "51021")
    return {name: value for name, value in config.items() if value is not None}


def _move_to_plan(call: Call, site: Site, plan_id: Any) -> None:
    if plan_id is None:
        return
    plan = call.simulator.world.plan_by_id(str(plan_id))
    if plan is None:
        raise errors.not_found(f"Cannot find ServerFarm with name {plan_id}.")
    site.plan = plan
