import asyncio
import json
import os
import signal

import aiohttp
import pytest
from tests.app_service_simulator.data_plane import PATIENCE, PRODUCTION_KEY, STAGE, WEB, rule, until
from yarl import URL


async def ask_by_hand(visitor, request_line):
    """Sends a request line no client library would, and returns what the upstream app saw."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(visitor.url.rpartition(":")[2]))
    writer.write(f"{request_line}\r\nHost: {WEB}\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2])


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

    async def test_the_front_end_adds_no_header_of_its_client_library(self, echoed, visitor):
        seen = await ask_by_hand(visitor, "GET /echo HTTP/1.1")
        forwarded = {"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"}
        assert {name for name, _ in seen["headers"]} - forwarded == {"Host"}

    @pytest.mark.parametrize("target", [f"http://{WEB}/echo?a=1", "/echo?a=1"])
    async def test_a_target_in_a_proxy_s_form_is_reduced_to_its_path(self, echoed, visitor, target):
        assert (await ask_by_hand(visitor, f"GET {target} HTTP/1.1"))["target"] == "/echo?a=1"

    async def test_an_options_request_about_the_server_reaches_the_app(self, echoed, visitor):
        assert (await ask_by_hand(visitor, "OPTIONS * HTTP/1.1"))["method"] == "OPTIONS"

    async def test_a_visitor_of_http_1_0_gets_the_whole_answer_and_a_closed_connection(self, echoed, visitor):
        assert (await ask_by_hand(visitor, "GET /echo HTTP/1.0"))["target"] == "/echo"

    async def test_headers_of_twenty_kilobytes_pass_both_ways(self, echoed):
        cookie = "session=" + "x" * 20_000
        answer, seen = await echoed(headers={"Cookie": cookie})
        assert dict(seen["headers"])["Cookie"] == cookie
        assert answer.headers["X-Cookie-Was"] == cookie

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

    async def test_a_compressed_answer_stays_as_it_is(self, town, visitor):
        town.host(WEB, await town.upstream())
        async with visitor.request("GET", "/compressed") as answer:
            assert await answer.text() == "squeeze " * 1000
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < 1000

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

    async def test_an_answer_that_breaks_off_does_not_look_complete(self, simulated, town, visitor):
        town.host(WEB, await town.upstream())
        async with visitor.request("GET", "/break-off") as answer:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        await until(lambda: simulated.counted(PRODUCTION_KEY) == {200: 1})


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
