"""A front end of its own for each test of the data plane, and a simulator whose time stands still."""

import asyncio

import aiohttp
import pytest
from tests.app_service_simulator.data_plane import STAGE, WEB, Simulated, Visitor
from tests.app_service_simulator.stopped import Stopped


@pytest.fixture
async def simulated(tmp_path):
    simulated = Simulated(tmp_path)
    port = await simulated.front_end.start(0)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), max_field_size=32768) as session:
        simulated.visitor = Visitor(session, port)
        yield simulated
    await simulated.front_end.stop()
    await simulated.town.close()


@pytest.fixture
def town(simulated):
    return simulated.town


@pytest.fixture
def visitor(simulated):
    return simulated.visitor


@pytest.fixture
async def both(town):
    """Version 1 in production, version 2 in the slot `stage`; no rules."""
    old, new = await asyncio.gather(town.sample_app("1.0.0"), town.sample_app("2.0.0"))
    town.host(WEB, old)
    town.host(STAGE, new, slot="stage")
    return old, new


@pytest.fixture
async def stopped(tmp_path):
    async with Stopped.at(tmp_path) as stopped:
        yield stopped
