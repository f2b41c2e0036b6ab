"""Programs of a run: started with their own environment, ready by a condition, failing with their last words."""

from pathlib import Path

import pytest
from tests.demo.conftest import PATIENCE, eventually, python

from demo.errors import DemonstrationError, NotReady
from demo.processes import Guarded, Processes

STAYS = "import signal; signal.pause()"


def first_line(program: Guarded) -> str | None:
    lines = program.log.read_text().splitlines()
    return lines[0] if lines else None


def test_waiting_gives_what_the_condition_found(processes: Processes) -> None:
    program = processes.start("talker", python(f"print('ready at 4711', flush=True); {STAYS}"), {})
    assert processes.wait_for(program, "its word", lambda: first_line(program), PATIENCE) == "ready at 4711"


def test_a_program_that_ends_before_it_is_ready_is_reported_with_its_last_words(processes: Processes) -> None:
    program = processes.start("talker", python("raise SystemExit('no port left')"), {})
    with pytest.raises(NotReady, match=r"(?s)talker ended before its word.*no port left"):
        processes.wait_for(program, "its word", lambda: None, PATIENCE)


def test_a_program_that_stays_silent_is_given_up_after_the_timeout(processes: Processes) -> None:
    program = processes.start("silent", python(STAYS), {})
    with pytest.raises(NotReady, match="waited 0 s in vain for its word"):
        processes.wait_for(program, "its word", lambda: None, timeout=0.1)


def test_a_program_sees_the_given_environment_and_nothing_of_ours(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "1")
    program = processes.start(
        "reader", python("import os; print(os.environ.get('OURS'), os.environ['THEIRS'])"), {"THEIRS": "2"}
    )
    eventually(lambda: not program.running, "the program has ended")
    assert program.log.read_text() == "None 2\n"


def test_a_program_works_in_the_run_directory(processes: Processes) -> None:
    program = processes.start("worker", python("import os; print(os.getcwd())"), {})
    eventually(lambda: not program.running, "the program has ended")
    assert Path(program.log.read_text().strip()) == processes.directory.path


def test_a_program_that_ends_unasked_is_noticed(processes: Processes) -> None:
    processes.start("steady", python(STAYS), {})
    processes.check()
    processes.start("frail", python("raise SystemExit('out of memory')"), {})
    processes.wait_for_any_end()
    with pytest.raises(DemonstrationError, match=r"(?s)frail ended by itself.*out of memory"):
        processes.check()


def test_keeping_a_program_that_has_ended_meanwhile_is_no_error(processes: Processes) -> None:
    program = processes.start("frail", python("pass"), {})
    eventually(lambda: not program.running, "the program has ended")
    processes.keep()
