"""Runs one command and makes sure that nothing of it outlives the demonstration.

`python guard.py --stop-signal SIGTERM --grace 10 -- command argument …`, by path, so that `include/` need not be
on the path of the command.

The guard stands between the demonstration and a command that starts processes of its own, as Airflow and the
simulator do. Its standard input is a pipe whose other end only the demonstration holds, so the pipe closes
when the demonstration closes it, crashes or is killed: there is no signal to miss. Then, or on SIGTERM or
SIGINT, the guard sends the stop signal to the command, waits at most the grace, and ends every descendant
that is left. A `k` (keep) on the pipe tells it to stay when the pipe closes; SIGTERM still ends it.

It leads a session of its own, so that a Ctrl-C in the terminal reaches the demonstration alone, and on Linux
it is the "child subreaper" (prctl(2)), so that processes whose parent died become its children and stay
findable whatever process group they moved to.

It exits with the command's own status, or 128 + the number of the signal that ended the command.
"""

import argparse
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

KEEP = b"k"
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
NOT_STARTED = 127  # as a shell answers for a command it cannot find
LAST_GRACE = 2.0  # seconds for orphans to go after SIGTERM; they hold nothing worth waiting longer for


class Guard:
    """One command, its descendants and their end."""

    def __init__(self, command: list[str], stop_signal: signal.Signals, grace: float) -> None:
        self.stop_signal = stop_signal
        self.grace = grace
        self.status: int | None = None
        self.stop_asked = False
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, self._child_changed)
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the command is the point

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stop_asked = True

    def _child_changed(self, _number: int, _frame: FrameType | None) -> None:
        """Needed only so that the wake-up pipe is written; the loop does the reaping."""

    def run(self) -> int:
        """Wait for the command's end or for a reason to end it; return the status to exit with."""
        watched = [self.wake_read, sys.stdin.fileno()]
        while self.status is None and not self.stop_asked:
            readable, _, _ = select.select(watched, [], [])
            if self.wake_read in readable:
                os.read(self.wake_read, 4096)
            if sys.stdin.fileno() in readable:
                if os.read(sys.stdin.fileno(), 1) == KEEP:
                    watched.remove(sys.stdin.fileno())
                else:
                    self.stop_asked = True
            self._reap()
        self._end_everything()
        return self.status or 0

    def _end_everything(self) -> None:
        if self.status is None:
            self.child.send_signal(self.stop_signal)
            self._wait(lambda: self.status is not None, self.grace)
        for number, patience in ((signal.SIGTERM, LAST_GRACE), (signal.SIGKILL, self.grace)):
            for process in self._descendants():
                try:
                    process.send_signal(number)
                except psutil.NoSuchProcess:
                    continue
            self._wait(lambda: not self._descendants(), patience)

    def _descendants(self) -> list[psutil.Process]:
        return psutil.Process().children(recursive=True)

    def _wait(self, condition: Callable[[], bool], timeout: float) -> None:
        """Return when the condition holds or after `timeout` seconds; every child's end is looked at."""
        deadline = time.monotonic() + timeout
        while not condition() and (left := deadline - time.monotonic()) > 0:
            # A grandchild's end is not announced to us, so look again soon even if nothing wakes us.
            readable, _, _ = select.select([self.wake_read], [], [], min(left, 0.1))
            if readable:
                os.read(self.wake_read, 4096)
            self._reap()

    def _reap(self) -> None:
        """Collect every ended child, adopted ones too, and keep the command's status."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.child.pid:
                code = os.waitstatus_to_exitcode(status)
                self.status = code if code >= 0 else 128 - code
                self.child.returncode = code


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies (Linux; elsewhere they go to process 1)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="guard.py", description="Run a command; let nothing of it outlive us.")
    parser.add_argument("--stop-signal", default="SIGTERM", help="what asks the command to end")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds the command has to end by itself")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    adopt_orphans()
    try:
        guard = Guard(arguments.command, signal.Signals[arguments.stop_signal], arguments.grace)
    except OSError as error:
        sys.stderr.write(f"{arguments.command[0]} cannot be started: {error}\n")
        return NOT_STARTED
    return guard.run()


if __name__ == "__main__":
    sys.exit(main())
