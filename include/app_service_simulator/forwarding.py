"""Forwarding: one request to one worker, and the answer back, streamed both ways."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import hdrs, web
from aiohttp.payload import AsyncIterablePayload
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from app_service_simulator.traffic import SlotKey
from app_service_simulator.workers import LOOPBACK, Worker

RESPONSE_TIMEOUT = 230.0
"""Real seconds without a byte from the app until the front end gives up: Azure's load balancer ends a request
after 230 s idle. Not shortened by the simulator's speed, because apps answer at their own pace.
https://learn.microsoft.com/troubleshoot/azure/app-service/web-apps-performance-faqs"""

CONNECT_TIMEOUT = 5.0
"""Real seconds for a TCP connection on loopback: only a full backlog makes one wait at all."""

HEADER_LIMIT = 32 * 1024
"""Bytes a request line or a header may have, both ways: the cookies of an app that signs its users in outgrow
the 8 KiB that aiohttp allows by default."""

_HOP_BY_HOP = (
    *(hdrs.CONNECTION, hdrs.KEEP_ALIVE, hdrs.TE, hdrs.TRAILER, hdrs.TRANSFER_ENCODING, hdrs.UPGRADE),
    *(hdrs.PROXY_AUTHENTICATE, hdrs.PROXY_AUTHORIZATION, "Proxy-Connection"),
)
"""Headers that concern one connection and are not passed on (RFC 9110, section 7.6.1)."""

_HANDSHAKE = (
    *(hdrs.SEC_WEBSOCKET_KEY, hdrs.SEC_WEBSOCKET_VERSION, hdrs.SEC_WEBSOCKET_ACCEPT),
    *(hdrs.SEC_WEBSOCKET_EXTENSIONS, hdrs.SEC_WEBSOCKET_PROTOCOL),
)

_WRITTEN_BY_THE_CLIENT_LIBRARY = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class NotDelivered(Exception):
    """The worker could not be reached, so no byte of the request was sent: it may go to another one."""


class WorkerLost(Exception):
    """The connection to the worker broke after the request had been sent, before the answer began."""


class WorkerSilent(Exception):
    """The worker did not begin to answer within RESPONSE_TIMEOUT."""


@dataclass
class Visit:
    """What is known so far of one request, for the traffic log; complete or not when the visitor leaves.

    `key`: whose traffic it is; None: nobody's.
    `status`: None until the head of an answer is sent.
    `bytes_sent`: of the answer's body.
    `role`: what the app that answers calls itself in Application Insights; None while no app does.
    """

    key: SlotKey | None = None
    status: int | None = None
    bytes_sent: int = 0
    role: str | None = None


class _RequestBody(AsyncIterablePayload):
    """A visitor's body on its way through. It exists once, so a request that has begun to send it is not
    repeated by aiohttp, which otherwise tries PUT and DELETE again when a kept connection turns out dead."""

    _begun = False

    @property
    def consumed(self) -> bool:
        return self._begun

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        self._begun = True
        await super().write_with_length(writer, content_length)


class Forwarder:
    """Connections to workers, kept open between requests. `close` ends them."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            # No limits: a slow visitor must not make others wait for a connection.
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_WRITTEN_BY_THE_CLIENT_LIBRARY,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=RESPONSE_TIMEOUT),
        )

    async def close(self) -> None:
        """Closes all connections to workers."""
        await self._session.close()

    async def forward(
        self, request: web.BaseRequest, worker: Worker, set_cookies: Sequence[str], visit: Visit
    ) -> web.StreamResponse:
        """Has `worker` answer `request`, adding `set_cookies` to the answer's headers.

        Returns the response, already sent. A worker that dies in the middle of its answer leaves the visitor
        with an answer visibly cut short.
        """
        headers = _forwarded(request)
        body = None
        if request.body_exists:
            if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.transport:
                request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = _RequestBody(request.content.iter_any())
        try:
            upstream = await self._session.request(
                request.method, _address(request, worker), headers=headers, data=body, allow_redirects=False
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotDelivered from error
        except aiohttp.ServerTimeoutError as error:
            raise WorkerSilent from error
        except aiohttp.ClientError as error:
            raise WorkerLost from error
        async with upstream:
            response = web.StreamResponse(
                status=upstream.status, reason=upstream.reason, headers=_end_to_end(upstream.headers)
            )
            for cookie in set_cookies:
                response.headers.add(hdrs.SET_COOKIE, cookie)
            visit.status = response.status
            await _stream(upstream, request, response, visit)
            return response

    async def forward_websocket(
        self, request: web.BaseRequest, worker: Worker, set_cookies: Sequence[str], visit: Visit
    ) -> web.StreamResponse:
        """Opens the WebSocket `request` asks for to `worker` and passes messages until either side closes.

        Messages are not counted in `visit.bytes_sent`. A worker that refuses the handshake has its status passed on.
        """
        headers = _forwarded(request)
        wanted = [name.strip() for name in headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",") if name]
        for name in _HANDSHAKE:
            headers.popall(name, None)
        try:
            upstream = await self._session.ws_connect(
                _address(request, worker),
                method=request.method,
                headers=headers,
                protocols=wanted,
                autoping=False,
                autoclose=False,
                max_msg_size=0,
            )
        except aiohttp.WSServerHandshakeError as refusal:
            visit.status = refusal.status
            return await _refuse(request, refusal, set_cookies)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotDelivered from error
        except aiohttp.ClientError as error:
            raise WorkerLost from error
        async with upstream:
            response = web.WebSocketResponse(
                protocols=[upstream.protocol] if upstream.protocol else [],
                autoping=False,
                autoclose=False,
                max_msg_size=0,
                compress=False,
            )
            for cookie in set_cookies:
                response.headers.add(hdrs.SET_COOKIE, cookie)
            await response.prepare(request)
            visit.status = response.status
            await asyncio.gather(_pass_messages(response, upstream), _pass_messages(upstream, response))
        return response


def _address(request: web.BaseRequest, worker: Worker) -> URL:
    target = request.raw_path
    if not target.startswith("/"):
        # Other forms than a path are for proxies ("http://host/path") and for OPTIONS ("*").
        target = request.rel_url.raw_path_qs if "://" in target else "/"
    return URL(f"http://{LOOPBACK}:{worker.port}{target}", encoded=True)


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    kept = headers.copy()
    for named in kept.get(hdrs.CONNECTION, "").split(","):
        kept.popall(named.strip(), None)
    for name in _HOP_BY_HOP:
        kept.popall(name, None)
    return kept


def _forwarded(request: web.BaseRequest) -> CIMultiDict[str]:
    """The visitor's headers, with what App Service tells the app about the visitor.

    `Host` stays what the visitor asked for, also on a slot that production's rules chose.
    App Service appends address and port to X-Forwarded-For and sets the others itself.
    """
    headers = _end_to_end(request.headers)
    headers.popall(hdrs.EXPECT, None)
    peer = request.transport.get_extra_info("peername") if request.transport else None
    visitor = f"{peer[0]}:{peer[1]}" if peer else "unknown"
    before = headers.get(hdrs.X_FORWARDED_FOR)
    headers[hdrs.X_FORWARDED_FOR] = f"{before}, {visitor}" if before else visitor
    headers[hdrs.X_FORWARDED_PROTO] = "http"
    headers[hdrs.X_FORWARDED_HOST] = headers.get(hdrs.HOST, "")
    return headers


async def _stream(
    upstream: aiohttp.ClientResponse, request: web.BaseRequest, response: web.StreamResponse, visit: Visit
) -> None:
    await response.prepare(request)
    while True:
        try:
            chunk = await upstream.content.readany()
        except (aiohttp.ClientError, asyncio.TimeoutError):
            # The head is out: closing the connection is the only way left to say that something is missing.
            if request.transport:
                request.transport.close()
            return
        if not chunk:
            break
        await response.write(chunk)
        visit.bytes_sent += len(chunk)
    await response.write_eof()


async def _refuse(
    request: web.BaseRequest, refusal: aiohttp.WSServerHandshakeError, set_cookies: Sequence[str]
) -> web.Response:
    response = web.Response(status=refusal.status)
    for cookie in set_cookies:
        response.headers.add(hdrs.SET_COOKIE, cookie)
    await response.prepare(request)
    await response.write_eof()
    return response


_WebSocket = aiohttp.ClientWebSocketResponse[Any] | web.WebSocketResponse[Any]


async def _pass_messages(source: _WebSocket, sink: _WebSocket) -> None:
    # A side that is gone already cannot be told anything more, and need not be.
    with contextlib.suppress(ConnectionError):
        while True:
            message = await source.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                await sink.send_str(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                await sink.send_bytes(message.data)
            elif message.type is aiohttp.WSMsgType.PING:
                await sink.ping(message.data)
            elif message.type is aiohttp.WSMsgType.PONG:
                await sink.pong(message.data)
            else:
                break
    await sink.close(code=_sendable(source.close_code))


def _sendable(code: int | None) -> int:
    """A close code for the other side: 1005 (none given) and 1006 (lost) may not be sent (RFC 6455, 7.4.1)."""
    if code in (None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE):
        return aiohttp.WSCloseCode.GOING_AWAY
    return aiohttp.WSCloseCode.OK if code == 1005 else int(code)
