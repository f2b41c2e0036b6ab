"""The command line: what it answers, and that it ends what it started."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from tests.demo.conftest import PATIENCE, eventually, python

from demo.run_directory import RunDirectory

INCLUDE = str(Path(__file__).parents[2] / "include")

# `make simulator` in a directory of the test's own, as a shell's background job: with SIGINT ignored.
MAIN = """
import signal, sys
from pathlib import Path
import demo.__main__ as main
signal.signal(signal.SIGINT, signal.SIG_IGN)
main.RUNS = Path(sys.argv.pop(1))
sys.exit(main.main())
"""


def demo(runs: Path, command: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*python(MAIN), str(runs), command],
        env={**os.environ, "PYTHONPATH": INCLUDE, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """`make simulator`, up."""
    process = demo(tmp_path, "simulator")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("The App Service simulator is up: https://127.0.0.1:")
    yield process
    process.terminate()
    process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_everything_that_was_started(
    simulator: "subprocess.Popen[str]", tmp_path: Path, number: signal.Signals
) -> None:
    guards = [entry.pid for entry in RunDirectory(tmp_path / "simulator").recorded()]
    started = [child.pid for pid in guards for child in psutil.Process(pid).children(recursive=True)]
    assert started
    simulator.send_signal(number)
    _, errors = simulator.communicate(timeout=PATIENCE)
    assert simulator.returncode == 130
    assert errors.strip() == "Interrupted; everything that was started is ended."
    assert not any(psutil.pid_exists(pid) for pid in guards + started)


def test_a_second_simulator_in_the_same_checkout_is_refused_without_a_traceback(
    simulator: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    second = demo(tmp_path, "simulator")
    _, errors = second.communicate(timeout=PATIENCE)
    assert second.returncode == 2
    assert errors.startswith(f"Process {simulator.pid} runs in {tmp_path}/simulator already.")


def test_a_simulator_that_ends_by_itself_is_reported_with_its_last_words(
    simulator: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    (guard,) = RunDirectory(tmp_path / "simulator").recorded()
    for child in psutil.Process(guard.pid).children():
        child.kill()
    _, errors = simulator.communicate(timeout=PATIENCE)
    assert simulator.returncode == 2
    assert errors.startswith("simulator ended by itself. The end of ")


def test_nonsense_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    refused = demo(tmp_path, "release", PORT="http")
    _, errors = refused.communicate(timeout=PATIENCE)
    assert refused.returncode == 2
    assert errors.startswith("PORT='http' is not understood")
    assert not (tmp_path / "release").exists()


def test_stop_ends_what_a_killed_run_left(tmp_path: Path) -> None:
    run = demo(tmp_path, "simulator")
    assert run.stdout is not None
    run.stdout.readline()
    (guard,) = RunDirectory(tmp_path / "simulator").recorded()
    left = psutil.Process(guard.pid).children(recursive=True)
    psutil.Process(guard.pid).kill()
    run.kill()
    run.communicate(timeout=PATIENCE)
    stopping = demo(tmp_path, "stop")
    told, errors = stopping.communicate(timeout=PATIENCE)
    assert errors == ""
    assert (stopping.returncode, told) == (0, "ended simulator, left by make simulator\n")
    eventually(lambda: not any(alive(process) for process in left), "what was left is gone")


def alive(process: psutil.Process) -> bool:
    """Nobody may be there to collect an orphan's status, so a zombie counts as gone."""
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
