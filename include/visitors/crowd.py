"""The visitors themselves: cookie-less clients on a fixed schedule, and browsers that keep cookies and pause."""

import asyncio
import itertools
import socket
import time
from contextlib import AsyncExitStack
from datetime import datetime, timezone
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from visitors.journal import BROWSER, CLIENT, Entry, Journal, is_ok

ROUTING_COOKIE = "x-ms-routing-name"
"""The cookie in which App Service tells a visitor where it belongs."""

REQUEST_TIMEOUT = 60.0
"""Seconds until a visitor gives up: longer than an app may take to start, so that giving up is a failure."""


class _OnlyThere(AbstractResolver):
    """Finds every name at one address, as curl's --connect-to does, so that nothing is sent elsewhere."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return await self._resolver.resolve(self._address, port, family)

    async def close(self) -> None:
        await self._resolver.close()


class Crowd:
    """Visitors of the app that answers to `host` at `url`, asking for the path of `url`.

    `url`: where the front end is; the only place anything is sent to, whatever the answers say.
    `host`: the app's host name.
    `journal`: gets an entry for every request that ended.

    Raises ValueError when `url` is not an http(s) URL or `host` is an address instead of a name.
    """

    def __init__(self, url: str, host: str, journal: Journal) -> None:
        there = URL(url)
        if there.scheme not in ("http", "https") or not there.host:
            raise ValueError(f"{url!r} is not an http or https URL")
        # An address would be connected to directly, past the resolver.
        if _is_address(host):
            raise ValueError(f"the host is {host!r}; it must be a name such as contoso-web.azurewebsites.net")
        self._there = there.host
        self._url = there.with_host(host)
        self._host = host
        self._journal = journal

    async def clients(self, per_second: float) -> None:
        """Sends requests at a steady pace, until cancelled, whether or not earlier ones have been answered.

        Each is a visitor of its own: a new connection, no cookies. An open-loop schedule, because a slow app
        must not make its visitors rarer.
        """
        connector = self._connector(force_close=True)
        loop = asyncio.get_running_loop()
        under_way: set[asyncio.Task[None]] = set()
        async with self._session(connector, aiohttp.DummyCookieJar()) as session:
            began = loop.time()
            try:
                for number in itertools.count():
                    await asyncio.sleep(max(0.0, began + number / per_second - loop.time()))
                    task = asyncio.create_task(self._visit(session, CLIENT, f"client-{number + 1}"))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
            finally:
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    async def browsers(self, count: int, pause: float) -> None:
        """Lets `count` browsers ask again and again, each `pause` seconds after its last answer, until
        cancelled. Each keeps one connection and its own cookies."""
        async with AsyncExitStack() as stack:
            sessions = [
                await stack.enter_async_context(self._session(self._connector(), self._cookie_jar()))
                for _ in range(count)
            ]
            await asyncio.gather(
                *(
                    self._browse(session, f"browser-{number + 1}", number * pause / count, pause)
                    for number, session in enumerate(sessions)
                )
            )

    async def _browse(self, session: aiohttp.ClientSession, name: str, wait: float, pause: float) -> None:
        # Spread over the pause, so that they do not all ask in the same moment.
        await asyncio.sleep(wait)
        while True:
            await self._visit(session, BROWSER, name)
            await asyncio.sleep(pause)

    def _connector(self, *, force_close: bool = False) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(
            resolver=_OnlyThere(self._there), ttl_dns_cache=None, limit=0, force_close=force_close
        )

    def _cookie_jar(self) -> aiohttp.CookieJar:
        # The routing cookies are `Secure`. Browsers see App Service by https, which the simulator does not do.
        return aiohttp.CookieJar(treat_as_secure_origin=self._url.origin())

    def _session(
        self, connector: aiohttp.TCPConnector, cookie_jar: aiohttp.abc.AbstractCookieJar
    ) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=cookie_jar,
            headers={"Host": self._host},
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT),
        )

    async def _visit(self, session: aiohttp.ClientSession, kind: str, visitor: str) -> None:
        """One request, and its entry. A request cut off because the visitors go home has none."""
        at, began = datetime.now(timezone.utc), time.perf_counter()
        status = version = routed = error = None
        try:
            async with session.get(self._url, allow_redirects=False) as response:
                version = response.headers.get("X-App-Version")
                await response.read()
                status = response.status
                set_now = response.cookies.get(ROUTING_COOKIE)
                kept = session.cookie_jar.filter_cookies(self._url).get(ROUTING_COOKIE)
                morsel = set_now or kept
                routed = morsel.value if morsel else None
        except (aiohttp.ClientError, asyncio.TimeoutError) as trouble:
            # An answer cut short is no answer, but its head has told whose it was.
            error = str(trouble) or type(trouble).__name__
        seconds = round(time.perf_counter() - began, 6)
        self._journal.write(Entry(at, kind, visitor, status, is_ok(status), version, routed, seconds, error))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
