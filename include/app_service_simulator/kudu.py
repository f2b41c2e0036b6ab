"""Kudu, the deployment service at an app's scm host: push deployments and their history.

https://github.com/projectkudu/kudu/wiki/REST-API
"""

import base64
import json
import secrets

import aiohttp.web

from app_service_simulator import kudu_documents
from app_service_simulator.arm.answers import retry_after
from app_service_simulator.arm.errors import PlainError
from app_service_simulator.arm.routes import Call, Routes
from app_service_simulator.deployments import Package
from app_service_simulator.slot import Slot

routes = Routes()

RETRY_AFTER = 30.0
"""Azure seconds: Kudu's ArmRetryAfterSeconds."""


@routes.add("POST", "/api/publish", "Kudu_OneDeploy")
@routes.add("PUT", "/api/publish", "Kudu_OneDeploy")
async def publish(call: Call) -> aiohttp.web.Response:
    asynchronous = _flag(call, "async") or False
    return await _push(call, call.query.get("type", "").lower(), "OneDeploy", asynchronous=asynchronous)


@routes.add("POST", "/api/zipdeploy", "Kudu_ZipDeploy")
@routes.add("PUT", "/api/zipdeploy", "Kudu_ZipDeploy")
async def zip_deploy(call: Call) -> aiohttp.web.Response:
    return await _push(call, "zip", "ZipDeploy", asynchronous=_flag(call, "isAsync") or False)


@routes.add("GET", "/api/deployments", "Kudu_ListDeployments")
async def list_deployments(call: Call) -> aiohttp.web.Response:
    slot = _slot(call)
    history = [kudu_documents.deployment(slot, record) for record in reversed(slot.content.deployments)]
    return aiohttp.web.json_response(history)


@routes.add("GET", "/api/deployments/{deployment}", "Kudu_GetDeployment")
async def get_deployment(call: Call) -> aiohttp.web.Response:
    slot = _slot(call)
    wanted = call.parameters["deployment"]
    record = call.simulator.deployments.find(slot, wanted)
    if record is None:
        raise PlainError(404, f"Deployment '{wanted}' not found.")
    response = aiohttp.web.json_response(kudu_documents.deployment(slot, record))
    if not record.status.finished:
        response.set_status(202)
        response.headers["Location"] = f"{call.base}{call.request.rel_url}"
    return response


@routes.add("GET", "/api/deployments/{deployment}/log", "Kudu_GetDeploymentLog")
async def get_log(call: Call) -> aiohttp.web.Response:
    record = call.simulator.deployments.find(_slot(call), call.parameters["deployment"])
    if record is None:
        raise PlainError(404, f"Deployment '{call.parameters['deployment']}' not found.")
    return aiohttp.web.json_response(kudu_documents.log(record))


def check_basic(slot: Slot, credentials: str) -> str:
    """The publishing user that Basic `credentials` (base64) prove; 401 if they do not, or are not allowed."""
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        user = password = ""
    right = secrets.compare_digest(password.encode(), slot.publishing_password.encode())
    if not (right and user == slot.publishing_user and slot.basic_publishing_allowed["scm"]):
        raise unauthorised()
    return user


def unauthorised() -> PlainError:
    return PlainError(401, "Unauthorized", headers={"WWW-Authenticate": 'Basic realm="site"'})


async def _push(call: Call, kind: str, deployer: str, *, asynchronous: bool) -> aiohttp.web.Response:
    slot = _slot(call)
    content: bytes | None = await call.request.read()
    uri = None
    if call.request.content_type == "application/json":
        content, uri = None, _package_uri(content or b"")
    package = Package(
        kind=kind,
        content=content,
        uri=uri,
        path=call.query.get("path"),
        clean=_flag(call, "clean"),
        restart=_flag(call, "restart") is not False,
        ignore_stack=_flag(call, "ignorestack") or False,
        deployer=deployer,
    )
    deployments = call.simulator.deployments
    record = deployments.begin(slot, package, call.order)
    if asynchronous:
        time = f"{record.received:%Y-%m-%d_%H-%M-%SZ}"
        headers = {
            "Location": f"{call.base}/api/deployments/latest?deployer={deployer}&time={time}",
            "SCM-DEPLOYMENT-ID": record.id,
            "Retry-After": retry_after(call, RETRY_AFTER),
        }
        return aiohttp.web.Response(status=202, headers=headers)
    await deployments.wait(slot)
    if record.status.provisioning_state == "Failed":
        raise PlainError(400, record.status_text)
    return aiohttp.web.Response(status=200, headers={"SCM-DEPLOYMENT-ID": record.id})


def _package_uri(body: bytes) -> str | None:
    try:
        uri = json.loads(body)["packageUri"]
    except (ValueError, KeyError, TypeError):
        raise PlainError(400, "A JSON body has to name a packageUri.") from None
    return str(uri)


def _flag(call: Call, name: str) -> bool | None:
    text = call.query.get(name.lower(), "").lower()
    return {"true": True, "false": False}.get(text)


def _slot(call: Call) -> Slot:
    slot = call.simulator.world.slot_by_host(call.request.host, scm=True)
    assert slot is not None  # the server has chosen Kudu by this host
    return slot
