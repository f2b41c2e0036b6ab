"""Deployments through Resource Manager: OneDeploy, the history with its logs, deploymentStatus.

https://github.com/projectkudu/kudu/blob/master/Kudu.Services/Deployment/PushDeploymentController.cs
"""

from typing import Any

import aiohttp.web

from app_service_simulator import kudu_documents
from app_service_simulator.arm import answers, errors, lookup
from app_service_simulator.arm.routes import Call, Routes
from app_service_simulator.deployment_record import DeploymentRecord
from app_service_simulator.deployments import Package
from app_service_simulator.slot import Slot

routes = Routes()

RETRY_AFTER = 30.0
"""Azure seconds: Kudu's ArmRetryAfterSeconds."""

KNOWN = (
    "packageUri",
    "type",
    "path",
    "targetPath",
    "ignorestack",
    "clean",
    "restart",
    "async",
    "reset",
    "deploymentTag",
    "trackdeploymentprogress",
)
"""What Kudu reads from `properties`, and what az can send."""


@routes.add_for_slots("PUT", "/extensions/onedeploy", "WebApps_CreateOneDeployOperation")
async def one_deploy(call: Call) -> aiohttp.web.Response:
    slot = _slot_with_kudu(call)
    properties = call.properties
    for name in properties:
        if name not in KNOWN:
            raise errors.unknown_member(name, "OneDeploy")
    package = Package(
        kind=str(properties.get("type") or "").lower(),
        uri=properties.get("packageUri"),
        path=properties.get("path") or properties.get("targetPath"),
        clean=properties.get("clean"),
        restart=properties.get("restart") is not False,
        ignore_stack=bool(properties.get("ignorestack")),
    )
    record = call.simulator.deployments.begin(slot, package, call.order)
    response = _pending(call, slot, record, "latest")
    if properties.get("trackdeploymentprogress"):
        response.headers["SCM-DEPLOYMENT-ID"] = record.id
    return response


@routes.add_for_slots("GET", "/extensions/onedeploy", "WebApps_GetOneDeployStatus")
async def one_deploy_status(call: Call) -> aiohttp.web.Response:
    slot = _slot_with_kudu(call)
    return answers.json(_document(slot, _record(call, slot, "latest")))


@routes.add_for_slots("GET", "/deployments", "WebApps_ListDeployments")
async def list_deployments(call: Call) -> aiohttp.web.Response:
    slot = _slot_with_kudu(call)
    newest_first = reversed(slot.content.deployments)
    return answers.json({"value": [_document(slot, record) for record in newest_first], "nextLink": None})


@routes.add_for_slots("GET", "/deployments/{deployment}", "WebApps_GetDeployment")
async def get_deployment(call: Call) -> aiohttp.web.Response:
    slot = _slot_with_kudu(call)
    wanted = call.parameters["deployment"]
    record = _record(call, slot, wanted)
    if wanted.lower() == "latest" and not record.status.finished:
        return _pending(call, slot, record, "latest")
    return answers.json(_document(slot, record))


@routes.add_for_slots("GET", "/deployments/{deployment}/log", "WebApps_ListDeploymentLog")
async def deployment_log(call: Call) -> aiohttp.web.Response:
    slot = _slot_with_kudu(call)
    record = _record(call, slot, call.parameters["deployment"])
    entries = [
        {"id": f"{slot.id}/deployments/{record.id}/log/{entry['id']}", "properties": entry}
        for entry in kudu_documents.log(record)
    ]
    return answers.json({"value": entries, "nextLink": None})


@routes.add_for_slots("GET", "/deploymentStatus/{deployment}", "WebApps_GetProductionSiteDeploymentStatus")
async def deployment_status(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    record = _record(call, slot, call.parameters["deployment"])
    status = record.runtime_status
    failed = status.endswith("Failed")
    properties = {
        "deploymentId": record.id,
        "status": status,
        "numberOfInstancesInProgress": int(status == "RuntimeStarting"),
        "numberOfInstancesSuccessful": int(status == "RuntimeSuccessful"),
        "numberOfInstancesFailed": int(status == "RuntimeFailed"),
        "failedInstancesLogs": [],
        "errors": [{"extendedCode": "59914", "message": record.log[-1].message}] if failed else None,
    }
    return answers.json(
        {
            "id": f"{slot.id}/deploymentStatus/{record.id}",
            "name": record.id,
            "type": f"{slot.resource_type}/deploymentStatus",
            "location": slot.site.location,
            "properties": properties,
        }
    )


def _slot_with_kudu(call: Call) -> Slot:
    slot = lookup.slot(call)
    if not slot.running and slot.scm_site_also_stopped:
        raise errors.AppServiceError(403, "Forbidden", "The SCM site of this app is stopped.")
    return slot


def _record(call: Call, slot: Slot, wanted: str) -> DeploymentRecord:
    record = call.simulator.deployments.find(slot, wanted)
    if record is None:
        raise errors.PlainError(404, f"Deployment '{wanted}' not found.")
    return record


def _document(slot: Slot, record: DeploymentRecord) -> dict[str, Any]:
    return {
        "id": f"{slot.id}/deployments/{record.id}",
        "name": record.id,
        "type": f"{slot.resource_type}/deployments",
        "location": slot.site.location,
        "properties": kudu_documents.deployment(slot, record),
    }


def _pending(call: Call, slot: Slot, record: DeploymentRecord, wanted: str) -> aiohttp.web.Response:
    response = answers.json(_document(slot, record), status=202)
    time = f"{record.received:%Y-%m-%d_%H-%M-%SZ}"
    version = call.query["api-version"]
    response.headers["Location"] = (
        f"{call.base}{slot.id}/deployments/{wanted}?api-version={version}&deployer={record.deployer}&time={time}"
    )
    response.headers["Retry-After"] = answers.retry_after(call, RETRY_AFTER)
    return response
