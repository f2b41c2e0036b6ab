"""The port refuses for a while, and nobody else gets it."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp.web
import pytest

from app_service_simulator.certificates import Certificates
from app_service_simulator.listening import Listening


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[Listening]:
    runner = aiohttp.web.AppRunner(aiohttp.web.Application())
    await runner.setup()
    listening = Listening(runner, Certificates(tmp_path).server_context())
    yield listening
    await listening.stop()
    await runner.cleanup()


async def connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def until(wanted: bool, port: int) -> None:
    while await connects(port) is not wanted:  # noqa: ASYNC110 - a port sends no events
        await asyncio.sleep(0.01)


async def test_connections_are_refused_while_the_port_stays_taken(listening: Listening) -> None:
    port = await listening.start(0)
    assert await connects(port)
    listening.refuse(0.3)
    await asyncio.wait_for(until(False, port), 10)
    with socket.socket() as other, pytest.raises(OSError, match="in use") as taken:
        other.bind(("127.0.0.1", port))
    assert taken.value.errno == errno.EADDRINUSE
    await asyncio.wait_for(until(True, port), 10)


async def test_refusing_twice_is_refusing_once(listening: Listening) -> None:
    port = await listening.start(0)
    listening.refuse(0.1)
    listening.refuse(0.1)
    await asyncio.wait_for(until(False, port), 10)
    await asyncio.wait_for(until(True, port), 10)


async def test_stopping_ends_a_refusal(listening: Listening) -> None:
    port = await listening.start(0)
    listening.refuse(3600)
    await asyncio.wait_for(until(False, port), 10)
    await listening.stop()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
