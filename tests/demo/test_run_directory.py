"""A run directory: one run at a time, and of what an earlier run left, only what is verifiably ours is ended."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from tests.demo.conftest import FAMILY, eventually, numbers_in, python

from demo.errors import DemonstrationError
from demo.processes import Processes
from demo.run_directory import RunDirectory

STAYS = python("import signal; signal.pause()")


@pytest.fixture
def stranger(directory: RunDirectory) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that works in the run directory, in a session of its own, but was not started by a run."""
    directory.path.mkdir(parents=True)
    process = subprocess.Popen(STAYS, cwd=directory.path, start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_refused_and_told_who_holds_the_directory(directory: RunDirectory) -> None:
    with directory.held(), pytest.raises(DemonstrationError, match=f"Process {os.getpid()} runs in"):  # noqa: SIM117
        with RunDirectory(directory.path).held():
            pass


def test_a_finished_run_leaves_the_directory_free(directory: RunDirectory) -> None:
    for _ in range(2):
        with directory.held() as ended:
            assert ended == []


def test_a_run_begins_with_an_empty_directory_that_only_its_owner_may_read(directory: RunDirectory) -> None:
    with directory.held():
        (directory.path / "password").write_text("secret")
    with directory.held():
        assert list(directory.path.iterdir()) == []
        assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700


def test_a_kept_program_is_ended_by_the_next_run(directory: RunDirectory) -> None:
    with directory.held(), Processes(directory) as processes:
        kept = processes.start("kept", STAYS, {})
        processes.keep()
    assert kept.running
    with directory.held() as ended:
        assert ended == ["kept"]
    assert not kept.running


def test_a_kept_program_is_ended_by_stop_which_keeps_its_log(directory: RunDirectory) -> None:
    with directory.held(), Processes(directory) as processes:
        kept = processes.start("kept", python("import signal; print('here', flush=True); signal.pause()"), {})
        eventually(lambda: kept.log.read_text(), "the program has written")
        processes.keep()
    assert directory.stop() == ["kept"]
    assert not kept.running
    assert kept.log.read_text() == "here\n"


def test_a_program_whose_guard_was_killed_is_ended_by_the_next_run(directory: RunDirectory) -> None:
    with directory.held(), Processes(directory) as processes:
        orphaned = processes.start("orphaned", STAYS, {})
        eventually(lambda: psutil.Process(orphaned.process.pid).children(), "the guard has started it")
        program = psutil.Process(orphaned.process.pid).children()[0]
        orphaned.process.kill()
        orphaned.process.wait()
    assert program.is_running()
    assert directory.stop() == ["orphaned"]
    eventually(lambda: not alive(program), "the orphan is gone")


def alive(process: psutil.Process) -> bool:
    """Nobody may be there to collect an orphan's status, so a zombie counts as gone."""
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def test_another_process_under_a_recorded_number_is_left_alone(
    directory: RunDirectory, stranger: "subprocess.Popen[bytes]"
) -> None:
    long_ago = psutil.Process(stranger.pid).create_time() - 3600
    entry = {"name": "mine once", "pid": stranger.pid, "started": long_ago}
    directory.records.write_text(json.dumps(entry) + "\n")
    assert directory.stop() == []
    assert stranger.poll() is None


def test_a_process_that_only_works_in_the_directory_is_left_alone(
    directory: RunDirectory, stranger: "subprocess.Popen[bytes]"
) -> None:
    assert directory.stop() == []
    assert stranger.poll() is None


def test_a_record_cut_short_by_a_crash_does_not_hide_the_others(directory: RunDirectory) -> None:
    with directory.held():
        directory.record("whole", os.getpid())
        with directory.records.open("a") as records:
            records.write('{"name": "cut')
        assert [entry.name for entry in directory.recorded()] == ["whole"]


def test_leaving_a_run_ends_what_it_started_even_when_it_fails(directory: RunDirectory) -> None:
    pids: list[int] = []

    def fail_half_way() -> None:
        with directory.held(), Processes(directory) as processes:
            family = processes.start("family", python(FAMILY), dict(os.environ))
            eventually(lambda: len(numbers_in(family.log)) == 2, "the family has told its numbers")
            pids.extend(numbers_in(family.log))
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_the_directory_of_a_relative_path_is_absolute() -> None:
    assert RunDirectory(Path("here")).path == Path.cwd() / "here"
