"""Visitors against a real front end, real apps, and a few servers that misbehave."""

import asyncio
import itertools
import os
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.app_service_simulator.data_plane import PATIENCE, Town, until

from app_service_simulator.clock import Clock
from app_service_simulator.front_end import FrontEnd
from app_service_simulator.quirks import Quirks
from app_service_simulator.routing import Rule
from app_service_simulator.traffic import TrafficLog
from sample_app.build import SOURCE
from visitors.__main__ import main
from visitors.crowd import Crowd
from visitors.journal import BROWSER, CLIENT, Journal, JournalReader
from visitors.tally import Tally

WEB = "contoso-web.azurewebsites.net"
STAGE = "contoso-web-stage.azurewebsites.net"
INCLUDE = SOURCE.parents[1]


@pytest.fixture
async def town(tmp_path):
    town = Town(tmp_path / "logs")
    yield town
    await town.close()


@pytest.fixture
async def front_end(town):
    """Its URL; a cookie lives for two seconds."""
    front_end = FrontEnd(town, TrafficLog(), Clock(speed=1800), Quirks())
    port = await front_end.start(0)
    yield f"http://127.0.0.1:{port}"
    await front_end.stop()


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal.jsonl"


class Record:
    """All the entries of a journal so far."""

    def __init__(self, path):
        self._reader = JournalReader(path)
        self.entries = []

    def read(self, **wanted):
        self.entries += self._reader.read()
        return [e for e in self.entries if all(getattr(e, name) == value for name, value in wanted.items())]


@asynccontextmanager
async def crowd(url, journal, *, clients=0.0, browsers=0, pause=0.05):
    """Visitors for as long as the context lasts, and the record of their journal."""
    with Journal(journal) as pages:
        visitors = Crowd(url, WEB, pages)
        tasks = []
        if clients:
            tasks.append(asyncio.create_task(visitors.clients(clients)))
        if browsers:
            tasks.append(asyncio.create_task(visitors.browsers(browsers, pause)))
        try:
            yield Record(journal)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_clients_come_at_their_pace_and_each_rolls_the_dice_anew(town, front_end, journal):
    old, new = await asyncio.gather(town.sample_app("1.0.0"), town.sample_app("2.0.0"))
    town.host(WEB, old, rules=(Rule("stage", STAGE, 30),))
    town.host(STAGE, new, slot="stage")
    began = asyncio.get_running_loop().time()
    async with crowd(front_end, journal, clients=200) as record:
        await until(lambda: len(record.read()) >= 300)
        # 300 at 200 a second cannot be sent in less than 1.5 s; how much longer is the machine's business.
        assert asyncio.get_running_loop().time() - began >= 1.49
    tally = Tally(record.entries)
    share = tally.share("2.0.0").percent
    assert share is not None
    # 30 % of 300 or more, within 6 standard deviations.
    assert 14 <= share <= 46
    assert tally.figures().failures == 0
    assert {(e.kind, e.version, e.routed) for e in record.entries} == {
        (CLIENT, "1.0.0", "self"),
        (CLIENT, "2.0.0", "stage"),
    }
    assert len({e.visitor for e in record.entries}) == len(record.entries)


async def test_a_browser_stays_where_its_cookie_says_until_the_cookie_expires(town, front_end, journal):
    old, new = await asyncio.gather(town.sample_app("1.0.0"), town.sample_app("2.0.0"))
    town.host(STAGE, new, slot="stage")
    town.host(WEB, old, rules=(Rule("stage", STAGE, 100),))
    async with crowd(front_end, journal, browsers=3) as record:
        names = {f"browser-{number}" for number in (1, 2, 3)}
        await until(lambda: {e.visitor for e in record.read(version="2.0.0", routed="stage")} == names)
        town.host(WEB, old)
        seen = len(record.read())
        await until(lambda: len(record.read()) >= seen + 6)
        # The rule is gone, the cookies are not: a request under way in that moment aside, all stay.
        assert {e.version for e in record.entries} == {"2.0.0"}
        await until(lambda: {e.visitor for e in record.read(version="1.0.0", routed=None)} == names)
    assert {e.kind for e in record.entries} == {BROWSER}
    assert Tally(record.entries).figures().failures == 0


async def test_a_stopped_app_is_a_failure_by_no_version(town, front_end, journal):
    town.host(WEB, running=False)
    async with crowd(front_end, journal, clients=50) as record:
        await until(record.read)
    entry = record.entries[0]
    assert (entry.status, entry.ok, entry.version, entry.routed) == (403, False, None, None)


async def test_a_front_end_that_is_gone_is_a_failure_with_its_error(journal):
    async with crowd("http://127.0.0.1:1", journal, clients=50, browsers=1) as record:
        await until(lambda: record.read(kind=CLIENT) and record.read(kind=BROWSER))
    for entry in record.entries:
        assert (entry.status, entry.ok) == (None, False)
        assert "Cannot connect" in entry.error


async def test_an_answer_that_breaks_off_is_a_failure_that_still_names_the_version(journal):
    async def break_off(request):
        response = web.StreamResponse(headers={"Content-Length": "100", "X-App-Version": "2.0.0"})
        await response.prepare(request)
        await response.write(b"only this")
        request.transport.close()
        return response

    async with served(break_off) as url, crowd(url, journal, clients=50) as record:
        await until(record.read)
    entry = record.entries[0]
    assert (entry.status, entry.ok, entry.version) == (None, False, "2.0.0")
    assert entry.error


async def test_redirects_are_not_followed_and_nothing_is_sent_elsewhere(journal):
    seen: Counter[str] = Counter()

    async def redirect(request):
        seen[request.headers["Host"]] += 1
        return web.Response(status=302, headers={"Location": "http://example.invalid/"})

    async with served(redirect) as url, crowd(url, journal, clients=50, browsers=1) as record:
        await until(lambda: record.read(kind=CLIENT) and record.read(kind=BROWSER))
    assert set(seen) == {WEB}
    assert {(e.status, e.ok) for e in record.entries} == {(302, True)}


async def test_a_slow_answer_does_not_make_the_clients_rarer(journal):
    arrived = []
    go_on = asyncio.Event()

    async def wait(request):
        arrived.append(request)
        await go_on.wait()
        return web.Response()

    async with served(wait) as url, crowd(url, journal, clients=100) as record:
        await until(lambda: len(arrived) >= 20)
        assert record.read() == []
        go_on.set()
        await until(lambda: len(record.read()) >= 20)


@asynccontextmanager
async def served(handler):
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


class TestTheCommandLine:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_it_ends_at_once_and_cleanly_on_a_signal(self, journal, number):
        answered = itertools.count(1)

        async def answer(request):
            if next(answered) > 3:
                await asyncio.Event().wait()
            return web.Response()

        async with served(answer) as url:
            words = ["--url", url, "--host", WEB, "--journal", str(journal), "--browser-pause", "0"]
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "visitors", *words),
                env={**os.environ, "PYTHONPATH": str(INCLUDE)},
                stderr=asyncio.subprocess.PIPE,
            )
            record = Record(journal)
            await until(lambda: len(record.read()) >= 3)
            program.send_signal(number)
            _, errors = await asyncio.wait_for(program.communicate(), PATIENCE)
        assert (program.returncode, errors) == (0, b"")
        # The requests it left behind are nobody's failure.
        assert {e.ok for e in record.entries + record.read()} == {True}

    @pytest.mark.parametrize("url", ["http://203.0.113.7", "https://contoso-web.azurewebsites.net"])
    def test_it_refuses_to_visit_another_machine(self, journal, capsys, url):
        with pytest.raises(SystemExit) as end:
            main(["--url", url, "--host", WEB, "--journal", str(journal)])
        assert end.value.code == 2
        assert f"--url is {url}, which is not this machine" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--host", "203.0.113.7"], "the host is '203.0.113.7'; it must be a name"),
            (["--host", WEB, "--browsers", "-1"], "must not be negative"),
            (["--host", WEB, "--url", "ftp://127.0.0.1"], "is not an http or https URL"),
        ],
    )
    def test_it_refuses_what_makes_no_sense(self, journal, capsys, words, sentence):
        with pytest.raises(SystemExit):
            main(["--url", "http://127.0.0.1:1", "--journal", str(journal), *words])
        assert sentence in capsys.readouterr().err
