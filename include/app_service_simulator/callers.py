"""Which process is at the other end of a connection."""

import asyncio
import logging
from weakref import WeakKeyDictionary

import aiohttp.web
import psutil  # type: ignore[import-untyped]

log = logging.getLogger(__name__)


class Callers:
    """Process ids by connection: looked up once for each, since it takes milliseconds."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[asyncio.Transport, int | None] = WeakKeyDictionary()

    def pid(self, request: aiohttp.web.Request) -> int | None:
        """The process that sent the request; None if it has gone, or is not one that this user may look at."""
        connection = request.transport
        if connection is None:
            return None
        if connection not in self._known:
            self._known[connection] = _owner(connection)
        return self._known[connection]


def _owner(transport: asyncio.Transport) -> int | None:
    here, there = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    try:
        connections = psutil.net_connections("tcp4")
    except psutil.Error as error:
        # Not everywhere may a process look at others' connections.
        log.info("callers stay unknown: %s", error)
        return None
    for connection in connections:
        if tuple(connection.laddr) == tuple(there) and tuple(connection.raddr) == tuple(here):
            return connection.pid
    return None
