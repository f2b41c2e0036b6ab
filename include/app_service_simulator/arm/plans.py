"""App Service plans.

https://learn.microsoft.com/rest/api/appservice/app-service-plans
"""

import re
from typing import Any

import aiohttp.web

from app_service_simulator.arm import answers, errors, lookup
from app_service_simulator.arm.documents import plan_document
from app_service_simulator.arm.routes import WEB, Call, Routes
from app_service_simulator.arm.subscriptions import location_name
from app_service_simulator.world import Plan

routes = Routes()
PLAN = f"{WEB}/serverfarms/{{plan}}"


@routes.add("GET", "/subscriptions/{subscription}/providers/Microsoft.Web/serverfarms", "AppServicePlans_List")
async def list_all_plans(call: Call) -> aiohttp.web.Response:
    lookup.subscription(call)
    return _list(call, list(call.simulator.world.plans.values()))


@routes.add("GET", f"{WEB}/serverfarms", "AppServicePlans_ListByResourceGroup")
async def list_plans(call: Call) -> aiohttp.web.Response:
    group = lookup.group(call)
    return _list(call, [plan for plan in call.simulator.world.plans.values() if plan.group is group])


@routes.add("GET", PLAN, "AppServicePlans_Get")
async def get_plan(call: Call) -> aiohttp.web.Response:
    return answers.json(_document(call, lookup.plan(call)))


@routes.add("PUT", PLAN, "AppServicePlans_CreateOrUpdate")
async def put_plan(call: Call) -> aiohttp.web.Response:
    group = lookup.group(call)
    body = call.members
    properties = body.get("properties") or {}
    sku = body.get("sku") or {}
    size = sku.get("name") or sku.get("size") or "S1"
    if not re.fullmatch(r"[A-Za-z]\w{0,7}", str(size)):
        raise errors.bad_request(f"Cannot find SkuDescription with name {size}.", "51004")
    existing = call.simulator.world.plan(group.name, call.parameters["plan"])
    plan = existing or call.simulator.world.add_plan(
        group,
        call.parameters["plan"],
        location=location_name(body.get("location") or group.location),
        size=size,
        linux=bool(properties.get("reserved")) or "linux" in str(body.get("kind", "")).lower(),
    )
    if "sku" in body:
        plan.size = size
        plan.capacity = sku.get("capacity") or plan.capacity
    plan.tags = body.get("tags", plan.tags)
    return answers.json(_document(call, plan))


@routes.add("DELETE", PLAN, "AppServicePlans_Delete")
async def delete_plan(call: Call) -> aiohttp.web.Response:
    plan = lookup.plan(call)
    if any(site.plan is plan for site in call.simulator.world.sites.values()):
        raise errors.conflict(
            "Server farm '" + plan.name + "' cannot be deleted because it has web app(s) assigned to it.", "11003"
        )
    del call.simulator.world.plans[plan.group.name.lower(), plan.name.lower()]
    return answers.empty()


def _document(call: Call, plan: Plan) -> dict[str, Any]:
    count = sum(site.plan is plan for site in call.simulator.world.sites.values())
    return plan_document(plan, count)


def _list(call: Call, plans: list[Plan]) -> aiohttp.web.Response:
    return answers.json({"value": [_document(call, plan) for plan in plans], "nextLink": None, "id": None})
