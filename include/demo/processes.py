"""The processes of one run: started under a guard, ready by a condition, gone at the end.

    with Processes(run_directory) as processes:
        simulator = processes.start("simulator", [...], environment)
        address = processes.wait_for(simulator, "its address", read_address, timeout=30)

Leaving the block ends everything, last started first, whether it is left by success, an error or Ctrl-C.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

from demo import guard
from demo.errors import DemonstrationError, NotReady
from demo.run_directory import RunDirectory

READINESS_POLL = 0.1  # seconds; short beside the seconds a start takes, long beside what asking costs
GRACE = 10.0  # seconds a program has to end by itself before it is killed
LOG_TAIL = 15  # lines of a failed program's log that are worth a person's screen

Ready = TypeVar("Ready")


@dataclass
class Guarded:
    """A started program: `process` is its guard, whose pipe keeps it alive; `log` takes both its outputs."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL:])

    def ask_to_stop(self) -> None:
        """Close the pipe: the guard begins to end the program and all it started."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def keep(self) -> None:
        """Let the program outlive us; RunDirectory.end_leftovers, or SIGTERM to its guard, ends it."""
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):  # it ended meanwhile
                self.process.stdin.write(guard.KEEP)
                self.process.stdin.close()


class Processes:
    """Starts programs in a run directory and ends them together."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self._started: list[Guarded] = []
        self._kept = False

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if not self._kept:
            self.stop()

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Guarded:
        """Start a program with exactly this environment, working in the run directory, logging to `<name>.log`."""
        log = self.directory.path / f"{name}.log"
        with log.open("ab") as output:
            process = self._popen(command, environment, stop_signal, output)
        self.directory.record(name, process.pid)
        started = Guarded(name, process, log)
        self._started.append(started)
        return started

    def _popen(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        stop_signal: signal.Signals,
        output: IO[bytes],
    ) -> "subprocess.Popen[bytes]":
        # -I: the guard must not see the program's PYTHONPATH, nor our modules as top-level names.
        guarding = [sys.executable, "-I", guard.__file__, "--stop-signal", stop_signal.name, "--grace", str(GRACE)]
        return subprocess.Popen(  # noqa: S603 - the commands are this package's own
            [*guarding, "--", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=self.directory.path,
            start_new_session=True,
        )

    def wait_for(self, program: Guarded, what: str, condition: Callable[[], Ready | None], timeout: float) -> Ready:
        """Ask the condition until it gives something other than None, and return that.

        Raises NotReady, with the end of the program's log, when the program ends first or `timeout` seconds
        pass.
        """
        deadline = time.monotonic() + timeout
        while (answer := condition()) is None:
            if not program.running:
                raise NotReady(f"{program.name} ended before {what}. The end of {program.log}:\n{program.tail()}")
            if time.monotonic() > deadline:
                raise NotReady(
                    f"{program.name} is up, but waited {timeout:.0f} s in vain for {what}. "
                    f"The end of {program.log}:\n{program.tail()}"
                )
            time.sleep(READINESS_POLL)
        return answer

    def check(self) -> None:
        """Raise DemonstrationError when a program ended although nobody asked it to."""
        for program in self._started:
            if not program.running:
                raise DemonstrationError(f"{program.name} ended by itself. The end of {program.log}:\n{program.tail()}")

    def finish(self, program: Guarded) -> None:
        """Return when the program has ended well; raises DemonstrationError when it did not."""
        program.process.wait()
        self._started.remove(program)
        if program.process.returncode:
            raise DemonstrationError(f"{program.name} failed. The end of {program.log}:\n{program.tail()}")

    def wait_for_any_end(self) -> None:
        """Return when one of the programs has ended."""
        while all(program.running for program in self._started):
            with suppress(subprocess.TimeoutExpired):
                self._started[0].process.wait(timeout=1.0)

    def keep(self) -> None:
        """Leave everything running when the block is left."""
        self._kept = True
        for program in self._started:
            program.keep()

    def stop(self) -> None:
        """End everything: all are asked at once and then waited for, so the slowest sets the time."""
        for program in reversed(self._started):
            program.ask_to_stop()
        for program in reversed(self._started):
            program.process.wait()
        self._started.clear()
