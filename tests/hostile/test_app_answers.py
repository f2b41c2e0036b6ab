"""Apps that answer anything at all: a good answer, or a bad one with its reason; never an error, never much memory."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.hostile.raw_server import RawServer

from app_service_canary.hooks.app_hosts import LONGEST_VERSION, MOST_READ, AppHosts
from app_service_canary.release.observation import Observation, Side

HOST = "storefront.azurewebsites.net"


class Asking:
    """A client and a server in one event loop, which stays open over all examples of a test."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(RawServer().__aenter__())
        self.hosts = AppHosts(connect_to=f"http://127.0.0.1:{self.server.port}", timeout=5)

    def ask(self, raw: bytes) -> Observation:
        """What a watch has seen when the app has answered this."""
        self.server.answer = raw
        answer = self.loop.run_until_complete(self.hosts.ask(Side.VISITORS, HOST, "/", (200,)))
        assert answer.good is (answer.status == 200)
        assert bool(answer.problem) is not answer.good
        assert len(answer.problem) < 100
        return Observation.of(Side.VISITORS).and_then(answer)

    def version(self, raw: bytes) -> str | None:
        self.server.answer = raw
        return self.loop.run_until_complete(self.hosts.version(HOST, "/version"))

    def close(self) -> None:
        self.loop.run_until_complete(self.hosts.__aexit__(None, None, None))
        self.loop.run_until_complete(self.server.__aexit__(None, None, None))
        self.loop.close()


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    opened = Asking()
    yield opened
    opened.close()


def answer(body: bytes, *headers: str, status: int = 200) -> bytes:
    """A well-formed answer, as far as its headers are."""
    lines = [f"HTTP/1.1 {status} OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


ages = st.sampled_from(["", "0", "-1", "3600", "1e400", "nan", "-inf", "1_0", "٣", "9" * 400, "x"])
dates = st.sampled_from(
    ["", "0", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 -0000", "Fri, 31 Dec 9999 23:59:59 -1200"]
) | st.text(max_size=30)
names = st.sampled_from(["x-ms-routing-name", "X-MS-Routing-Name", "other", "", "x-ms-routing-name[", "a=b"])
cookies = st.tuples(names, st.text(max_size=20), ages, dates).map(
    lambda parts: f"Set-Cookie: {parts[0]}={parts[1]}; Max-Age={parts[2]}; Expires={parts[3]}"
)
odd_types = ["Content-Type: text/plain; charset=hex", "Content-Type: text/plain; charset=idna"]
odd_lengths = ["Content-Encoding: gzip", "Transfer-Encoding: chunked", "Content-Length: -1", "X: " + "x" * 70_000]
odd_signs = ["Location: http://[", "Location: //\x00", "Set-Cookie: \xff\xfe", "Connection: upgrade", ":", "no colon"]
odd_headers = st.sampled_from([*odd_types, *odd_lengths, *odd_signs])


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest))
@example(b"")
@example(b"HTTP/1.1 200 OK\r\n\r\n")
@example(b"HTTP/9.9 999 \xff\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\ncut")
@example(b"HTTP/1.1 101 Switching\r\n\r\n")
@example(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)
def test_any_bytes_are_an_answer_good_or_bad(asking: Asking, raw: bytes) -> None:
    asking.ask(raw)
    assert asking.version(raw) is None or b"200" in raw


@pytest.mark.filterwarnings("ignore:http.cookiejar bug")  # Python's own; the client's jar is emptied unread
@given(st.lists(cookies | odd_headers, max_size=4), st.sampled_from([200, 204, 301, 302, 404, 500]))
@example(["Set-Cookie: x-ms-routing-name=stage; Expires=Mon, 01 Jan 0001 00:00:00 -0000"], 200)
@example(["Content-Type: text/plain; charset=hex"], 200)
@example(["Set-Cookie: session=a-secret-of-the-app\r"], 200)
def test_any_headers_are_understood_or_passed_over(asking: Asking, headers: list[str], status: int) -> None:
    raw = answer(b"2.0.0", *headers, status=status)

    seen = asking.ask(raw)
    pinned_for = seen.pinned_for
    assert pinned_for is None or 0 <= pinned_for < float("inf")
    assert seen.to_json("stage")["observed_share"]["routed"] <= 1
    asking.version(raw)


@given(st.text(max_size=100).map(str.encode) | st.binary(max_size=100))
@example(b'{"version": "' + b"x" * 1000 + b'"}')
@example(b'{"version": "a\\u0000b"}')
@example(b'{"version": "\\ud800"}')
@example(b'{"version": "** | approved |\\n# "}')
@example(b"[" * 100_000)
@example(b'{"version":' * 10_000)
@example(b"9" * 10_000)
@example(b"1e400")
@example("2.0.0".encode("utf-16"))
@example(b"<h1>It works</h1>")
def test_a_version_is_a_short_text_on_one_line(asking: Asking, body: bytes) -> None:
    found = asking.version(answer(body))

    assert found is None or (0 < len(found) <= LONGEST_VERSION and found.isprintable())


def test_an_answer_without_end_is_read_up_to_a_limit(asking: Asking) -> None:
    buffered = 16 * MOST_READ  # what the system keeps between the two, generously
    asking.server.without_end = True
    try:
        raw = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(MOST_READ)
        seen = asking.ask(raw)
        assert asking.version(raw) is None
    finally:
        asking.server.without_end = False
    assert seen.sides[Side.VISITORS].failures == 0
    assert MOST_READ <= asking.server.sent < buffered


def test_a_body_that_unpacks_to_more_than_a_machine_holds_stays_packed(asking: Asking) -> None:
    packed = answer(gzip.compress(bytes(64 * MOST_READ)), "Content-Encoding: gzip")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    seen = asking.ask(packed)
    version = asking.version(packed)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert (seen.sides[Side.VISITORS].failures, version) == (0, None)
    assert peak < 8 * MOST_READ


@pytest.fixture
async def nothing_listens() -> int:
    async with RawServer() as server:
        return server.port


async def test_an_app_that_is_not_there_is_a_bad_answer_too(nothing_listens: int) -> None:
    async with AppHosts(connect_to=f"http://127.0.0.1:{nothing_listens}", timeout=5) as hosts:
        seen = await hosts.ask(Side.SLOT, HOST, "/", (200,))
    assert (seen.status, seen.good) == (None, False)
    assert seen.problem.startswith("could not be asked: ")
