"""Which process is at the other end of a connection."""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp.web
import pytest

from app_service_simulator.callers import Callers
from app_service_simulator.certificates import Certificates
from app_service_simulator.listening import Listening

CLIENT = """
import os, socket, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
plain = socket.create_connection(("127.0.0.1", port))
connection = ssl.create_default_context(cafile=ca).wrap_socket(plain, server_hostname="127.0.0.1")
connection.set_inheritable(True)
if "fork" in sys.argv:
    child = os.fork()
    if not child:
        sys.stdin.read()
        os._exit(0)
connection.sendall(b"GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
print(connection.recv(65536).decode().splitlines()[-1])
sys.stdin.close()
"""


class Told:
    """A server that answers with the caller's process id."""

    def __init__(self, port: int, tls: ssl.SSLContext, ca_bundle: Path) -> None:
        self.port, self.tls, self.ca_bundle = port, tls, ca_bundle

    async def to_process(self, *arguments: str) -> tuple[int, str]:
        """A process's id, and what it was told."""
        command = [sys.executable, "-c", CLIENT, str(self.port), str(self.ca_bundle), *arguments]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert process.stdout is not None
        told = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        return process.pid, told


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    callers, certificates = Callers(), Certificates(tmp_path)

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(text=str(callers.pid(request)))

    application = aiohttp.web.Application()
    application.router.add_get("/", answer)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    port = await Listening(runner, certificates.server_context()).start(0)
    yield Told(port, certificates.client_context(), certificates.ca_bundle)
    await runner.cleanup()


async def test_a_process_is_known_by_its_connection(told: Told) -> None:
    pid, answer = await told.to_process()
    assert answer == str(pid)


async def test_a_forked_child_is_not_taken_for_the_one_that_called(told: Told) -> None:
    pid, answer = await told.to_process("fork")
    assert answer == str(pid)


async def test_one_process_after_the_other_is_told_apart(told: Told) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(f"https://127.0.0.1:{told.port}/", ssl=told.tls) as answer:
                assert await answer.text() == str(os.getpid())
    pid, heard = await told.to_process()
    assert heard == str(pid) != str(os.getpid())
