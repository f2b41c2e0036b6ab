"""The HTTPS port: Resource Manager, Entra ID, Azure Monitor, Log Analytics, Prometheus, Kudu by its host names, and the
simulator's controls."""

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
from app_service_simulator.arm.actions import PUBLISH, SITES, SLOTS, action_of
from app_service_simulator.arm.routes import Call, Route, Routes
from app_service_simulator.entra import (
    APP_SERVICE_AUDIENCE,
    ARM_AUDIENCES,
    LOG_ANALYTICS_AUDIENCES,
    InvalidRequest,
)
from app_service_simulator.faults.acting import Acting, Dropped, FaultImpossible, Perform
from app_service_simulator.faults.kinds import is_read
from app_service_simulator.journal import Entry
from app_service_simulator.listening import Listening
from app_service_simulator.log_analytics import errors as log_errors
from app_service_simulator.log_analytics import service as log_analytics
from app_service_simulator.prometheus import errors as prometheus_errors
from app_service_simulator.prometheus import service as prometheus
from app_service_simulator.simulator import Simulator
from app_service_simulator.visit import Visit

log = logging.getLogger(__name__)

LARGEST_BODY = 512 * 1024 * 1024
"""Bytes; a package pushed to Kudu is kept in memory."""

RESOURCE_MANAGER = (subscriptions, plans, sites, configuration, swaps, deployments, monitor, publishing, stacks)
"""Where Resource Manager's operations are."""

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
        application = aiohttp.web.Application(client_max_size=LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = aiohttp.web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_LIMIT)
        self._listening = Listening(self._runner, simulator.certificates.server_context())
        self._acting = Acting(simulator, self._listening, self._entry)
        self._routes = Routes()
        for module in RESOURCE_MANAGER:
            self._routes.include(module.routes)

    async def start(self, port: int) -> int:
        """Listens and returns the port; 0 takes any free one."""
        await self._runner.setup()
        return await self._listening.start(port)

    async def stop(self) -> None:
        """Stops listening."""
        await self._listening.stop()
        await self._runner.cleanup()

    async def _answer(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        path = re.sub(r"/{2,}", "/", request.path).rstrip("/") or "/"
        if path.startswith("/_simulator"):
            return await self._control.answer(request, path)
        visit = Visit(request, path, self._simulator.clock.now(), caller=self._simulator.callers.pid(request))
        try:
            response = await self._answer_azure(visit)
        except Dropped:
            self._simulator.journal.record(self._entry(visit))
            return aiohttp.web.Response()  # nobody is there to read it
        answers.decorate(response, request, self._simulator.clock.now())
        self._simulator.journal.record(self._entry(visit, response.status))
        return response

    async def _answer_azure(self, visit: Visit) -> aiohttp.web.StreamResponse:
        """The answer to anything but the controls, errors included; Dropped if there is to be none."""
        try:
            return await self._route(visit)
        except errors.AzureError as error:
            return error.response()
        except FaultImpossible as failure:
            log.error("%s %s: %s", visit.request.method, visit.path, failure)
            sentence = f"The simulator's fault cannot act: {failure}."
        except (Dropped, aiohttp.web.HTTPException):
            raise
        except Exception:
            log.exception("%s %s", visit.request.method, visit.path)
            sentence = "The simulator failed; see its log."
        return errors.AppServiceError(500, "InternalServerError", sentence).response()

    def _entry(self, visit: Visit, status: int | None = None) -> Entry:
        """What the journal says of a call: all that is known at this moment."""
        return Entry(
            began=visit.began.isoformat(),
            ended=self._simulator.clock.now().isoformat(),
            method=visit.request.method,
            path=visit.path,
            status=status,
            operation=visit.operation,
            action=visit.action,
            principal=visit.principal,
            app=visit.app,
            caller=visit.caller,
            fault=visit.order.as_json() if visit.order else None,
            changed=visit.before != visit.after,
            before=visit.before,
            after=visit.after,
        )

    async def _route(self, visit: Visit) -> aiohttp.web.StreamResponse:
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
        if path.startswith(f"{log_analytics.VERSION}/"):
            return await self._log_analytics(visit)
        if f"{path}/".startswith(f"{prometheus.BASE}/"):
            return await self._prometheus(visit)
        return await self._resource_manager(visit)

    async def _entra(self, visit: Visit) -> aiohttp.web.StreamResponse:
        request, entra = visit.request, self._simulator.entra
        discovery, token = _DISCOVERY.fullmatch(visit.path), _TOKEN.fullmatch(visit.path)
        form = {name: str(value) for name, value in (await request.post()).items()}
        visit.operation = "Entra_Discovery" if discovery else "Entra_Token"

        async def perform() -> aiohttp.web.StreamResponse:
            try:
                if discovery:
                    return answers.json(entra.discovery(visit.authority, discovery.group(1)))
                if request.method != "POST":
                    raise errors.method_not_allowed(request.method)
                assert token is not None
                answer = entra.issue(visit.authority, token.group(1), form)
            except InvalidRequest as refusal:
                return answers.json(refusal.body(self._simulator.clock.now()), status=refusal.status)
            visit.principal = entra.client_id
            return answers.json(answer)

        return await self._under_faults(visit, perform)

    async def _resource_manager(self, visit: Visit) -> aiohttp.web.StreamResponse:
        request = visit.request
        visit.principal = self._principal(visit, (*ARM_AUDIENCES, visit.authority))
        call = Call(request, visit.path, self._simulator, visit.principal)
        version = call.query.get("api-version")
        if not version:
            raise errors.missing_api_version()
        if not _API_VERSION.fullmatch(version):
            raise errors.invalid_api_version(version)
        return await self._carry_out(visit, call, self._routes)

    async def _log_analytics(self, visit: Visit) -> aiohttp.web.StreamResponse:
        try:
            visit.principal = self._principal(visit, (*LOG_ANALYTICS_AUDIENCES, visit.authority))
            call = Call(visit.request, visit.path, self._simulator, visit.principal)
            return await self._carry_out(visit, call, log_analytics.routes)
        except errors.ResourceManagerError as error:
            raise log_errors.translated(error) from None

    async def _prometheus(self, visit: Visit) -> aiohttp.web.StreamResponse:
        if visit.path != prometheus.PATH:
            raise prometheus_errors.PrometheusError(404, f"the simulator has {prometheus.PATH} only")
        visit.operation = prometheus.OPERATION
        call = Call(visit.request, visit.path, self._simulator, principal="")

        async def perform() -> aiohttp.web.StreamResponse:
            call.order = visit.order
            return await prometheus.query(call)

        return await self._under_faults(visit, perform)

    async def _kudu(self, visit: Visit) -> aiohttp.web.StreamResponse:
        request = visit.request
        slot = self._simulator.world.slot_by_host(request.host, scm=True)
        assert slot is not None
        visit.app = slot.site.name
        if not slot.running and slot.scm_site_also_stopped:
            raise errors.PlainError(403, "Site Disabled")
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            visit.principal = kudu.check_basic(slot, credentials)
        elif scheme.lower() == "bearer":
            visit.principal = self._principal(visit, (*ARM_AUDIENCES, APP_SERVICE_AUDIENCE))
            visit.action = (SITES if slot.is_production else SLOTS) + PUBLISH
        else:
            raise kudu.unauthorised()
        call = Call(request, visit.path, self._simulator, visit.principal)
        return await self._carry_out(visit, call, kudu.routes)

    async def _carry_out(self, visit: Visit, call: Call, routes: Routes) -> aiohttp.web.StreamResponse:
        route, call.parameters = routes.find(visit.request.method, visit.path)
        visit.operation = route.operation
        visit.app = call.parameters.get("site", visit.app)
        if routes is not kudu.routes:
            visit.action = action_of(route.operation)
            call.body = await _json_body(visit.request)
            if visit.action and "{table}" in visit.action:
                visit.action = visit.action.replace("{table}", log_analytics.table_of(call.body))
        return await self._under_faults(visit, lambda: self._perform(visit, call, route))

    def _authorise(self, visit: Visit) -> None:
        """403 if the roles do not have the action. That comes before the question whether the thing exists."""
        if visit.action is None or self._simulator.roles.allow(visit.action):
            return
        if visit.operation.startswith("Kudu_"):
            raise errors.PlainError(403, f"Forbidden: {visit.action} is needed.")
        if visit.operation.startswith("LogsQuery_"):
            raise log_errors.no_access(visit.action)
        raise errors.authorization_failed(visit.principal or "", visit.action, visit.scope)

    async def _perform(self, visit: Visit, call: Call, route: Route) -> aiohttp.web.StreamResponse:
        """Carries a call out; of a write it is noted what the app was like before and after."""
        self._authorise(visit)
        call.order = visit.order
        site = self._simulator.world.sites.get((visit.app or "").lower())
        if site is None or is_read(route.operation, route.method):
            return await route.handler(call)
        twin = site.twin()
        visit.before = self._simulator.effects.look(site.name)
        try:
            response = await route.handler(call)
        finally:
            visit.after = self._simulator.effects.look(site.name)
        site.former = twin
        return response

    async def _under_faults(self, visit: Visit, perform: Perform) -> aiohttp.web.StreamResponse:
        """Carries a call out, unless and until a fault has it otherwise."""
        visit.order = self._simulator.faults.take(visit.operation, visit.request.method, visit.path, visit.app)
        if visit.order is None:
            return await perform()
        return await self._acting.meet(visit.order.fault, visit, perform)

    def _principal(self, visit: Visit, audiences: tuple[str, ...]) -> str:
        """Who the bearer token belongs to; 401 without a valid one for one of the audiences."""
        authority, tenant = visit.authority, self._simulator.world.tenant
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
            raise errors.expired_token(authority, tenant)
        if token.audience not in audiences:
            raise errors.invalid_token(
                authority,
                tenant,
                f"The access token has been obtained for wrong audience or resource '{token.audience}'.",
                code="InvalidAuthenticationTokenAudience",
            )
        return token.principal


async def _json_body(request: aiohttp.web.Request) -> Any:
    text = await request.text()
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise errors.invalid_content(str(error)) from None
