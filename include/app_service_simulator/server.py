"""The HTTPS port: Resource Manager, Entra ID, Azure Monitor, Kudu by its host names, and the simulator's controls."""

import json
import logging
import re
from typing import Any

import aiohttp.web

from app_service_simulator import control, kudu
from app_service_simulator.arm import (
    answers,
    configuration,
    deployments,
    errors,
    monitor,
    plans,
    publishing,
    sites,
    stacks,
    subscriptions,
    swaps,
)
from app_service_simulator.arm.routes import Call, Routes
from app_service_simulator.entra import APP_SERVICE_AUDIENCE, ARM_AUDIENCES, InvalidRequest
from app_service_simulator.faults import error_of
from app_service_simulator.simulator import Simulator

log = logging.getLogger(__name__)

LARGEST_BODY = 512 * 1024 * 1024
"""Bytes; a package pushed to Kudu is kept in memory."""

SHUTDOWN_LIMIT = 1.0
"""Real seconds for answers under way when the server stops."""

_DISCOVERY = re.compile(r"/([^/]+)(?:/v2\.0)?/\.well-known/openid-configuration", re.IGNORECASE)
_TOKEN = re.compile(r"/([^/]+)/oauth2/v2\.0/token", re.IGNORECASE)
_API_VERSION = re.compile(r"20\d\d-[01]\d-[0-3]\d(-preview)?", re.IGNORECASE)


class Server:
    """Answers on one HTTPS port of 127.0.0.1 and keeps the journal of it."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._control = control.Control(simulator)
        self._runner: aiohttp.web.AppRunner | None = None
        self._routes = Routes()
        for module in (subscriptions, plans, sites, configuration, swaps, deployments, monitor, publishing, stacks):
            self._routes.include(module.routes)

    async def start(self, port: int) -> int:
        """Listens and returns the port; 0 takes any free one."""
        application = aiohttp.web.Application(client_max_size=LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = aiohttp.web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_LIMIT)
        await self._runner.setup()
        tls = self._simulator.certificates.server_context()
        await aiohttp.web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=tls).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stops listening."""
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        path = re.sub(r"/{2,}", "/", request.path).rstrip("/") or "/"
        if path.startswith("/_simulator"):
            return await self._control.answer(request, path)
        visit = _Visit(request, path)
        try:
            response = await self._route(visit)
        except errors.AzureError as error:
            response = error.response()
        except aiohttp.web.HTTPException:
            raise
        except Exception:
            log.exception("%s %s", request.method, path)
            failure = errors.AppServiceError(500, "InternalServerError", "The simulator failed; see its log.")
            response = failure.response()
        now = self._simulator.clock.now()
        answers.decorate(response, request, now)
        self._simulator.journal.record(
            at=now.isoformat(),
            method=request.method,
            path=path,
            status=response.status,
            operation=visit.operation,
            principal=visit.principal,
        )
        return response

    async def _route(self, visit: "_Visit") -> aiohttp.web.StreamResponse:
        request, path = visit.request, visit.path
        slot = self._simulator.world.slot_by_host(request.host, scm=True)
        if slot is not None:
            return await self._kudu(visit)
        if ".scm." in request.host:
            raise errors.PlainError(404, "404 Web Site not found.")
        if path.lower() == "/metadata/endpoints":
            visit.operation = "Metadata_Endpoints"
            return answers.json(subscriptions.metadata(f"https://{request.host}"))
        if _DISCOVERY.fullmatch(path) or _TOKEN.fullmatch(path):
            return await self._entra(visit)
        return await self._resource_manager(visit)

    async def _entra(self, visit: "_Visit") -> aiohttp.web.Response:
        request, entra = visit.request, self._simulator.entra
        authority = f"https://{request.host}"
        discovery, token = _DISCOVERY.fullmatch(visit.path), _TOKEN.fullmatch(visit.path)
        try:
            if discovery:
                visit.operation = "Entra_Discovery"
                return answers.json(entra.discovery(authority, discovery.group(1)))
            visit.operation = "Entra_Token"
            if request.method != "POST":
                raise errors.method_not_allowed(request.method)
            form = {name: str(value) for name, value in (await request.post()).items()}
            assert token is not None
            answer = entra.issue(authority, token.group(1), form)
            visit.principal = entra.client_id
            return answers.json(answer)
        except InvalidRequest as refusal:
            return answers.json(refusal.body(self._simulator.clock.now()), status=refusal.status)

    async def _resource_manager(self, visit: "_Visit") -> aiohttp.web.StreamResponse:
        request = visit.request
        visit.principal = self._principal(visit, (*ARM_AUDIENCES, f"https://{request.host}"))
        call = Call(request, visit.path, self._simulator, visit.principal)
        version = call.query.get("api-version")
        if not version:
            raise errors.missing_api_version()
        if not _API_VERSION.fullmatch(version):
            raise errors.invalid_api_version(version)
        return await self._carry_out(visit, call, self._routes)

    async def _kudu(self, visit: "_Visit") -> aiohttp.web.StreamResponse:
        request = visit.request
        slot = self._simulator.world.slot_by_host(request.host, scm=True)
        assert slot is not None
        if not slot.running and slot.scm_site_also_stopped:
            raise errors.PlainError(403, "Site Disabled")
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            visit.principal = kudu.check_basic(slot, credentials)
        elif scheme.lower() == "bearer":
            visit.principal = self._principal(visit, (*ARM_AUDIENCES, APP_SERVICE_AUDIENCE))
        else:
            raise kudu.unauthorised()
        call = Call(request, visit.path, self._simulator, visit.principal)
        return await self._carry_out(visit, call, kudu.routes)

    async def _carry_out(self, visit: "_Visit", call: Call, routes: Routes) -> aiohttp.web.StreamResponse:
        route, call.parameters = routes.find(visit.request.method, visit.path)
        visit.operation = route.operation
        fault = self._simulator.faults.take(route.operation)
        if fault and not fault.carried_out:
            raise error_of(fault)
        if routes is not kudu.routes:
            call.body = await _json_body(visit.request)
        response = await route.handler(call)
        if fault:
            raise error_of(fault)
        return response

    def _principal(self, visit: "_Visit", audiences: tuple[str, ...]) -> str:
        """Who the bearer token belongs to; 401 without a valid one for one of the audiences."""
        authority, tenant = f"https://{visit.request.host}", self._simulator.world.tenant
        scheme, _, text = visit.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise errors.invalid_token(
                authority,
                tenant,
                "Authentication failed. The 'Authorization' header is missing.",
                code="AuthenticationFailed",
            )
        token = self._simulator.entra.token(text.strip())
        if token is None:
            raise errors.invalid_token(authority, tenant, "The access token is invalid.")
        if token.expires <= self._simulator.clock.now():
            raise errors.invalid_token(
                authority, tenant, "The access token expiry UTC time has passed.", code="ExpiredAuthenticationToken"
            )
        if token.audience not in audiences:
            raise errors.invalid_token(
                authority,
                tenant,
                f"The access token has been obtained for wrong audience or resource '{token.audience}'.",
                code="InvalidAuthenticationTokenAudience",
            )
        return token.principal


class _Visit:
    """One request and what the journal will say of it."""

    def __init__(self, request: aiohttp.web.Request, path: str) -> None:
        self.request, self.path = request, path
        self.operation = "unknown"
        self.principal: str | None = None


async def _json_body(request: aiohttp.web.Request) -> Any:
    text = await request.text()
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise errors.invalid_content(str(error)) from None
