"""Asking the apps' own host names, as visitors do."""

from __future__ import annotations

import asyncio
import json
import math
import ssl
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.cookies import CookieError, SimpleCookie
from types import TracebackType
from urllib.parse import urlsplit

import httpx

from app_service_canary.release.observation import Answer, Side

ROUTING_COOKIE = "x-ms-routing-name"
"""Pins a browser to a slot: https://learn.microsoft.com/azure/app-service/deploy-staging-slots."""

USER_AGENT = "app-service-canary"

HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
"""Not compressed: a few bytes can unpack to more than a machine holds, and no answer here is long."""

MOST_READ = 1024 * 1024
"""Bytes of an answer: no health page has more, and one that streams for ever would fill the triggerer's memory."""

LONGEST_VERSION = 64
"""Characters, as many as the run parameter `version` may have."""


class AppHosts:
    """A client without memory: no cookie is kept, so each request is thrown anew by the front end.

    Args:
        connect_to: base address to send everything to, with the app's name in the Host header; None: the
            host itself, by https.
        timeout: seconds for one answer, from sending to its end.
        ca_bundle: PEM file to trust when `connect_to` is https; None: the system's.

    Attributes:
        on_answer: called with each answer to `ask`.
    """

    def __init__(self, *, connect_to: str | None = None, timeout: float = 10.0, ca_bundle: str | None = None) -> None:
        self._timeout = timeout
        self.on_answer: Callable[[Answer], None] = lambda answer: None
        self._connect_to = connect_to.rstrip("/") if connect_to else None
        verify = ssl.create_default_context(cafile=ca_bundle) if ca_bundle and self._connect_to else True
        self._client = httpx.AsyncClient(timeout=timeout, verify=verify, follow_redirects=False, headers=HEADERS)

    async def __aenter__(self) -> AppHosts:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(
        self, side: Side, host: str, path: str, good_statuses: tuple[int, ...], *, pinned_to: str | None = None
    ) -> Answer:
        """Asks once. Never raises: no answer is a bad answer, with its reason.

        Args:
            side: for whom the answer counts.
            host, path: what is asked.
            good_statuses: HTTP statuses that are good answers.
            pinned_to: the name in the routing cookie to send along, as of a visitor who is pinned; None: a new one.
        """
        answer = await self._ask(side, host, path, good_statuses, pinned_to)
        self.on_answer(answer)
        return answer

    async def _ask(
        self, side: Side, host: str, path: str, good_statuses: tuple[int, ...], pinned_to: str | None
    ) -> Answer:
        asked, started = f"GET {path}", time.monotonic()
        sent = _Sent()
        try:
            response, _ = await self._get(host, path, pinned_to, sent)
        except (httpx.TimeoutException, asyncio.TimeoutError):
            return Answer(side, asked, None, False, time.monotonic() - started, "did not answer in time")
        except httpx.RemoteProtocolError:
            # Its text may quote the answer's headers, cookies among them.
            problem = "broke off, or answered something that is not HTTP"
            return Answer(side, asked, None, False, time.monotonic() - started, problem)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(side, asked, None, False, time.monotonic() - started, f"could not be asked: {error}")
        routed_to, pinned_for = _routing(response)
        good = response.status_code in good_statuses
        return Answer(
            side=side,
            asked=asked,
            status=response.status_code,
            good=good,
            seconds=time.monotonic() - started,
            waited=time.monotonic() - sent.at,
            problem="" if good else f"answered {response.status_code}",
            routed_to=routed_to,
            pinned_for=pinned_for,
        )

    async def version(self, host: str, path: str) -> str | None:
        """What the app calls its version: JSON with a `version` key, or plain text; None when it does not say."""
        try:
            response, body = await self._get(host, path)
        except (httpx.HTTPError, httpx.InvalidURL, asyncio.TimeoutError):
            return None
        text = body.decode("utf-8", "replace").strip()
        if response.status_code != 200:
            return None
        try:
            # Numbers stay as they are written: version 2.10 is not 2.1.
            content = json.loads(text, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            content = None if "<" in text else text
        found = content.get("version") if isinstance(content, dict) else content
        if not isinstance(found, str) or not 0 < len(found) <= LONGEST_VERSION or not found.isprintable():
            return None
        return found

    async def _get(
        self, host: str, path: str, pinned_to: str | None = None, sent: _Sent | None = None
    ) -> tuple[httpx.Response, bytes]:
        # httpx counts anew with every byte; an answer that drips would never end.
        return await asyncio.wait_for(self._read(host, path, pinned_to, sent or _Sent()), self._timeout)

    async def _read(self, host: str, path: str, pinned_to: str | None, sent: _Sent) -> tuple[httpx.Response, bytes]:
        # The cookies of an answer would pin the next request to the same slot.
        self._client.cookies.clear()
        pinned = {"Cookie": f"{ROUTING_COOKIE}={pinned_to}"} if pinned_to else {}
        if self._connect_to is None:
            request = self._client.build_request(
                "GET", f"https://{host}{path}", headers=pinned, extensions={"trace": sent}
            )
        else:
            secure = urlsplit(self._connect_to).scheme == "https"
            request = self._client.build_request(
                "GET",
                f"{self._connect_to}{path}",
                headers={"Host": host, **pinned},
                extensions={"trace": sent} | ({"sni_hostname": host} if secure else {}),
            )
        response = await self._client.send(request, stream=True)
        body = bytearray()
        try:
            async for part in response.aiter_raw():
                body += part
                if len(body) >= MOST_READ:
                    break
        finally:
            await response.aclose()
        return response, bytes(body[:MOST_READ])


class _Sent:
    """When a request was sent, the connection being open: httpcore tells of it.

    Attributes:
        at: by the monotonic clock.
    """

    def __init__(self) -> None:
        self.at = time.monotonic()

    async def __call__(self, event: str, info: object) -> None:
        if event.endswith("send_request_headers.started"):
            self.at = time.monotonic()


def _routing(response: httpx.Response) -> tuple[str | None, float | None]:
    """The slot that the routing cookie of an answer names, and for how many seconds it pins."""
    for header in response.headers.get_list("set-cookie"):
        try:
            cookie = SimpleCookie(header).get(ROUTING_COOKIE)
        except CookieError:
            continue
        if cookie is not None:
            return cookie.value, _life(cookie["max-age"], cookie["expires"])
    return None, None


def _life(max_age: str, expires: str) -> float | None:
    try:
        if max_age:
            life = float(max_age)
            return max(0.0, life) if math.isfinite(life) else None
        if expires:
            return max(0.0, parsedate_to_datetime(expires).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
    return None
