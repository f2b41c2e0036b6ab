"""The HTTPS port: listening on it, and refusing connections for a while."""

import asyncio
import socket
import ssl

import aiohttp.web

BACKLOG = 128
"""Connections that may wait to be accepted; aiohttp's own default."""


class Listening:
    """One port of 127.0.0.1, kept for as long as the simulator runs, whether it listens or refuses."""

    def __init__(self, runner: aiohttp.web.AppRunner, tls: ssl.SSLContext) -> None:
        self._runner, self._tls = runner, tls
        self._site: aiohttp.web.SockSite | None = None
        self._port = 0
        self._refusals: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> int:
        """Listens and returns the port; 0 takes any free one."""
        listener = _bound(port)
        self._port = int(listener.getsockname()[1])
        await self._listen(listener)
        return self._port

    def refuse(self, seconds: float) -> None:
        """Refuses new connections from now on, for real seconds; those that exist stay."""
        self._refusals.add(task := asyncio.create_task(self._refuse(seconds)))
        task.add_done_callback(self._refusals.discard)

    async def stop(self) -> None:
        """Ends a refusal; the runner ends the rest."""
        for task in tuple(self._refusals):
            task.cancel()
        await asyncio.gather(*self._refusals, return_exceptions=True)

    async def _listen(self, listener: socket.socket) -> None:
        self._site = aiohttp.web.SockSite(self._runner, listener, ssl_context=self._tls, backlog=BACKLOG)
        await self._site.start()

    async def _refuse(self, seconds: float) -> None:
        site, self._site = self._site, None
        if site is None:
            return
        await site.stop()
        # Bound, but not listening: connections are refused, and nobody else can take the port meanwhile.
        placeholder = _bound(self._port)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            placeholder.close()
            raise
        await self._listen(placeholder)


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
