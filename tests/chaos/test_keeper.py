"""What keeps a component running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from chaos import keeper

LIMIT = 20.0
CHILDREN = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open(sys.argv[1], "a").write(f"{child.pid}\\n")
time.sleep(600)
"""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


class Kept:
    """A program with a child of its own, under a keeper."""

    def __init__(self, folder: Path) -> None:
        self.pid_file, self.children = folder / "pid", folder / "children"
        command = [sys.executable, "-I", keeper.__file__, "--pid-file", str(self.pid_file), "--"]
        self.process = subprocess.Popen([*command, sys.executable, "-c", CHILDREN, str(self.children)])
        self.wait_for_children(1)

    def wait_for_children(self, count: int) -> None:
        wait_until(lambda: self.children.exists() and self.children.read_text().count("\n") == count)

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def child(self, number: int) -> int:
        return int(self.children.read_text().split()[number])


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    running = Kept(tmp_path)
    yield running
    running.process.terminate()
    running.process.wait(LIMIT)


def test_a_program_that_is_killed_starts_again(kept: Kept) -> None:
    first = kept.pid
    os.kill(first, signal.SIGKILL)
    kept.wait_for_children(2)
    assert kept.pid != first
    assert psutil.pid_exists(kept.pid)


def test_what_a_killed_program_had_started_dies_with_it(kept: Kept) -> None:
    os.kill(kept.pid, signal.SIGKILL)
    kept.wait_for_children(2)
    assert not psutil.pid_exists(kept.child(0))
    assert psutil.pid_exists(kept.child(1))


def test_the_keepers_end_is_the_programs_end(kept: Kept) -> None:
    program, child = kept.pid, kept.child(0)
    kept.process.terminate()
    assert kept.process.wait(LIMIT) == 0
    assert [psutil.pid_exists(pid) for pid in (program, child)] == [False, False]
