"""Runs tests on a copy of the project, with a guard taken away or without."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from guards.listing import Edit, Guard

LIMIT = 180.0
"""Seconds for the tests of one guard: ten times what the slowest take on an idle machine with two cores."""

GREEN_LIMIT = 900.0
"""Seconds for all tests of all guards, unchanged, on two cores."""

ENDING = 10.0
"""Seconds for pytest to end what its tests have started; killed after that."""

MISTAKES = ("NameError", "UnboundLocalError", "ImportError", "ModuleNotFoundError", "SyntaxError")
"""A test that fails with one of these has met a mistake in the list, not a missing guard."""


class End(str, Enum):
    """How a test ended, all its parameters taken together; a failure of one is a failure."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error outside the test"
    MISTAKEN = "failed by a mistake in the edit"
    SKIPPED = "skipped"
    MISSING = "not run"


WORST_LAST = (End.MISSING, End.SKIPPED, End.PASSED, End.ERROR, End.MISTAKEN, End.FAILED)


@dataclass(frozen=True)
class Trial:
    """What a run of tests came to.

    Attributes:
        ends: each test's end, by its name without parameters; empty when pytest did not come to its end.
        seconds: how long it took.
        trouble: why pytest did not come to its end; empty when it did.
    """

    ends: dict[str, End]
    seconds: float
    trouble: str = ""

    def others_than(self, wanted: End, tests: Iterable[str]) -> list[str]:
        """The tests that ended otherwise, each with its end, as sentences."""
        if self.trouble:
            return [self.trouble]
        return [f"{end.value}: {test}" for test in tests if (end := self.ends.get(test, End.MISSING)) is not wanted]


def copy_project(root: Path, to: Path) -> None:
    """Copies what git knows or would take in, as it is in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git is where it is
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).is_file():  # not one that was removed and is still listed
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, to / name)


def take_away(edits: Iterable[Edit], project: Path) -> None:
    """Applies the edits to a copy.

    Raises:
        ListInvalid: one of them does not fit the source.
    """
    for edit in edits:
        file = project / edit.path
        file.write_text(edit.applied(file.read_text(encoding="utf-8")), encoding="utf-8")


async def try_without(guard: Guard, project: Path) -> Trial:
    """Runs a guard's tests on a copy from which it is taken away."""
    take_away(guard.edits, project)
    return await run_tests(guard.tests, project)


async def run_tests(tests: Sequence[str], project: Path, *, processes: int = 1, limit: float = LIMIT) -> Trial:
    """Runs these tests in the copy, with this Python; ends everything they started when the time is over."""
    report = project / "guards-report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command += ["-o", "junit_family=xunit1", *(["-n", str(processes), "--dist", "loadfile"] if processes > 1 else [])]
    # Nothing of the project itself may be found before the copy.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # No compiled module: an edit within the second, of the same length, would not be noticed. And what pytest says last
    # shall stand last.
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    began = time.monotonic()
    # Into a file: a pipe stays open as long as anything that a test has started.
    with (project / "guards-output.txt").open("w+") as output:
        process = await asyncio.create_subprocess_exec(
            *command, *tests, cwd=project, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        await asyncio.wait_for(process.wait(), limit)
    except asyncio.TimeoutError:
        return Trial({}, time.monotonic() - began, f"pytest had not ended after {limit:.0f} s")
    finally:
        await _end(process)
    seconds = time.monotonic() - began
    # 0: all passed, 1: some failed; anything else: tests could not be collected, or pytest was misused.
    if process.returncode not in (0, 1) or not report.exists():
        said = (project / "guards-output.txt").read_text(encoding="utf-8", errors="replace")
        lines = [line for line in said.splitlines() if line.strip()]
        return Trial(
            {}, seconds, f"pytest ended with {process.returncode}: {lines[-1] if lines else 'it said nothing'}"
        )
    return Trial(read_report(report.read_text(encoding="utf-8")), seconds)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends pytest, which ends what its tests have started; then, by force, what is left of its session."""
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), ENDING)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # A busy machine takes a moment to carry that out.
    await process.wait()


def read_report(xml: str) -> dict[str, End]:
    """Each test's end in a JUnit report of pytest's family `xunit1`, which names the file."""
    ends: dict[str, End] = {}
    for case in ElementTree.fromstring(xml).iter("testcase"):  # noqa: S314 - as above
        test = f"{case.get('file')}::{str(case.get('name')).partition('[')[0]}"
        ends[test] = max(ends.get(test, End.MISSING), _end_of(case), key=WORST_LAST.index)
    return ends


def _end_of(case: ElementTree.Element) -> End:
    failure = case.find("failure")
    if failure is not None:
        # "app_service_canary.errors.SwapFailed: …", or "NameError: …"
        return End.MISTAKEN if str(failure.get("message")).startswith(MISTAKES) else End.FAILED
    if case.find("error") is not None:
        return End.ERROR
    return End.SKIPPED if case.find("skipped") is not None else End.PASSED
