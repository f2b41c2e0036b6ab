"""The guard: nothing of its command outlives the one who holds its pipe."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from tests.demo.conftest import FAMILY, PATIENCE, eventually, numbers_in, python

from demo import guard

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command under a guard; its output goes to `log` in the test's directory."""
    started = []

    def begin(command: list[str], *options: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, *options, "--", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.stdin:
            process.stdin.close()
        process.terminate()
        process.wait(PATIENCE)


def family(log: Path) -> list[int]:
    eventually(lambda: len(numbers_in(log)) == 2, "the family has told its numbers")
    return numbers_in(log)


def gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) for pid in pids)


def test_a_commands_status_is_the_guards(start: Start) -> None:
    assert start(python("raise SystemExit(7)")).wait(PATIENCE) == 7


def test_a_command_ended_by_a_signal_gives_128_and_its_number(start: Start) -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert start(python(program)).wait(PATIENCE) == 128 + signal.SIGKILL


def test_a_command_that_cannot_be_started_is_named(start: Start, tmp_path: Path) -> None:
    assert start(["/no/such/command"]).wait(PATIENCE) == guard.NOT_STARTED
    assert (tmp_path / "log").read_text().startswith("/no/such/command cannot be started")


def test_closing_the_pipe_ends_the_whole_family_across_sessions(start: Start, tmp_path: Path) -> None:
    process = start(python(FAMILY))
    pids = family(tmp_path / "log")
    assert process.stdin is not None
    process.stdin.close()
    process.wait(PATIENCE)
    assert gone(pids)


def test_orphans_of_a_command_that_ended_by_itself_are_ended(start: Start, tmp_path: Path) -> None:
    process = start(python(FAMILY.rpartition("signal.pause()")[0]))
    pids = family(tmp_path / "log")
    assert process.wait(PATIENCE) == 0
    assert gone(pids)


def test_a_command_deaf_to_the_stop_signal_is_killed_after_the_grace(start: Start, tmp_path: Path) -> None:
    deaf = "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid(), flush=True)"
    process = start(python(f"{deaf}\nwhile True: signal.pause()"), "--grace", "0.2")
    eventually(lambda: numbers_in(tmp_path / "log"), "the command is deaf")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE) == 128 + signal.SIGKILL
    assert gone(numbers_in(tmp_path / "log"))


def test_the_stop_signal_is_the_one_that_was_chosen(start: Start, tmp_path: Path) -> None:
    listening = "import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(3)); print(1, flush=True)"
    process = start(python(f"{listening}\nsignal.pause()"), "--stop-signal", "SIGINT")
    eventually(lambda: numbers_in(tmp_path / "log"), "the command listens")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE) == 3


def test_a_kept_command_outlives_its_holder_and_ends_on_sigterm(start: Start, tmp_path: Path) -> None:
    process = start(python(FAMILY))
    pids = family(tmp_path / "log")
    assert process.stdin is not None
    process.stdin.write(guard.KEEP)
    process.stdin.close()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    assert all(psutil.pid_exists(pid) for pid in pids)
    process.terminate()
    process.wait(PATIENCE)
    assert gone(pids)


HOLDER = """
import sys
from pathlib import Path
from demo.processes import Processes
from demo.run_directory import RunDirectory
directory = RunDirectory(Path(sys.argv[1]))
with directory.held(), Processes(directory) as processes:
    processes.start("family", [sys.executable, "-c", sys.argv[2]], {})
    sys.stdin.read()
"""


def test_everything_ends_when_its_holder_is_killed_outright(tmp_path: Path) -> None:
    include = str(Path(guard.__file__).parents[1])
    holder = subprocess.Popen(
        [*python(HOLDER), str(tmp_path / "run"), FAMILY],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": include},
    )
    pids = family(tmp_path / "run" / "family.log")
    holder.kill()
    holder.wait(PATIENCE)
    eventually(lambda: gone(pids), "the family is gone")
    if holder.stdin:
        holder.stdin.close()
