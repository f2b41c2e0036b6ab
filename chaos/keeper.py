"""Runs one command and starts it again whenever it ends, as `restart: unless-stopped` does with a container.

`python keeper.py --pid-file FILE -- command argument …`, by path, so that nothing of ours is on the command's path.

A container is gone as a whole when its first process dies. So whatever the command had started is killed too before
it starts again: a scheduler that is killed takes its executor and the tasks it runs with it. FILE always holds the
number of the process that runs now. SIGTERM ends the command, and then the keeper.
"""

import argparse
import ctypes
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

PAUSE = 0.5  # seconds before it starts again: Docker waits 0.1 and more with each time, systemd 0.1
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


class Keeper:
    """One command, running again and again until SIGTERM."""

    def __init__(self, command: list[str], pid_file: Path) -> None:
        self.command, self.pid_file = command, pid_file
        self.child: subprocess.Popen[bytes] | None = None
        self.ending = False

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        self.ending = True
        if self.child is not None:
            self.child.terminate()

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        while not self.ending:
            self.child = subprocess.Popen(self.command)  # noqa: S603 - the command is the point
            self._note(self.child.pid)
            status = self.child.wait()
            self._end_the_rest()
            if not self.ending:
                sys.stderr.write(f"{self.command[-1]} ended with status {status}; it starts again.\n")
                time.sleep(PAUSE)
        return 0

    def _note(self, pid: int) -> None:
        """Whoever reads the file sees the old number or the new one, never half of one."""
        written = self.pid_file.with_suffix(".new")
        written.write_text(str(pid))
        written.replace(self.pid_file)

    @staticmethod
    def _end_the_rest() -> None:
        while left := psutil.Process().children(recursive=True):
            for process in left:
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
            psutil.wait_procs(left, timeout=1.0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="keeper.py", description="Run a command again whenever it ends.")
    parser.add_argument("--pid-file", type=Path, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if sys.platform == "linux":
        # What the command leaves behind becomes our child, and stays findable.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return Keeper(options.command, options.pid_file).run()


if __name__ == "__main__":
    sys.exit(main())
