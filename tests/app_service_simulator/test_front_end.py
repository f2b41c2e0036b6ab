import asyncio
import json
import os
import signal
from collections import Counter
from datetime import timedelta

import aiohttp
import pytest
from tests.app_service_simulator.data_plane import PATIENCE, Town, until
from yarl import URL

from app_service_simulator import front_end as front_end_module
from app_service_simulator.clock import Clock
from app_service_simulator.front_end import FrontEnd
from app_service_simulator.quirks import Quirks
from app_service_simulator.routing import Rule
from app_service_simulator.traffic import TrafficLog
from sample_app.build import SOURCE

WEB = "contoso-web.azurewebsites.net"
STAGE = "contoso-web-stage.azurewebsites.net"
PRODUCTION_KEY = ("contoso-web", "production")
STAGE_KEY = ("contoso-web", "stage")


def rule(percentage, host=STAGE):
    return (Rule("stage", host, percentage),)


class Visitor:
    """Asks a front end by Host header, with no cookies but those a test gives."""

    def __init__(self, session, port):
        self.session = session
        self.url = f"http://127.0.0.1:{port}"

    def request(self, method, path="/version", host=WEB, headers=None, **options):
        return self.session.request(
            method,
            URL(f"{self.url}{path}", encoded=True),
            headers={"Host": host, **(headers or {})},
            allow_redirects=False,
            **options,
        )

    async def get(self, path="/version", **options):
        """Status, version and Set-Cookie headers of an answer."""
        async with self.request("GET", path, **options) as answer:
            await answer.read()
            cookies = answer.headers.getall("Set-Cookie", [])
            return answer.status, answer.headers.get("X-App-Version"), cookies

    async def status(self, path="/version", **options):
        return (await self.get(path, **options))[0]

    async def version(self, path="/version", **options):
        return (await self.get(path, **options))[1]


class Simulated:
    """A front end with its directory, traffic log and switches, and a visitor."""

    def __init__(self, folder):
        self.town = Town(folder)
        self.traffic = TrafficLog()
        self.clock = Clock()
        self.quirks = Quirks()
        self.front_end = FrontEnd(self.town, self.traffic, self.clock, self.quirks)
        self.visitor: Visitor

    def counted(self, key):
        """Requests by status, over all the time of the test."""
        now = self.clock.now()
        total: Counter[int] = Counter()
        for minute in self.traffic.minutes(key, now - timedelta(hours=1), now + timedelta(hours=1)):
            total += minute.statuses
        return dict(total)


@pytest.fixture
async def simulated(tmp_path):
    simulated = Simulated(tmp_path)
    port = await simulated.front_end.start(0)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
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


class TestFindingTheApp:
    async def test_a_host_is_found_in_any_case_and_with_a_port(self, town, visitor):
        town.host(WEB, await town.sample_app())
        assert await visitor.status(host="Contoso-Web.AzureWebsites.net:8080") == 200

    async def test_an_unknown_host_answers_404_with_app_service_s_page(self, visitor):
        async with visitor.request("GET", host="nobody.azurewebsites.net") as answer:
            assert (answer.status, "404 Web Site not found." in await answer.text()) == (404, True)

    async def test_a_stopped_slot_answers_403_with_app_service_s_page(self, town, visitor):
        town.host(STAGE, slot="stage", running=False)
        async with visitor.request("GET", host=STAGE) as answer:
            page = await answer.text()
        assert (answer.status, "Error 403 - This web app is stopped." in page) == (403, True)

    async def test_a_slot_s_own_host_always_serves_the_slot(self, town, visitor, both):
        old, _ = both
        town.host(WEB, old, rules=rule(100))
        assert await visitor.get(host=STAGE, headers={"Cookie": "x-ms-routing-name=self"}) == (200, "2.0.0", [])


class TestRoutingTraffic:
    async def test_without_rules_production_answers_and_sets_no_cookie(self, visitor, both):
        assert await visitor.get() == (200, "1.0.0", [])

    async def test_a_new_visitor_gets_both_cookies_with_their_attributes(self, town, visitor, both):
        town.host(WEB, both[0], rules=rule(100))
        _, version, (dice, name) = await visitor.get(host=f"{WEB}:443")
        attributes = f"; path=/; HttpOnly; Domain={WEB}; Max-Age=3600; Secure; SameSite=None"
        assert ("2.0.0", f"x-ms-routing-name=stage{attributes}") == (version, name)
        value, _, rest = dice.partition(";")
        assert value.startswith("TiPMix=")
        assert 0 <= float(value.removeprefix("TiPMix=")) < 100
        assert attributes == f";{rest}"

    async def test_cookie_less_requests_are_split_by_percentage_each_with_a_roll_of_its_own(self, town, visitor, both):
        town.host(WEB, both[0], rules=rule(30))
        versions = Counter([await visitor.version() for _ in range(500)])
        # 500 rolls at 30 %: 150 expected, standard deviation 10.2; beyond 6 of them once in 500 million runs.
        assert 89 <= versions["2.0.0"] <= 211
        assert versions.total() == 500

    async def test_a_pinned_visitor_stays_on_the_slot_and_gets_no_new_cookie(self, town, visitor, both):
        town.host(WEB, both[0], rules=rule(0))
        pinned = {"Cookie": "a=b; x-ms-routing-name=stage"}
        assert await visitor.get(headers=pinned) == (200, "2.0.0", [])

    async def test_the_query_parameter_works_with_a_rule_of_zero_percent_and_pins(self, town, visitor, both):
        town.host(WEB, both[0], rules=rule(0))
        _, version, (cookie,) = await visitor.get("/version?x-ms-routing-name=stage")
        assert (version, cookie.startswith("x-ms-routing-name=stage; path=/;")) == ("2.0.0", True)

    async def test_the_query_parameter_is_ignored_without_a_rule(self, visitor, both):
        assert await visitor.get("/version?x-ms-routing-name=stage") == (200, "1.0.0", [])

    async def test_a_pinned_visitor_stays_on_the_slot_after_the_rule_is_gone(self, simulated, town, visitor, both):
        pinned = {"Cookie": "x-ms-routing-name=stage"}
        town.host(WEB, both[0], rules=rule(50))
        await visitor.get()
        town.host(WEB, both[0])
        assert await visitor.version(headers=pinned) == "2.0.0"
        simulated.quirks.cookie_without_rule_is_honoured = False
        assert await visitor.version(headers=pinned) == "1.0.0"

    async def test_a_visitor_pinned_to_a_stopped_slot_gets_403(self, town, visitor, both):
        town.host(WEB, both[0], rules=rule(0))
        town.host(STAGE, slot="stage", running=False)
        assert await visitor.status(headers={"Cookie": "x-ms-routing-name=stage"}) == 403

    async def test_a_rule_to_a_host_nobody_has_answers_404(self, town, visitor, both):
        town.host(WEB, both[0], rules=rule(100, "typo.azurewebsites.net"))
        assert await visitor.status() == 404

    async def test_an_unknown_routing_name_is_rolled_again_unless_the_switch_says_otherwise(
        self, simulated, town, visitor, both
    ):
        town.host(WEB, both[0], rules=rule(100))
        unknown = {"Cookie": "x-ms-routing-name=gone"}
        assert await visitor.version(headers=unknown) == "2.0.0"
        simulated.quirks.unknown_cookie_value_is_rerolled = False
        assert await visitor.version(headers=unknown) == "1.0.0"

    async def test_a_cookie_s_life_is_shortened_by_the_speed(self, tmp_path, town, both):
        town.host(WEB, both[0], rules=rule(100))
        fast = FrontEnd(town, TrafficLog(), Clock(speed=60), Quirks())
        port = await fast.start(0)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            _, _, cookies = await Visitor(session, port).get()
        await fast.stop()
        assert ["; Max-Age=60;" in cookie for cookie in cookies] == [True, True]


class TestPassingRequestsOn:
    @pytest.fixture
    async def echoed(self, town, visitor):
        """Asks the upstream app and returns what reached it."""
        town.host(WEB, await town.upstream())

        async def ask(method="GET", path="/echo", **options):
            async with visitor.request(method, path, **options) as answer:
                return answer, json.loads(await answer.read())

        return ask

    async def test_the_app_sees_the_host_the_visitor_asked_for(self, town, visitor):
        town.host(WEB, rules=rule(100))
        town.host(STAGE, await town.upstream(), slot="stage")
        async with visitor.request("GET", "/echo") as answer:
            assert dict((await answer.json())["headers"])["Host"] == WEB

    async def test_the_app_is_told_about_the_visitor(self, echoed):
        _, seen = await echoed(headers={"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "forged"})
        headers = dict(seen["headers"])
        before, _, visitor = headers["X-Forwarded-For"].partition(", ")
        address, _, port = visitor.rpartition(":")
        assert (before, address, port.isdigit()) == ("203.0.113.7", "127.0.0.1", True)
        assert (headers["X-Forwarded-Proto"], headers["X-Forwarded-Host"]) == ("http", WEB)

    async def test_method_target_and_body_arrive_unchanged(self, echoed):
        target = URL("/echo?q=%2Fa%20b+c&&x=%c3%a9", encoded=True)
        _, seen = await echoed("PUT", target, data=b"a\x00\xff")
        assert ("PUT", str(target), "a\x00\xff") == (seen["method"], seen["target"], seen["body"])

    async def test_headers_that_concern_one_connection_are_not_passed_on(self, echoed):
        _, seen = await echoed(headers={"Connection": "keep-alive, X-Hop", "X-Hop": "1", "X-End": "2"})
        names = {name for name, _ in seen["headers"]}
        assert ({"X-End"}, set()) == (names & {"X-End"}, names & {"X-Hop", "Connection", "TE"})

    async def test_the_front_end_adds_no_header_of_its_client_library(self, town, echoed, visitor):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(visitor.url.rpartition(":")[2]))
        writer.write(f"GET /echo HTTP/1.1\r\nHost: {WEB}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        seen = json.loads(answer.partition(b"\r\n\r\n")[2])
        forwarded = {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"}
        assert {"Host"} == {name for name, _ in seen["headers"]} - forwarded

    async def test_the_app_s_own_cookies_all_reach_the_visitor(self, echoed):
        answer, _ = await echoed()
        assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]

    async def test_a_visitor_who_asks_for_leave_to_send_a_body_is_given_it(self, echoed):
        _, seen = await echoed("POST", data=b"after 100 Continue", expect100=True)
        assert seen["body"] == "after 100 Continue"

    async def test_a_head_request_keeps_the_length_and_has_no_body(self, town, visitor):
        town.host(WEB, await town.sample_app())
        async with visitor.request("HEAD", "/version") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        assert int(answer.headers["Content-Length"]) > 0

    async def test_an_upload_is_passed_on_part_by_part(self, town, visitor):
        town.host(WEB, await town.upstream())
        go_on = asyncio.Event()

        async def parts():
            yield b"12345"
            await go_on.wait()
            yield b"678"

        async with visitor.request("POST", "/count-upload", data=parts()) as answer:
            # The answer to the first part comes back before the second is sent.
            assert await asyncio.wait_for(answer.content.readline(), PATIENCE) == b"5\n"
            go_on.set()
            assert await asyncio.wait_for(answer.content.readline(), PATIENCE) == b"8\n"

    async def test_an_answer_is_passed_on_chunk_by_chunk(self, town, visitor):
        town.host(WEB, await town.upstream())
        async with visitor.request("GET", "/endless") as answer:
            assert await asyncio.wait_for(answer.content.readline(), PATIENCE) == b"first\n"

    async def test_a_large_answer_waits_for_a_slow_visitor_and_stalls_nobody_else(self, town, visitor):
        worker = await town.upstream()
        town.host(WEB, worker)
        size = 64 * 1024 * 1024
        async with visitor.request("GET", f"/large?bytes={size}") as slow:
            # Not reading: whatever is buffered on the way is full, and others are served all the same.
            assert [await visitor.status("/echo") for _ in range(20)] == [200] * 20
            assert worker.in_flight == 1
            received = 0
            async for chunk in slow.content.iter_any():
                received += len(chunk)
        assert size == received

    async def test_a_visitor_who_goes_away_ends_the_request_to_the_app(self, town, visitor):
        worker = await town.upstream()
        town.host(WEB, worker)
        async with visitor.request("GET", "/endless") as answer:
            await answer.content.readline()
            answer.close()
        await until(lambda: "the visitor has gone" in worker.log.read_text())
        await until(lambda: worker.in_flight == 0)


class TestWebSockets:
    @pytest.fixture
    async def worker(self, town):
        worker = await town.upstream()
        town.host(WEB, worker)
        return worker

    def connect(self, visitor, path="/chat", **options):
        return visitor.session.ws_connect(visitor.url + path, headers={"Host": WEB}, **options)

    async def test_messages_pass_both_ways(self, visitor, worker):
        async with self.connect(visitor, protocols=["other", "talk"], max_msg_size=0) as socket:
            assert (await socket.receive_str()).startswith("127.0.0.1:")
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello"
            await socket.send_bytes(b"\x00" * 5_000_000)
            assert await socket.receive_bytes() == b"\x00" * 5_000_000
        assert socket.protocol == "talk"

    async def test_the_app_s_close_code_reaches_the_visitor(self, visitor, worker):
        async with self.connect(visitor) as socket:
            await socket.receive_str()
            await socket.send_str("bye")
            message = await socket.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4000)

    async def test_the_visitor_s_close_code_reaches_the_app(self, visitor, worker):
        async with self.connect(visitor) as socket:
            await socket.receive_str()
            await socket.close(code=4001)
        await until(lambda: "closed with 4001" in worker.log.read_text())
        await until(lambda: worker.in_flight == 0)

    async def test_a_worker_that_dies_closes_the_visitor_s_socket(self, visitor, worker):
        async with self.connect(visitor) as socket:
            await socket.receive_str()
            os.kill(worker.pid, signal.SIGKILL)
            message = await asyncio.wait_for(socket.receive(), PATIENCE)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)

    async def test_the_handshake_is_routed_and_pins_the_visitor(self, town, visitor, worker):
        town.host(WEB, rules=rule(100))
        town.host(STAGE, worker, slot="stage")
        async with self.connect(visitor) as socket:
            cookies = socket._response.headers.getall("Set-Cookie")
        assert [cookie.partition("=")[0] for cookie in cookies] == ["TiPMix", "x-ms-routing-name"]

    async def test_a_refused_handshake_is_refused_to_the_visitor(self, visitor, worker):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await self.connect(visitor, "/no-chat")
        assert refusal.value.status == 401

    async def test_a_socket_counts_as_status_101(self, simulated, visitor, worker):
        async with self.connect(visitor) as socket:
            await socket.receive_str()
        await until(lambda: simulated.counted(PRODUCTION_KEY) == {101: 1})


class TestStartingAndReplacingWorkers:
    async def test_a_request_waits_for_a_worker_that_is_starting(self, town, visitor):
        town.host(WEB)
        asked = asyncio.create_task(visitor.version())
        worker = await town.sample_app("1.0.0", SAMPLE_START_DELAY_S="0.2")
        assert not asked.done()
        town.host(WEB, worker)
        assert await asyncio.wait_for(asked, PATIENCE) == "1.0.0"

    async def test_a_request_waits_for_a_worker_that_does_not_listen_yet(self, town, visitor):
        town.host(WEB, await town.launch(SOURCE, SAMPLE_VERSION="1.0.0", SAMPLE_START_DELAY_S="0.2"))
        assert await asyncio.wait_for(visitor.version(), PATIENCE) == "1.0.0"

    async def test_a_worker_that_does_not_come_in_time_is_a_503(self, town, visitor, monkeypatch):
        monkeypatch.setattr(front_end_module, "COLD_START_LIMIT", 0.1)
        town.host(WEB)
        assert await visitor.status() == 503

    async def test_a_request_held_for_a_slot_that_is_then_stopped_gets_403(self, town, visitor):
        town.host(WEB)
        asked = asyncio.create_task(visitor.status())
        await until(lambda: True)
        town.host(WEB, running=False)
        assert await asyncio.wait_for(asked, PATIENCE) == 403

    async def test_during_a_cut_over_both_versions_answer(self, town, visitor, both):
        town.host(WEB, *both)
        versions = Counter([await visitor.version() for _ in range(100)])
        assert {"1.0.0", "2.0.0"} == set(versions)

    async def test_no_request_is_lost_while_workers_are_replaced_again_and_again(self, town, visitor):
        current = await town.sample_app("0")
        town.host(WEB, current)
        statuses: Counter[int] = Counter()
        finished = asyncio.Event()

        async def keep_asking(method):
            while not finished.is_set():
                async with visitor.request(method, "/") as answer:
                    statuses[answer.status] += 1
                    await answer.read()

        visitors = [asyncio.create_task(keep_asking(method)) for method in ["GET"] * 6 + ["HEAD"] * 2]
        for number in range(1, 5):
            following = await town.sample_app(str(number))
            town.host(WEB, current, following)
            town.host(WEB, following)
            await current.stop()
            current = following
        finished.set()
        await asyncio.gather(*visitors)
        assert {200} == set(statuses)
        assert statuses[200] > 100

    async def test_a_worker_stopped_while_still_listed_gets_no_new_request(self, town, visitor):
        old = await town.sample_app("1.0.0")
        town.host(WEB, old)
        await visitor.get()
        await old.stop()
        asked = asyncio.create_task(visitor.version())
        new = await town.sample_app("2.0.0")
        town.host(WEB, new)
        assert await asyncio.wait_for(asked, PATIENCE) == "2.0.0"

    async def test_a_worker_that_has_died_is_a_503(self, town, visitor):
        worker = await town.sample_app()
        town.host(WEB, worker)
        await visitor.get()
        os.kill(worker.pid, signal.SIGKILL)
        await until(lambda: not worker.alive)
        assert await visitor.status() == 503

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
    async def test_a_worker_that_hangs_up_without_an_answer_is_a_502(self, town, visitor, method):
        town.host(WEB, await town.upstream())
        body = None if method == "GET" else b"body"
        async with visitor.request("GET", "/echo") as answer:  # so that a kept connection is used
            await answer.read()
        async with visitor.request(method, "/hang-up", data=body) as answer:
            assert answer.status == 502

    async def test_an_answer_that_breaks_off_does_not_look_complete(self, simulated, town, visitor):
        town.host(WEB, await town.upstream())
        async with visitor.request("GET", "/break-off") as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        await until(lambda: simulated.counted(PRODUCTION_KEY) == {200: 1})


class TestCountingTraffic:
    async def test_a_rerouted_request_counts_on_the_slot_unless_the_switch_says_otherwise(
        self, simulated, town, visitor, both
    ):
        town.host(WEB, both[0], rules=rule(100))
        await visitor.get()
        assert (simulated.counted(PRODUCTION_KEY), simulated.counted(STAGE_KEY)) == ({}, {200: 1})
        simulated.quirks.rerouted_requests_count_on_the_slot = False
        await visitor.get()
        assert (simulated.counted(PRODUCTION_KEY), simulated.counted(STAGE_KEY)) == ({200: 1}, {200: 1})

    async def test_the_403_of_a_stopped_slot_counts_only_if_the_switch_says_so(self, simulated, town, visitor):
        town.host(STAGE, slot="stage", running=False)
        await visitor.get(host=STAGE)
        assert simulated.counted(STAGE_KEY) == {}
        simulated.quirks.stopped_403_counts_as_request = True
        await visitor.get(host=STAGE)
        assert simulated.counted(STAGE_KEY) == {403: 1}

    async def test_time_and_the_bytes_of_both_bodies_are_counted(self, simulated, town, visitor):
        town.host(WEB, await town.upstream())
        async with visitor.request("POST", "/echo", data=b"x" * 1000) as answer:
            sent = len(await answer.read())
        now = simulated.clock.now()
        [minute] = simulated.traffic.minutes(PRODUCTION_KEY, now - timedelta(minutes=2), now + timedelta(minutes=2))
        assert (1000, sent) == (minute.bytes_received, minute.bytes_sent)
        assert 0 < minute.seconds < PATIENCE


class TestStopping:
    async def test_a_stopped_front_end_does_not_listen(self, simulated, visitor):
        await simulated.front_end.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await visitor.get()
