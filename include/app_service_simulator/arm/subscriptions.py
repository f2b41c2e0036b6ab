"""Clouds, tenants, subscriptions, resource groups and provider registrations.

https://learn.microsoft.com/rest/api/resources/
"""

from typing import Any

import aiohttp.web

from app_service_simulator.arm import answers, errors, lookup
from app_service_simulator.arm.routes import GROUP, Call, Routes
from app_service_simulator.world import ResourceGroup

routes = Routes()

PROVIDERS = {
    "Microsoft.Web": ("sites", "sites/slots", "serverFarms", "checkNameAvailability", "webAppStacks"),
    "Microsoft.Insights": ("metrics", "metricDefinitions"),
}
"""Namespaces the simulator knows, and their resource types."""

API_VERSIONS = ("2025-05-01", "2024-02-01", "2023-12-01", "2018-01-01")
"""What a provider says it supports. The simulator answers every well-formed version alike."""

LOCATIONS = ("West Europe", "North Europe", "East US", "West US 2", "Southeast Asia")
"""Regions one can name; `--location westeurope` is understood as well."""


def location_name(text: str) -> str:
    """The region as App Service writes it, `West Europe` for `westeurope`; unknown ones are left as they are."""
    plain = text.replace(" ", "").lower()
    return next((name for name in LOCATIONS if name.replace(" ", "").lower() == plain), text)


@routes.add("GET", "/tenants", "Tenants_List")
async def list_tenants(call: Call) -> aiohttp.web.Response:
    tenant = call.simulator.world.tenant
    return answers.json({"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant, "displayName": "Simulator"}]})


@routes.add("GET", "/subscriptions", "Subscriptions_List")
async def list_subscriptions(call: Call) -> aiohttp.web.Response:
    return answers.json({"value": [_subscription(call)], "count": {"type": "Total", "value": 1}})


@routes.add("GET", "/subscriptions/{subscription}", "Subscriptions_Get")
async def get_subscription(call: Call) -> aiohttp.web.Response:
    lookup.subscription(call)
    return answers.json(_subscription(call))


@routes.add("GET", "/subscriptions/{subscription}/locations", "Subscriptions_ListLocations")
async def list_locations(call: Call) -> aiohttp.web.Response:
    subscription = lookup.subscription(call)
    return answers.json(
        {
            "value": [
                {
                    "id": f"/subscriptions/{subscription}/locations/{name.replace(' ', '').lower()}",
                    "name": name.replace(" ", "").lower(),
                    "displayName": name,
                    "regionalDisplayName": name,
                    "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
                }
                for name in LOCATIONS
            ]
        }
    )


@routes.add("GET", "/subscriptions/{subscription}/resourceGroups", "ResourceGroups_List")
async def list_groups(call: Call) -> aiohttp.web.Response:
    lookup.subscription(call)
    return answers.json({"value": [_group(group) for group in call.simulator.world.groups.values()]})


@routes.add("GET", GROUP, "ResourceGroups_Get")
async def get_group(call: Call) -> aiohttp.web.Response:
    return answers.json(_group(lookup.group(call)))


@routes.add("HEAD", GROUP, "ResourceGroups_CheckExistence")
async def check_group(call: Call) -> aiohttp.web.Response:
    lookup.group(call)
    return answers.empty(status=204)


@routes.add("PUT", GROUP, "ResourceGroups_CreateOrUpdate")
async def put_group(call: Call) -> aiohttp.web.Response:
    lookup.subscription(call)
    location = call.members.get("location")
    if not isinstance(location, str) or not location:
        raise errors.ResourceManagerError(400, "LocationRequired", "The location property is required.")
    world = call.simulator.world
    group = world.group(call.parameters["group"])
    status = 200 if group else 201
    group = group or world.add_group(call.parameters["group"], location)
    group.tags = call.members.get("tags") or {}
    return answers.json(_group(group), status=status)


@routes.add("DELETE", GROUP, "ResourceGroups_Delete")
async def delete_group(call: Call) -> aiohttp.web.Response:
    group = lookup.group(call)
    simulator = call.simulator
    for site in [site for site in simulator.world.sites.values() if site.group is group]:
        await simulator.delete_site(site)
    for key in [key for key, plan in simulator.world.plans.items() if plan.group is group]:
        del simulator.world.plans[key]
    del simulator.world.groups[group.name.lower()]
    return answers.empty()


@routes.add("GET", f"{GROUP}/resources", "Resources_ListByResourceGroup")
async def list_resources(call: Call) -> aiohttp.web.Response:
    group = lookup.group(call)
    world = call.simulator.world
    plans = [(plan.id, plan.name, "Microsoft.Web/serverFarms", plan.location) for plan in world.plans.values()]
    slots = [(slot.id, slot.resource_name, slot.resource_type, slot.site.location) for slot in world.slots()]
    value = [
        {"id": identifier, "name": name, "type": kind, "location": location}
        for identifier, name, kind, location in plans + slots
        if identifier.lower().startswith(f"{group.id.lower()}/")
    ]
    return answers.json({"value": value})


@routes.add("GET", "/subscriptions/{subscription}/providers/{namespace}", "Providers_Get")
async def get_provider(call: Call) -> aiohttp.web.Response:
    return answers.json(_provider(call))


@routes.add("POST", "/subscriptions/{subscription}/providers/{namespace}/register", "Providers_Register")
async def register_provider(call: Call) -> aiohttp.web.Response:
    return answers.json(_provider(call))


def metadata(base: str) -> dict[str, Any]:
    """`/metadata/endpoints`: how az learns about a cloud. Needs no token."""
    return {
        "name": "AppServiceSimulator",
        "portal": base,
        "resourceManager": f"{base}/",
        "graphAudience": f"{base}/graph/",
        "graph": f"{base}/graph/",
        "microsoftGraphResourceId": f"{base}/graph/",
        "gallery": base,
        "batch": "https://batch.core.windows.net/",
        "media": "https://rest.media.azure.net",
        "appServiceResourceId": "https://appservice.azure.com",
        "authentication": {
            "loginEndpoint": base,
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": {
            "acrLoginServer": "azurecr.io",
            "keyVaultDns": "vault.azure.net",
            "mysqlServer": "mysql.database.azure.com",
            "postgresqlServer": "postgres.database.azure.com",
            "sqlServerHostname": "database.windows.net",
            "storage": "core.windows.net",
        },
    }


def _subscription(call: Call) -> dict[str, Any]:
    world = call.simulator.world
    return {
        "id": f"/subscriptions/{world.subscription}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": world.subscription,
        "tenantId": world.tenant,
        "displayName": "App Service simulator",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _group(group: ResourceGroup) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location.replace(" ", "").lower(),
        "tags": group.tags,
        "properties": {"provisioningState": "Succeeded"},
    }


def _provider(call: Call) -> dict[str, Any]:
    subscription = lookup.subscription(call)
    wanted = call.parameters["namespace"].lower()
    namespace = next((name for name in PROVIDERS if name.lower() == wanted), None)
    if namespace is None:
        raise errors.unknown_namespace(call.parameters["namespace"])
    types = [
        {"resourceType": kind, "locations": list(LOCATIONS), "apiVersions": list(API_VERSIONS)}
        for kind in PROVIDERS[namespace]
    ]
    return {
        "id": f"/subscriptions/{subscription}/providers/{namespace}",
        "namespace": namespace,
        "resourceTypes": types,
        "registrationState": "Registered",
    }
