"""Who may publish to an app and how, and the instances that run it.

https://learn.microsoft.com/rest/api/appservice/web-apps/list-publishing-credentials
"""

from xml.etree import ElementTree

import aiohttp.web

from app_service_simulator.arm import answers, errors, lookup
from app_service_simulator.arm.routes import Call, Routes
from app_service_simulator.slot import Slot

routes = Routes()


@routes.add_for_slots("GET", "/basicPublishingCredentialsPolicies/{policy}", "WebApps_GetPublishingCredentialsPolicy")
async def get_publishing_policy(call: Call) -> aiohttp.web.Response:
    return _publishing_policy(lookup.slot(call), _policy(call))


@routes.add_for_slots(
    "PUT", "/basicPublishingCredentialsPolicies/{policy}", "WebApps_UpdatePublishingCredentialsPolicy"
)
async def put_publishing_policy(call: Call) -> aiohttp.web.Response:
    slot, policy = lookup.slot(call), _policy(call)
    allow = call.properties.get("allow")
    if not isinstance(allow, bool):
        raise errors.bad_request("The parameter allow has an invalid value.", "51021")
    slot.basic_publishing_allowed[policy] = allow
    return _publishing_policy(slot, policy)


@routes.add_for_slots("POST", "/config/publishingcredentials/list", "WebApps_ListPublishingCredentials")
async def list_publishing_credentials(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    user, password = slot.publishing_user, slot.publishing_password
    return answers.json(
        {
            "id": f"{slot.id}/publishingcredentials/{user}",
            "name": slot.resource_name,
            "type": "Microsoft.Web/sites/publishingcredentials",
            "location": slot.site.location,
            "properties": {
                "name": None,
                "publishingUserName": user,
                "publishingPassword": password,
                "publishingPasswordHash": None,
                "publishingPasswordHashSalt": None,
                "metadata": None,
                "isDeleted": False,
                "scmUri": f"https://{user}:{password}@{slot.scm_host}",
            },
        }
    )


@routes.add_for_slots("POST", "/publishxml", "WebApps_ListPublishingProfileXmlWithSecrets")
async def publishing_profile(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    root = ElementTree.Element("publishData")
    for kind, method, address in (
        ("Web Deploy", "MSDeploy", f"{slot.scm_host}:443"),
        ("FTP", "FTP", f"ftps://{slot.host}/site/wwwroot"),
        ("Zip Deploy", "ZipDeploy", f"{slot.scm_host}:443"),
    ):
        ElementTree.SubElement(
            root,
            "publishProfile",
            profileName=f"{slot.label} - {kind}",
            publishMethod=method,
            publishUrl=address,
            msdeploySite=slot.label,
            userName=slot.publishing_user,
            userPWD=slot.publishing_password,
            destinationAppUrl=f"http://{slot.host}",
        )
    return aiohttp.web.Response(body=ElementTree.tostring(root), content_type="application/xml")


@routes.add_for_slots("GET", "/instances", "WebApps_ListInstanceIdentifiers")
async def list_instances(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    instances = [
        {
            "id": f"{slot.id}/instances/{worker.pid:064x}",
            "name": f"{worker.pid:064x}",
            "type": f"{slot.resource_type}/instances",
            "location": slot.site.location,
            "properties": {"name": f"{worker.pid:064x}", "state": "READY"},
        }
        for worker in slot.workers
        if worker.alive
    ]
    return answers.json({"value": instances, "nextLink": None, "id": None})


def _publishing_policy(slot: Slot, policy: str) -> aiohttp.web.Response:
    return answers.json(
        {
            "id": f"{slot.id}/basicPublishingCredentialsPolicies/{policy}",
            "name": policy,
            "type": f"{slot.resource_type}/basicPublishingCredentialsPolicies",
            "location": slot.site.location,
            "properties": {"allow": slot.basic_publishing_allowed[policy]},
        }
    )


def _policy(call: Call) -> str:
    policy = call.parameters["policy"].lower()
    if policy not in ("scm", "ftp"):
        raise errors.unknown_operation(call.request.method, call.path)
    return policy
