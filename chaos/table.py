"""The crash matrix as people read it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from rich.table import Table

from chaos.judging import Judged


def matrix(results: Sequence[Judged]) -> Table:
    """One row for each case."""
    table = Table(title="Crash matrix")
    for heading in ("case", "killed", "end"):
        table.add_column(heading, overflow="fold")
    for heading in ("swaps", "tries", "requests", "failed", "goes on", "ends"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for result in results:
        ending = result.ending
        table.add_row(
            result.case.name,
            result.case.victim,
            ending.outcome or ending.run_state,
            str(ending.swaps),
            str(ending.most_tries),
            str(ending.requests),
            str(len(ending.failures)),
            _seconds(ending.seconds_after_the_kill(ending.next_sign)),
            _seconds(ending.seconds_after_the_kill(ending.ended_at)),
            "right" if result.right else "WRONG",
            style="" if result.right else "red",
        )
    return table


def summary(results: Sequence[Judged], seconds: float) -> Table:
    """One row for each kind of process that was killed."""
    table = Table(title=f"{len(results)} cases in {seconds / 60:.1f} min")
    table.add_column("killed")
    for heading in (
        "cases",
        "right",
        "requests",
        "failed",
        "most tries",
        "goes on: median",
        "longest",
        "ends: longest",
    ):
        table.add_column(heading, justify="right")
    for victim in [*sorted({result.case.victim for result in results}), "all"]:
        chosen = [result for result in results if victim in (result.case.victim, "all")]
        endings = [result.ending for result in chosen]
        on = [after for e in endings if (after := e.seconds_after_the_kill(e.next_sign)) is not None]
        ends = [after for e in endings if (after := e.seconds_after_the_kill(e.ended_at)) is not None]
        table.add_row(
            victim,
            str(len(chosen)),
            str(sum(result.right for result in chosen)),
            str(sum(ending.requests for ending in endings)),
            str(sum(len(ending.failures) for ending in endings)),
            str(max((ending.most_tries for ending in endings), default=0)),
            _seconds(median(on) if on else None),
            _seconds(max(on, default=None)),
            _seconds(max(ends, default=None)),
        )
    return table


def problems(results: Sequence[Judged]) -> list[str]:
    """What is wrong, one line for each problem."""
    return [f"{result.case.name}: {problem}" for result in results for problem in result.problems]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
