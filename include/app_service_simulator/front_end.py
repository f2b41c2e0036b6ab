"""The front end: what visitors talk to. Finds the app by the Host header and passes the request to a worker."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import hdrs, web

from app_service_simulator import pages
from app_service_simulator.clock import Clock
from app_service_simulator.forwarding import HEADER_LIMIT, Forwarder, NotDelivered, Visit, WorkerLost, WorkerSilent
from app_service_simulator.quirks import Quirks
from app_service_simulator.routing import (
    COOKIE_LIFE,
    ROUTING_NAME,
    TO_PRODUCTION,
    Decision,
    Rule,
    cookie_value,
    decide,
    set_cookie,
)
from app_service_simulator.traffic import SlotKey, TrafficLog
from app_service_simulator.workers import LOOPBACK, POLL_INTERVAL, Worker

COLD_START_LIMIT = 30.0
"""Real seconds a request is held for a worker that is starting. App Service waits 230 s
(WEBSITES_CONTAINER_START_TIME_LIMIT); shorter, because no image is pulled here, and not shortened by the
simulator's speed, because processes start at the machine's pace."""

SHUTDOWN_LIMIT = 1.0
"""Real seconds for answers under way when the front end stops; nobody waits longer for a simulator to end."""


@dataclass(frozen=True)
class HostView:
    """What a host name stands for at this moment.

    `key`: site name and slot name (or "production"), what its traffic is counted under.
    `running`: if not, visitors get the 403 page.
    `production`: only a production host's requests are split by `rules`.
    `workers`: usually one; during a cut-over two, and each request goes to a random one. Empty while the app
    starts: requests are held until there is one.
    """

    key: SlotKey
    running: bool
    production: bool
    workers: tuple[Worker, ...]
    rules: tuple[Rule, ...] = ()


class Directory(Protocol):
    """Knows which app answers to which host name."""

    def view(self, host: str) -> HostView | None:
        """What `host` (any case, without port) stands for; None when no app has it. Asked once or more per
        request, so it must be quick."""


class FrontEnd:
    """Serves every app's visitors on one port. `start` and `stop` once each."""

    def __init__(self, directory: Directory, traffic: TrafficLog, clock: Clock, quirks: Quirks) -> None:
        self._directory = directory
        self._traffic = traffic
        self._clock = clock
        self._quirks = quirks
        self._former_rules: dict[SlotKey, dict[str, Rule]] = {}
        self._dice = random.Random()  # noqa: S311 - App Service's dice are no secret either
        self._forwarder: Forwarder | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, port: int) -> int:
        """Listens on 127.0.0.1 and returns the port; 0 takes any free one. OSError when it is taken."""
        self._forwarder = Forwarder()
        # A visitor who goes away ends the request to the worker too (handler_cancellation).
        server = web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_LIMIT)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, port)
        try:
            await site.start()
        except OSError:
            await self.stop()
            raise
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stops listening and closes all connections."""
        if self._runner:
            await self._runner.cleanup()
        if self._forwarder:
            await self._forwarder.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        began = loop.time()
        visit = Visit()
        try:
            return await self._answer(request, visit)
        finally:
            # Also when the visitor has left half-way, which cancels this task.
            if visit.key is not None and visit.status is not None:
                self._traffic.record(
                    visit.key,
                    when=self._clock.now(),
                    status=visit.status,
                    seconds=loop.time() - began,
                    bytes_received=request.content.total_bytes if request.body_exists else 0,
                    bytes_sent=visit.bytes_sent,
                    host=_host(request),
                    method=request.method,
                    path=request.path,
                    role=visit.role,
                    user_agent=request.headers.get(hdrs.USER_AGENT, ""),
                )

    async def _answer(self, request: web.BaseRequest, visit: Visit) -> web.StreamResponse:
        host = _host(request)
        view = self._directory.view(host)
        if view is None:
            return _page(404, pages.NOT_FOUND, visit)
        decision = self._decide(request, view) if view.production else TO_PRODUCTION
        life = self._clock.shorten(COOKIE_LIFE)
        cookies = [set_cookie(name, value, host=host, life=life) for name, value in decision.cookies]
        counted_on = view.key
        if decision.rule is not None:
            host = decision.rule.action_host_name.lower()
            view = self._directory.view(host)
            if view is None:
                return _page(404, pages.NOT_FOUND, visit, cookies)
            if self._quirks.rerouted_requests_count_on_the_slot:
                counted_on = view.key
        visit.key = counted_on
        return await self._serve(request, host, view, cookies, visit)

    def _decide(self, request: web.BaseRequest, view: HostView) -> Decision:
        pinned = cookie_value(request.headers.get(hdrs.COOKIE, ""), ROUTING_NAME)
        if view.rules:
            self._former_rules.setdefault(view.key, {}).update({rule.name: rule for rule in view.rules})
        elif pinned is None:
            return TO_PRODUCTION
        return decide(
            view.rules,
            asked=request.query.get(ROUTING_NAME),
            pinned=pinned,
            roll=self._dice.random() * 100,
            former=(self._former_rules.get(view.key) if self._quirks.cookie_without_rule_is_honoured else None),
            unknown_is_rerolled=self._quirks.unknown_cookie_value_is_rerolled,
        )

    async def _serve(
        self, request: web.BaseRequest, host: str, view: HostView | None, cookies: Sequence[str], visit: Visit
    ) -> web.StreamResponse:
        """Has one of the host's workers answer, holding the request while none is there."""
        deadline = asyncio.get_running_loop().time() + COLD_START_LIMIT
        while view is not None:
            if not view.running:
                if not self._quirks.stopped_403_counts_as_request:
                    visit.key = None
                return _page(403, pages.STOPPED, visit, cookies)
            worker = self._pick(view.workers)
            if worker is not None:
                visit.role = self._role(worker, host)
                with contextlib.suppress(NotDelivered):
                    return await self._deliver(request, worker, cookies, visit)
            elif view.workers and not any(worker.stopping for worker in view.workers):
                break
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(POLL_INTERVAL)
            view = self._directory.view(host)
        else:
            visit.key = None
            return _page(404, pages.NOT_FOUND, visit, cookies)
        return _page(503, pages.UNAVAILABLE, visit, cookies)

    def _pick(self, workers: tuple[Worker, ...]) -> Worker | None:
        accepting = [worker for worker in workers if worker.accepting]
        return self._dice.choice(accepting) if accepting else None

    def _role(self, worker: Worker, host: str) -> str:
        """What the app at `host` calls itself in Application Insights: what its settings say, else as the switch
        `role_name_has_the_slot` says."""
        settings = worker.launch.settings
        label = host.partition(".")[0]
        default = label if self._quirks.role_name_has_the_slot else settings.get("WEBSITE_SITE_NAME", label)
        return settings.get("OTEL_SERVICE_NAME") or default

    async def _deliver(
        self, request: web.BaseRequest, worker: Worker, cookies: Sequence[str], visit: Visit
    ) -> web.StreamResponse:
        assert self._forwarder is not None
        upgrade = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
        forward = self._forwarder.forward_websocket if upgrade else self._forwarder.forward
        worker.begin()
        try:
            return await forward(request, worker, cookies, visit)
        except WorkerLost:
            return _page(502, pages.BAD_GATEWAY, visit, cookies)
        except WorkerSilent:
            return _page(504, pages.TIMED_OUT, visit, cookies)
        finally:
            worker.end()


def _host(request: web.BaseRequest) -> str:
    """The host that the visitor asked for, without its port."""
    return request.headers.get(hdrs.HOST, "").partition(":")[0].lower()


def _page(status: int, body: bytes, visit: Visit, cookies: Sequence[str] = ()) -> web.StreamResponse:
    visit.status = status
    visit.role = None
    visit.bytes_sent = len(body)
    response = web.Response(status=status, body=body, content_type="text/html", charset="utf-8")
    for cookie in cookies:
        response.headers.add(hdrs.SET_COOKIE, cookie)
    return response
