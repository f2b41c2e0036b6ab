"""`python -m guards [NAME …]`; without names all of docs/guards.md.

Runs the tests as they are, which must pass; then, for each guard, its tests without it, which must fail.

Exit status: 0 every guard is held, 1 one is not, 2 the list cannot be followed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from guards.listing import PAPER, ROOT, Guard, ListInvalid, read_guards
from guards.trial import GREEN_LIMIT, End, Trial, copy_project, run_tests, try_without

AT_ONCE = 2
"""Guards that are tried at the same time, and processes of the tests as they are: CI's machine has two cores."""

INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
WIDTH = 140  # columns where the output is no terminal: what a test's name needs


@dataclass(frozen=True)
class Result:
    """One guard's row of the table; `problems` are sentences, none when it is held."""

    guard: Guard
    seconds: float
    problems: Sequence[str]


def chosen(names: Sequence[str]) -> list[Guard]:
    """The guards of these names, in the paper's order; all of them without names."""
    guards = read_guards(PAPER.read_text(encoding="utf-8"))
    if unknown := sorted(set(names) - {guard.name for guard in guards}):
        raise ListInvalid(f"there is no guard {unknown[0]!r}; there are: {', '.join(guard.name for guard in guards)}")
    return [guard for guard in guards if not names or guard.name in names]


async def try_as_it_is(guards: Sequence[Guard]) -> Trial:
    """Runs all their tests on an unchanged copy."""
    with tempfile.TemporaryDirectory(prefix="canary-guards-") as folder:
        copy_project(ROOT, Path(folder))
        tests = sorted({test for guard in guards for test in guard.tests})
        files = {test.partition("::")[0] for test in tests}
        return await run_tests(tests, Path(folder), processes=min(AT_ONCE, len(files)), limit=GREEN_LIMIT)


async def try_guard(guard: Guard, unchanged: Trial) -> Result:
    """Tries one guard, if its tests pass with it."""
    if before := unchanged.others_than(End.PASSED, guard.tests):
        return Result(guard, 0.0, [f"with it, {problem}" for problem in before])
    with tempfile.TemporaryDirectory(prefix="canary-guards-") as folder:
        copy_project(ROOT, Path(folder))
        try:
            trial = await try_without(guard, Path(folder))
        except ListInvalid as error:  # somebody has changed the source since the list was read
            return Result(guard, 0.0, [str(error)])
    return Result(guard, trial.seconds, trial.others_than(End.FAILED, guard.tests))


def table(results: Sequence[Result]) -> Table:
    """What was tried, and how it ended."""
    made = Table("guard", "tests", "seconds", "without it")
    for result in results:
        end = "[red]" + "\n".join(result.problems) if result.problems else "[green]red, as it has to be"
        made.add_row(result.guard.name, str(len(result.guard.tests)), f"{result.seconds:.0f}", end)
    return made


async def try_all(guards: Sequence[Guard], console: Console) -> list[Result]:
    """Tries them, a few at once; tells each as it ends, and returns them in their order."""
    console.print(f"The tests of {len(guards)} guards, with them …")
    unchanged = await try_as_it_is(guards)
    console.print(f"took {unchanged.seconds:.0f} s. Without each guard …")
    free = asyncio.Semaphore(AT_ONCE)

    async def in_turn(guard: Guard) -> Result:
        async with free:
            result = await try_guard(guard, unchanged)
        console.print(f"{guard.name}: {'; '.join(result.problems) or 'red'}", markup=False)
        return result

    return list(await asyncio.gather(*(in_turn(guard) for guard in guards)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m guards", description="Takes guards away, and expects red tests.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a guard of docs/guards.md; default: all")
    # A closed terminal and a `kill` end everything in the same order as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    try:
        guards = chosen(parser.parse_args().names)
        for edit in [edit for guard in guards for edit in guard.edits]:
            edit.applied((ROOT / edit.path).read_text(encoding="utf-8"))
    except (ListInvalid, OSError) as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False)
        return 2
    results = asyncio.run(try_all(guards, console))
    console.print(table(results))
    held = [result for result in results if not result.problems]
    console.print(f"{len(held)} of {len(results)} guards are held by their tests.")
    return 0 if len(held) == len(results) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(INTERRUPTED)
