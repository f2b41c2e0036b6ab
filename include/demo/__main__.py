"""`python -m demo release | airflow | simulator | stop`, as the Makefile calls it.

Exit status: 0 as it should be; 1 the release was not promoted, or a request failed; 2 the demonstration
itself could not go on; 130 interrupted.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable

from rich.console import Console

from demo.airflow_home import REPOSITORY
from demo.errors import DemonstrationError
from demo.playing import play, play_simulator
from demo.processes import Processes
from demo.run_directory import RunDirectory
from demo.settings import Settings, read_settings
from demo.story import release

RUNS = REPOSITORY / ".run"
TROUBLE = 2
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it

COMMANDS: dict[str, Callable[[Processes, Settings], int]] = {
    "release": release,
    "airflow": play,
    "simulator": play_simulator,
}


def stop() -> int:
    """End what earlier runs left running, in every run directory."""
    for path in sorted(path for path in RUNS.glob("*") if path.is_dir()):
        for ended in RunDirectory(path).stop():
            sys.stdout.write(f"ended {ended}, left by make {path.name}\n")
    return 0


def run(command: str) -> int:
    """Run a command in its own run directory, with everything it starts ended when it ends."""
    settings = read_settings(os.environ)
    directory = RunDirectory(RUNS / command)
    with directory.held() as ended:
        if ended:
            sys.stdout.write(f"An earlier run had left {', '.join(ended)} running; ended.\n")
        with Processes(directory) as processes:
            return COMMANDS[command](processes, settings)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Canary releases, shown on one machine.")
    parser.add_argument("command", choices=[*COMMANDS, "stop"])
    command = parser.parse_args().command
    # A closed terminal and a `kill` end everything in the same order as Ctrl-C does, and Ctrl-C does so even
    # where a shell started us in the background with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return stop() if command == "stop" else run(command)
    except DemonstrationError as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False, soft_wrap=True)
        return TROUBLE
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; everything that was started is ended.\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
