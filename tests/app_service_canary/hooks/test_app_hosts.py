"""Asking the apps' own hosts, against the simulator's front end and, for oddities, a server of the test's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp.web
import pytest
from tests.simulator import RunningSimulator

from app_service_canary.hooks.app_hosts import USER_AGENT, AppHosts
from app_service_canary.release.observation import Side

Handler = Callable[[aiohttp.web.Request], Awaitable[aiohttp.web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]

HOST = "storefront.azurewebsites.net"
PINNED = {"Set-Cookie": "x-ms-routing-name=stage; path=/; HttpOnly; Max-Age=3600"}
"""Without the front end's Domain, so that it counts for the test's own server as it does for the app's host."""


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves a handler for every path; its base address."""
    runners: list[aiohttp.web.AppRunner] = []

    async def start(handler: Handler) -> str:
        application = aiohttp.web.Application()
        application.router.add_route("*", "/{path:.*}", handler)
        # Handlers that never end are cut off soon; 0 would mean to wait for them for ever.
        runner = aiohttp.web.AppRunner(application, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


def always(status: int = 200, text: str = "", headers: dict[str, str] | None = None) -> Handler:
    """Answers the same to everything."""

    async def handler(_: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(status=status, text=text, headers=headers)

    return handler


# --- against the front end ---


async def test_a_good_answer_has_its_status_and_time(simulator: RunningSimulator, app: str) -> None:
    async with AppHosts(connect_to=simulator.front_end) as hosts:
        answer = await hosts.ask(Side.VISITORS, f"{app}.azurewebsites.net", "/health", (200,))

    assert (answer.side, answer.asked, answer.status, answer.good) == (Side.VISITORS, "GET /health", 200, True)
    assert answer.problem == ""
    assert answer.seconds > 0
    assert (answer.routed_to, answer.pinned_for) == (None, None)


async def test_an_unknown_host_is_a_bad_answer(simulator: RunningSimulator) -> None:
    async with AppHosts(connect_to=simulator.front_end) as hosts:
        answer = await hosts.ask(Side.SLOT, "nowhere.azurewebsites.net", "/", (200,))

    assert (answer.status, answer.good, answer.problem) == (404, False, "answered 404")


@pytest.mark.parametrize(("weight", "slot"), [(0.0, "self"), (100.0, "stage")])
async def test_the_routing_cookie_says_where_a_new_visitor_went(
    simulator: RunningSimulator, app: str, weight: float, slot: str
) -> None:
    rule = {"name": "stage", "actionHostName": f"{app}-stage.azurewebsites.net", "reroutePercentage": weight}
    simulator.set_rules(app, [rule])

    async with AppHosts(connect_to=f"{simulator.front_end}/") as hosts:
        answer = await hosts.ask(Side.VISITORS, f"{app}.azurewebsites.net", "/", (200,))

    simulator.set_rules(app, [])
    assert answer.routed_to == slot
    assert answer.pinned_for is not None
    assert answer.pinned_for > 0


async def test_no_cookie_is_kept_so_that_every_request_is_thrown_anew(simulator: RunningSimulator, app: str) -> None:
    rule = {"name": "stage", "actionHostName": f"{app}-stage.azurewebsites.net", "reroutePercentage": 50.0}
    simulator.set_rules(app, [rule])

    async with AppHosts(connect_to=simulator.front_end) as hosts:
        asked = [await hosts.ask(Side.VISITORS, f"{app}.azurewebsites.net", "/", (200,)) for _ in range(60)]

    simulator.set_rules(app, [])
    # All sixty on one side: once in 6e17 runs; a kept cookie would do it always.
    assert {answer.routed_to for answer in asked} == {"self", "stage"}


async def test_a_version_is_what_the_app_says(simulator: RunningSimulator, app: str) -> None:
    async with AppHosts(connect_to=simulator.front_end) as hosts:
        assert await hosts.version(f"{app}-stage.azurewebsites.net", "/version") == "2.0.0"
        assert await hosts.version(f"{app}-stage.azurewebsites.net", "/nowhere") is None
        assert await hosts.version("nowhere.azurewebsites.net", "/version") is None


# --- oddities ---


@pytest.mark.parametrize(
    ("status", "good_statuses", "expected"),
    [(200, (200,), True), (204, (200,), False), (204, (200, 204), True), (301, (200,), False), (503, (503,), True)],
)
async def test_the_release_file_says_which_statuses_are_good(
    serve: Serve, status: int, good_statuses: tuple[int, ...], expected: bool
) -> None:
    async with AppHosts(connect_to=await serve(always(status, headers={"Location": "/elsewhere"}))) as hosts:
        answer = await hosts.ask(Side.SLOT, HOST, "/", good_statuses)

    assert (status, expected) == (answer.status, answer.good)


async def test_the_apps_name_and_the_clients_own_are_in_the_request(serve: Serve) -> None:
    seen: list[Any] = []

    async def handler(request: aiohttp.web.Request) -> aiohttp.web.Response:
        seen.append((request.host, request.path_qs, request.headers["User-Agent"], request.headers.get("Cookie")))
        return aiohttp.web.Response(headers=PINNED)

    async with AppHosts(connect_to=await serve(handler)) as hosts:
        for _ in range(2):
            await hosts.ask(Side.VISITORS, HOST, "/health?deep=1", (200,))

    assert seen == [(HOST, "/health?deep=1", USER_AGENT, None)] * 2


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", None),
        ("; Max-Age=3600", 3600.0),
        ("; Max-Age=0", 0.0),
        ("; Max-Age=-1", 0.0),
        ("; Max-Age=soon", None),
        ("; Max-Age=nan", None),
        ("; Max-Age=inf", None),
        ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("; Expires=never", None),
        ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", 60.0),
    ],
)
async def test_the_life_of_a_routing_cookie_is_read_in_seconds(
    serve: Serve, attributes: str, expected: float | None
) -> None:
    address = await serve(always(headers={"Set-Cookie": f"x-ms-routing-name=stage; path=/{attributes}"}))

    async with AppHosts(connect_to=address) as hosts:
        answer = await hosts.ask(Side.VISITORS, HOST, "/", (200,))

    assert (answer.routed_to, answer.pinned_for) == ("stage", expected)


async def test_other_cookies_are_passed_over(serve: Serve) -> None:
    async def handler(_: aiohttp.web.Request) -> aiohttp.web.Response:
        response = aiohttp.web.Response()
        for cookie in ("TiPMix=92.34; Max-Age=3600", "bad[]=1", "x-ms-routing-name=self; Max-Age=60", "ARRAffinity=a"):
            response.headers.add("Set-Cookie", cookie)
        return response

    async with AppHosts(connect_to=await serve(handler)) as hosts:
        answer = await hosts.ask(Side.VISITORS, HOST, "/", (200,))

    assert (answer.routed_to, answer.pinned_for) == ("self", 60.0)


async def test_an_answer_that_does_not_come_in_time_is_a_bad_answer(serve: Serve) -> None:
    async def handler(_: aiohttp.web.Request) -> aiohttp.web.Response:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")

    async with AppHosts(connect_to=await serve(handler), timeout=0.2) as hosts:
        answer = await hosts.ask(Side.SLOT, HOST, "/", (200,))
        version = await hosts.version(HOST, "/")

    assert (answer.status, answer.good, answer.problem) == (None, False, "did not answer in time")
    assert version is None


async def test_an_answer_that_drips_for_longer_than_the_timeout_is_a_bad_answer(serve: Serve) -> None:
    async def handler(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        response = aiohttp.web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.05)

    async with AppHosts(connect_to=await serve(handler), timeout=0.3) as hosts:
        answer = await asyncio.wait_for(hosts.ask(Side.SLOT, HOST, "/", (200,)), 10)

    assert (answer.good, answer.problem) == (False, "did not answer in time")
    assert 0.3 <= answer.seconds < 5


async def test_a_connection_that_is_cut_is_a_bad_answer(serve: Serve) -> None:
    async def handler(request: aiohttp.web.Request) -> aiohttp.web.Response:
        assert request.transport is not None
        request.transport.close()
        return aiohttp.web.Response()

    async with AppHosts(connect_to=await serve(handler)) as hosts:
        answer = await hosts.ask(Side.SLOT, HOST, "/", (200,))

    assert (answer.status, answer.good) == (None, False)
    assert answer.problem == "broke off, or answered something that is not HTTP"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://nowhere.invalid", "gopher://h", "http://h:port"])
async def test_an_address_that_cannot_be_asked_is_a_bad_answer(address: str) -> None:
    async with AppHosts(connect_to=address, timeout=5) as hosts:
        answer = await hosts.ask(Side.SLOT, HOST, "/", (200,))

        assert await hosts.version(HOST, "/") is None
    assert (answer.status, answer.good) == (None, False)
    assert answer.problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"version": "2.0.0"}', "2.0.0"),
        ('{"version": 2}', "2"),
        ('{"version": 2.10}', "2.10"),
        ('{"version": null}', None),
        ('{"version": ["2"]}', None),
        ('{"name": "web"}', None),
        ('"2.0.0"', "2.0.0"),
        ("2.0.0\n", "2.0.0"),
        ("2.10", "2.10"),
        ("007", "007"),
        ("20261122", "20261122"),
        ("v2", "v2"),
        ("", None),
        (" \n", None),
        ("null", None),
        ("[1, 2]", None),
        ("one\ntwo", None),
        ("<html>2.0.0</html>", None),
        ("v" * 64, "v" * 64),
        ("v" * 65, None),
    ],
)
async def test_a_version_is_json_or_plain_text_exactly_as_written(
    serve: Serve, text: str, expected: str | None
) -> None:
    async with AppHosts(connect_to=await serve(always(text=text))) as hosts:
        assert expected == await hosts.version(HOST, "/version")


@pytest.mark.parametrize("status", [201, 404, 500])
async def test_a_version_counts_only_in_a_200(serve: Serve, status: int) -> None:
    async with AppHosts(connect_to=await serve(always(status, "2.0.0"))) as hosts:
        assert await hosts.version(HOST, "/version") is None
