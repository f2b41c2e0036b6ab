"""The directory of one run, `.run/<name>/`: who holds it, what was started in it, and ending what was left.

A run that is killed outright, or was asked to stay up (KEEP=1), leaves processes behind. The next run ends
them, and only them: a process is ours when it works inside this very directory *and* belongs to the session
of a guard recorded in it, or is that guard itself, by number and start time (see `guard`; a session's number
is not given away while one member lives, so a living leader with another start time means another session).
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

from demo.errors import DemonstrationError

GUARD_GRACE = 25.0  # seconds; longer than any guard's own grace for its command, so KILL comes last
KILL_GRACE = 5.0  # seconds for the kernel to remove a killed process
START_TIME_TOLERANCE = 1.0  # seconds; a process's start time is kept in clock ticks and read back as a float


@dataclass(frozen=True)
class Started:
    """One guarded process: its name for people, its guard's number and start time (seconds since 1970)."""

    name: str
    pid: int
    started: float

    def now_under_this_number(self) -> psutil.Process | None:
        """Whatever process has the guard's number now; None when there is none."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid)
        return None

    def is_guard(self, process: psutil.Process) -> bool:
        """The guard itself has the recorded start time; another process with its number has not."""
        return bool(abs(process.create_time() - self.started) < START_TIME_TOLERANCE)


class RunDirectory:
    """A place for one run at a time: its logs, its state and the record of its processes."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.records = self.path / "processes.jsonl"

    @contextmanager
    def held(self) -> Iterator[list[str]]:
        """Hold the directory, emptied; gives the names of what an earlier run had left running and is ended.

        Only its owner may read it, for it holds passwords. The lock dies with its holder, so it cannot be left
        over. Raises DemonstrationError when another run holds it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock():
            ended = self.end_leftovers()
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(mode=0o700)
            yield ended

    def stop(self) -> list[str]:
        """End what an earlier run left running; its logs stay. Raises DemonstrationError as `held` does."""
        with self._lock():
            return self.end_leftovers()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        lock_file = self.path.with_suffix(".lock")
        with lock_file.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise DemonstrationError(
                    f"Process {lock.read().strip() or 'unknown'} runs in {self.path} already. "
                    "Let it finish, or press Ctrl-C where it runs, then try again."
                ) from None
            lock.seek(0)
            lock.truncate()
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def record(self, name: str, pid: int) -> None:
        """Write down that `pid` is the guard of `name`, before anything can go wrong with it."""
        entry = Started(name, pid, psutil.Process(pid).create_time())
        with self.records.open("a") as records:
            records.write(json.dumps(asdict(entry)) + "\n")

    def recorded(self) -> list[Started]:
        """What was started here, oldest first; a line cut short by a crash is left out."""
        entries = []
        with suppress(FileNotFoundError):
            for line in self.records.read_text().splitlines():
                with suppress(ValueError, TypeError):
                    entries.append(Started(**json.loads(line)))
        return entries

    def end_leftovers(self) -> list[str]:
        """End whatever an earlier run left running here; return the names of what was ended."""
        sessions = {}
        guards = []
        for entry in self.recorded():
            process = entry.now_under_this_number()
            if process is None or entry.is_guard(process):
                sessions[entry.pid] = entry
            if process is not None and entry.is_guard(process):
                guards.append(process)
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
        ended = [sessions[guard.pid].name for guard in guards]
        psutil.wait_procs(guards, timeout=GUARD_GRACE)
        orphans = [process for process in psutil.process_iter() if self._is_ours(process, sessions)]
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                ended.append(sessions[os.getsid(orphan.pid)].name)
                orphan.kill()
        psutil.wait_procs(orphans, timeout=KILL_GRACE)
        return sorted(set(ended))

    def _is_ours(self, process: psutil.Process, sessions: dict[int, Started]) -> bool:
        try:
            entry = sessions.get(os.getsid(process.pid))
            if entry is None or process.create_time() < entry.started - START_TIME_TOLERANCE:
                return False
            return Path(process.cwd()).is_relative_to(self.path)
        except (OSError, psutil.Error):
            return False
