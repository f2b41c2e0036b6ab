import asyncio
import os
import signal
from collections import Counter
from datetime import timedelta

import aiohttp
import pytest
from tests.app_service_simulator.data_plane import (
    PATIENCE,
    PRODUCTION_KEY,
    STAGE,
    STAGE_KEY,
    UPSTREAM,
    WEB,
    Visitor,
    rule,
    until,
)

from app_service_simulator import front_end as front_end_module
from app_service_simulator.clock import Clock
from app_service_simulator.front_end import FrontEnd
from app_service_simulator.quirks import Quirks
from app_service_simulator.traffic import TrafficLog
from sample_app.build import SOURCE


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

    async def test_a_body_waits_too_and_arrives_once(self, town, visitor):
        town.host(WEB, await town.launch(UPSTREAM.parent, f"sleep 0.2; exec python {UPSTREAM.name}"))
        async with visitor.request("POST", "/echo", data=b"x" * 100_000, expect100=True) as answer:
            assert (await answer.json())["body"] == "x" * 100_000

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_no_request_is_lost_while_workers_are_replaced_again_and_again(self, town, visitor, method):
        current = await town.upstream()
        town.host(WEB, current)
        statuses: Counter[int] = Counter()
        finished = asyncio.Event()

        async def keep_asking():
            while not finished.is_set():
                async with visitor.request(method, "/echo", data=b"body") as answer:
                    statuses[answer.status] += (await answer.json())["body"] == "body"

        visitors = [asyncio.create_task(keep_asking()) for _ in range(8)]
        for _ in range(3):
            following = await town.upstream()
            town.host(WEB, current, following)
            town.host(WEB, following)
            await current.stop()
            current = following
        finished.set()
        await asyncio.gather(*visitors)
        assert set(statuses) == {200}
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

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    async def test_a_worker_that_hangs_up_is_a_502_and_a_body_is_never_sent_twice(self, town, visitor, method):
        worker = await town.upstream()
        town.host(WEB, worker)
        async with visitor.request("GET", "/echo") as answer:  # so that a kept connection is used
            await answer.read()
        async with visitor.request(method, "/hang-up", data=b"body") as answer:
            assert answer.status == 502
        assert worker.log.read_text().count(f"hanging up on {method}") == 1


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

    async def test_each_request_is_logged_with_what_was_asked_for_and_who_answered(self, simulated, town, visitor):
        town.host(WEB, await town.sample_app(WEBSITE_SITE_NAME="contoso-web"))
        await visitor.get("/version?secret=1", host="Contoso-Web.AzureWebsites.net:8080")
        [request] = simulated.traffic.requests.since(None)
        assert (request.key, request.host, request.method) == (PRODUCTION_KEY, WEB, "GET")
        assert (request.path, request.status, request.role) == ("/version", 200, "contoso-web")

    async def test_an_app_is_called_by_its_setting_its_name_or_its_slot_s_as_the_switch_says(
        self, simulated, town, visitor
    ):
        town.host(STAGE, await town.sample_app(WEBSITE_SITE_NAME="contoso-web"), slot="stage")
        await visitor.get(host=STAGE)
        simulated.quirks.role_name_has_the_slot = True
        await visitor.get(host=STAGE)
        town.host(STAGE, await town.sample_app(OTEL_SERVICE_NAME="shop"), slot="stage")
        await visitor.get(host=STAGE)
        roles = [request.role for request in simulated.traffic.requests.since(None)]
        assert roles == ["contoso-web", "contoso-web-stage", "shop"]

    async def test_no_app_knows_of_a_request_that_the_front_end_answers(self, simulated, town, visitor):
        town.host(WEB, await town.upstream())
        assert await visitor.status("/hang-up") == 502
        [request] = simulated.traffic.requests.since(None)
        assert (request.status, request.role) == (502, None)


class TestStopping:
    async def test_a_stopped_front_end_does_not_listen(self, simulated, visitor):
        await simulated.front_end.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await visitor.get()

    async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open(self, simulated, town, visitor):
        taken = int(visitor.url.rpartition(":")[2])
        second = FrontEnd(town, TrafficLog(), Clock(), Quirks())
        with pytest.raises(OSError, match="address already in use"):
            await second.start(taken)
        await second.stop()
