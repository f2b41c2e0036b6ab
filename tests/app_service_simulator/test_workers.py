import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from tests.app_service_simulator.data_plane import PATIENCE, Town, until

from app_service_simulator.workers import Launch, Worker, WorkerFailed
from sample_app.build import SOURCE

INCLUDE = SOURCE.parents[1]


@pytest.fixture
async def town(tmp_path):
    town = Town(tmp_path / "logs")
    yield town
    await town.close()


async def get(worker, path="/"):
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{worker.port}{path}") as answer:
        return answer.status, await answer.text()


def stat_of(folder):
    """State, parent and group of the process with this folder under /proc; Z for one that is gone."""
    try:
        # They come after the program's name, which may hold anything.
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["Z", "0", "0"]


def gone(pid):
    """No process, or only one nobody has buried."""
    return stat_of(Path(f"/proc/{pid}"))[0] == "Z"


async def test_content_with_an_app_py_runs_on_the_port_it_is_given(town):
    worker = await town.sample_app("1.2.3")
    assert await get(worker, "/version") == (200, '{"version": "1.2.3", "slot": "unknown slot"}')


async def test_a_startup_command_is_run_by_a_shell_in_the_content_folder(town, tmp_path):
    (tmp_path / "hello.txt").write_text("hello")
    worker = await town.launch(
        tmp_path, 'test -f hello.txt && exec python -m http.server --bind $HOST "$PORT"', HOST="127.0.0.1"
    )
    await worker.wait_until_listening(PATIENCE)
    assert await get(worker, "/hello.txt") == (200, "hello")


async def test_a_process_sees_its_settings_and_not_the_simulator_s_environment(town, tmp_path, monkeypatch):
    monkeypatch.setenv("SIMULATOR_SECRET", "do not tell")
    worker = await town.launch(tmp_path, "env", COLOUR="green", PORT="1")
    with pytest.raises(WorkerFailed):
        await worker.wait_until_listening(PATIENCE)
    seen = dict(line.split("=", 1) for line in worker.log.read_text().splitlines())
    assert ("green", str(worker.port)) == (seen["COLOUR"], seen["PORT"])
    assert "SIMULATOR_SECRET" not in seen


async def test_an_app_that_ends_at_once_fails_with_its_last_words(town):
    worker = await town.launch(Path(INCLUDE / "sample_app" / "web"), SAMPLE_FAIL_START="1", SAMPLE_VERSION="6.6.6")
    with pytest.raises(WorkerFailed) as failure:
        await worker.wait_until_listening(PATIENCE)
    assert failure.value.reason == "app-1 ended with exit code 1 before it listened"
    assert failure.value.log_tail == "version 6.6.6 cannot start: SAMPLE_FAIL_START is set"
    assert not worker.alive


async def test_an_app_that_never_listens_fails_when_the_time_is_over(town, tmp_path):
    worker = await town.launch(tmp_path, "exec sleep 60")
    with pytest.raises(WorkerFailed, match="did not listen on port"):
        await worker.wait_until_listening(0.1)


async def test_content_that_is_not_there_cannot_be_started(tmp_path):
    with pytest.raises(WorkerFailed, match="nowhere could not be started"):
        await Worker.start(Launch(tmp_path / "missing", {}, None, "nowhere"), tmp_path / "log")


async def test_a_ping_returns_the_status_whatever_it_is(town):
    worker = await town.sample_app(SAMPLE_UNHEALTHY="1")
    assert [await worker.ping(path) for path in ("/", "/health", "/nothing")] == [200, 503, 404]


async def test_a_ping_that_takes_too_long_fails(town):
    worker = await town.sample_app(SAMPLE_LATENCY_MS="5000")
    with pytest.raises(WorkerFailed, match="app-1 did not answer GET /"):
        await worker.ping(timeout=0.1)


async def test_a_stopped_worker_has_ended_and_does_not_listen(town):
    worker = await town.sample_app()
    await worker.stop()
    assert (worker.alive, gone(worker.pid)) == (False, True)
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(worker)


async def test_stopping_waits_for_the_requests_the_front_end_has_in_hand(town):
    worker = await town.sample_app()
    worker.begin()
    stopping = asyncio.create_task(worker.stop(grace=PATIENCE))
    await until(lambda: worker.stopping)
    assert (worker.alive, worker.accepting) == (True, False)
    assert (await get(worker))[0] == 200
    worker.end()
    await asyncio.wait_for(stopping, PATIENCE)
    assert not worker.alive


async def test_a_request_in_hand_does_not_hold_up_a_stop_longer_than_its_grace(town):
    worker = await town.sample_app()
    worker.begin()
    await asyncio.wait_for(worker.stop(grace=0.1), PATIENCE)
    assert not worker.alive


async def test_an_app_that_ignores_the_request_to_end_is_killed_with_its_children(town, tmp_path):
    (tmp_path / "stubborn.py").write_text(
        "import os, signal, socket, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\n"
        "time.sleep(600)\n"
    )
    worker = await town.launch(tmp_path, "exec python stubborn.py")
    await worker.wait_until_listening(PATIENCE)
    child = int(worker.log.read_text())
    await worker.stop(grace=0.1)
    await until(lambda: gone(child))
    assert gone(worker.pid)


async def test_the_children_of_a_process_that_dies_by_itself_die_too(town, tmp_path):
    worker = await town.launch(tmp_path, "sleep 600 & echo $!; exit 3")
    await until(lambda: not worker.alive)
    child = int(worker.log.read_text())
    await until(lambda: gone(child))


async def test_a_worker_can_be_stopped_twice_and_after_it_has_died(town):
    worker = await town.sample_app()
    os.kill(worker.pid, signal.SIGKILL)
    await until(lambda: not worker.alive)
    await worker.stop()
    await worker.stop()


async def test_many_workers_starting_at_once_get_ports_of_their_own(town, tmp_path):
    workers = await asyncio.gather(*(town.launch(tmp_path, "exec sleep 60") for _ in range(10)))
    assert len({worker.port for worker in workers}) == 10


async def test_neither_workers_nor_their_children_survive_a_simulator_that_is_killed(tmp_path):
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from app_service_simulator.workers import Launch, Worker\n"
        "async def main():\n"
        "    launch = Launch(Path(sys.argv[1]), {}, 'sleep 600 & echo $!; wait', 'orphan')\n"
        "    worker = await Worker.start(launch, Path(sys.argv[1]) / 'log')\n"
        "    print(worker.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    simulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(INCLUDE)},
    )
    assert simulator.stdout
    worker = int(await simulator.stdout.readline())
    log = tmp_path / "log"
    await until(lambda: log.read_text().endswith("\n"))
    child = int(log.read_text())
    simulator.kill()
    await simulator.wait()
    await until(lambda: gone(worker) and gone(child))


async def test_an_app_behind_a_startup_command_is_given_time_to_end(town, tmp_path):
    (tmp_path / "server.py").write_text(
        "import os, signal, socket, time\n"
        "def end(*_):\n"
        "    time.sleep(0.3)\n"
        "    print('ended well', flush=True)\n"
        "    raise SystemExit\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\n"
        "time.sleep(600)\n"
    )
    worker = await town.launch(tmp_path, "echo starting; python server.py; echo never")
    await worker.wait_until_listening(PATIENCE)
    await worker.stop()
    assert worker.log.read_text() == "starting\nended well\n"


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def living_members(group):
    """The processes of a group, those not counted that only wait to be buried."""
    stats = [stat_of(folder) for folder in Path("/proc").glob("[0-9]*")]
    return [stat for stat in stats if stat[0] != "Z" and int(stat[2]) == group]


async def test_a_worker_leaves_no_process_and_no_open_file_behind(town):
    before = open_files()
    worker = await town.sample_app()
    assert len(living_members(worker.pid)) == 2  # the app and its watchman
    await worker.stop()
    await until(lambda: not living_members(worker.pid))
    assert open_files() <= before
