"""What a fault does to a call: answers in its place, breaks its connection, or lets other things happen."""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import aiohttp
import aiohttp.web

from app_service_simulator.arm import errors
from app_service_simulator.effects import LANDED
from app_service_simulator.faults.fault import Fault
from app_service_simulator.faults.kinds import BEFORE, HEEDED_BY_OPERATIONS
from app_service_simulator.faults.replies import REPLIES, reply
from app_service_simulator.journal import Entry
from app_service_simulator.listening import Listening
from app_service_simulator.simulator import Simulator
from app_service_simulator.visit import Visit

CLIENT_WATCH_INTERVAL = 0.05
"""Real seconds between looks whether a client that gets no answer has gone."""

Perform = Callable[[], Awaitable[aiohttp.web.StreamResponse]]
Tell = Callable[[Visit], Entry]


class Dropped(Exception):
    """The connection was broken: there is nothing to answer on."""


class FaultImpossible(Exception):
    """A fault could not do what was ordered; the call is answered with this sentence, so that it is seen."""


class Acting:
    """Lets a fault act on a call. `tell` gives the journal entry of a call, as it stands, to a callback."""

    def __init__(self, simulator: Simulator, listening: Listening, tell: Tell) -> None:
        self._simulator, self._listening, self._tell = simulator, listening, tell

    async def meet(self, fault: Fault, visit: Visit, perform: Perform) -> aiohttp.web.StreamResponse:
        """The answer to a call that meets the fault; `perform` does what was asked. Raises Dropped without one."""
        if fault.do in HEEDED_BY_OPERATIONS:
            return await perform()
        if fault.do == "late_effect":
            self._perform_later(fault, visit, perform)
            fault = fault.model_copy(update={"do": fault.option("answer"), "seconds": None})
        if fault.moment == BEFORE:
            return await self._act(fault, visit, None) or await perform()
        try:
            answer = await perform()
        except errors.AzureError as error:
            answer = error.response()
        return await self._act(fault, visit, answer) or answer

    async def _act(
        self, fault: Fault, visit: Visit, answer: aiohttp.web.StreamResponse | None
    ) -> aiohttp.web.StreamResponse | None:
        if fault.do in REPLIES or fault.do == "not_json":
            return reply(fault, visit, self._simulator.world.tenant)
        match fault.do:
            case "slow":
                await asyncio.sleep(fault.option("seconds"))
            case "callback":
                await self._call_back(fault, visit)
            case "kill":
                kill(fault, visit)
                raise self._dropped(visit)
            case "reset":
                raise self._dropped(visit)
            case "refused":
                self._listening.refuse(fault.option("seconds"))
                raise self._dropped(visit)
            case "hang":
                await _until_gone(visit.request, fault.option("seconds"))
                raise self._dropped(visit)
            case "truncated":
                await _send_half(visit.request, answer)
                raise self._dropped(visit, reset=False)
        return None

    def _perform_later(self, fault: Fault, visit: Visit, perform: Perform) -> None:
        effects, clock = self._simulator.effects, self._simulator.clock
        if visit.app is None:
            raise FaultImpossible(f"{visit.operation} is about no app, so that it cannot take effect later")
        app = visit.app

        async def land() -> None:
            began, failure = clock.now(), None
            try:
                await perform()
            except errors.AzureError as error:
                failure = error
            effects.record(LANDED, app, visit.path, visit.before, began=began, failure=failure)

        self._simulator.later.start(app, fault.option("seconds"), land)

    async def _call_back(self, fault: Fault, visit: Visit) -> None:
        timeout = aiohttp.ClientTimeout(total=fault.option("seconds"))
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(fault.option("url"), json=asdict(self._tell(visit))) as answer,
            ):
                await answer.read()
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise FaultImpossible(f"no answer from the callback at {fault.url}: {error!r}") from error

    @staticmethod
    def _dropped(visit: Visit, *, reset: bool = True) -> Dropped:
        transport = visit.request.transport
        if transport is not None:
            raw: socket.socket | None = transport.get_extra_info("socket")  # None if the client has gone meanwhile
            if raw is not None and reset:
                # To close a socket that lingers for no time sends RST instead of FIN (socket(7)).
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return Dropped()


def kill(fault: Fault, visit: Visit) -> None:
    """Sends SIGKILL to the process that the fault names; FaultImpossible if it cannot be."""
    process = visit.caller if fault.option("process") == "caller" else fault.option("process")
    if process is None:
        raise FaultImpossible(f"the process that called {visit.operation} could not be found")
    if process == os.getpid():
        raise FaultImpossible("the simulator does not kill itself")
    try:
        os.kill(process, signal.SIGKILL)
    except OSError as error:
        raise FaultImpossible(f"process {process} could not be killed: {error}") from error


async def _until_gone(request: aiohttp.web.Request, seconds: float | None) -> None:
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    while request.transport is not None and not request.transport.is_closing():
        if end is not None and loop.time() >= end:
            return
        await asyncio.sleep(CLIENT_WATCH_INTERVAL)


async def _send_half(request: aiohttp.web.Request, answer: aiohttp.web.StreamResponse | None) -> None:
    assert isinstance(answer, aiohttp.web.Response)  # no answer of the HTTPS port is streamed
    body = answer.body if isinstance(answer.body, bytes) else b""
    whole = aiohttp.web.StreamResponse(status=answer.status, headers=answer.headers)
    whole.content_length = len(body)
    await whole.prepare(request)
    await whole.write(body[: len(body) // 2])
