"""What the demonstration's tests share: a run directory, its processes, and waiting for a condition."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.processes import Processes
from demo.run_directory import RunDirectory

PATIENCE = 20.0  # seconds; generous for two busy cores, and no test waits for it unless it fails

# A program that starts a child in a session of its own, tells both numbers and stays.
FAMILY = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print(os.getpid(), child.pid, flush=True)
signal.pause()
"""


def eventually(condition: Callable[[], object], what: str) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s in vain until {what}"
        time.sleep(0.02)


def numbers_in(log: Path) -> list[int]:
    """The process numbers a FAMILY has told so far."""
    return [int(word) for word in log.read_text().split()] if log.exists() else []


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


@pytest.fixture
def processes(directory: RunDirectory) -> Iterator[Processes]:
    with directory.held(), Processes(directory) as started:
        yield started
