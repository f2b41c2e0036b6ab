"""`make bench-judge`: simulates the releases, and writes docs/judge-benchmark.md and its pictures.

Deterministic: the dice of each cell are seeded by its name.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.judge import page
from benchmarks.judge.cells import OURS, Result, failures_cell, latency_cell
from benchmarks.judge.cost import cost
from benchmarks.judge.grid import HEALTHY, SLOWER, WORSE
from benchmarks.judge.peeking import peeked_bands, peeked_mann_whitney
from benchmarks.judge.worlds import World

ROOT = Path(__file__).resolve().parents[2]

WORST_FALSE_ALARM = 0.01
"""What was promised for every healthy cell."""

HEALTHY_FACTOR = 4
"""Rare as false aborts are, so many times as many healthy releases are needed to tell how rare."""


def main() -> int:
    """The exit status: 1 when more than a hundredth of the healthy releases of a cell were aborted."""
    parser = argparse.ArgumentParser(prog="make bench-judge")
    parser.add_argument(
        "--runs",
        type=int,
        default=600,
        help="releases in each cell; latencies take a quarter of them, healthy ones four times as many",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="where the page and its pictures go")
    parser.add_argument("--json", type=Path, help="a file for the figures, for machines")
    given = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(2) as pool:
        healthy = _told(pool, failures_cell, HEALTHY, HEALTHY_FACTOR * given.runs)
        worse = _told(pool, failures_cell, WORSE, given.runs)
        slower = _told(pool, latency_cell, SLOWER, max(1, given.runs // 4))
    dice = np.random.default_rng(2022)
    peeked = peeked_mann_whitney(100, dice), peeked_bands(100, dice), peeked_bands(20, dice, shift=1.25)
    spent = cost()
    if given.json:
        cells = {kind: _plain(each) for kind, each in (("healthy", healthy), ("worse", worse), ("slower", slower))}
        given.json.write_text(json.dumps({**cells, "peeked": peeked, "cost": asdict(spent)}, indent=1))
    page.write(given.out, (given.runs, HEALTHY_FACTOR * given.runs), healthy, worse, slower, peeked, spent)
    worst = max(results[OURS].aborted for results in healthy.values())
    print(f"worst healthy cell: {worst:.4f} aborted; a judgement takes {spent.judgement_ms:.2f} ms")  # noqa: T201
    return int(worst > WORST_FALSE_ALARM)


def _told(
    pool: ProcessPoolExecutor, cell: Callable[[World, int], dict[str, Result]], worlds: Sequence[World], runs: int
) -> dict[str, dict[str, Result]]:
    under_way = {world.name: pool.submit(cell, world, runs) for world in worlds}
    results = {}
    for name, future in under_way.items():
        results[name] = future.result()
        said = ", ".join(f"{rule} {result.aborted:.3f}" for rule, result in results[name].items())
        print(f"{name}: {said}", flush=True)  # noqa: T201
    return results


def _plain(cells: dict[str, dict[str, Result]]) -> dict[str, dict[str, dict[str, float | None]]]:
    return {name: {rule: asdict(result) for rule, result in results.items()} for name, results in cells.items()}


if __name__ == "__main__":
    sys.exit(main())
