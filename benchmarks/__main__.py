"""`python -m benchmarks [NAME …] [--json FILE]`; without names what the variable BENCH names, or all of them.

Exit status: 0 every target is met, 1 one is missed, 2 something could not be measured, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
from rich.console import Console

from benchmarks import first_request, front_end, overhead, parse
from benchmarks.figures import Result, all_met, as_json, summary
from demo.errors import DemonstrationError

BENCHMARKS: dict[str, Callable[[], Result]] = {
    "parse": parse.measure,
    "first_request": first_request.measure,
    "overhead": overhead.measure,
    "front_end": front_end.measure,
}

INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
WIDTH = 110  # columns where the output is no terminal: what the tables need


def machine() -> str:
    """What the figures were taken on."""
    memory = psutil.virtual_memory().total / 1024**3
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures what the project promises.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    names = options.names or os.environ.get("BENCH", "").split() or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(BENCHMARKS)}")
    # A closed terminal and a `kill` end everything in the same order as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    console.print(machine())
    results = []
    for name in names:
        console.print(f"measuring: {name}; load average {os.getloadavg()[0]:.1f}")
        try:
            result = BENCHMARKS[name]()
        except (DemonstrationError, parse.ParsingFailed) as error:
            Console(stderr=True, highlight=False).print(f"{name}: {error}", style="red", markup=False)
            return 2
        results.append(result)
        for table in result.tables:
            console.print(table)
    console.print(summary(results))
    if options.json:
        options.json.write_text(json.dumps(as_json(results), indent=2) + "\n", encoding="utf-8")
    return 0 if all_met(results) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; everything that was started is ended.\n")
        sys.exit(INTERRUPTED)
