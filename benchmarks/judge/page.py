"""docs/judge-benchmark.md, written from the results."""

from __future__ import annotations

from pathlib import Path

from benchmarks.judge.cells import ARGO, DEFAULT, FLAGGER_5, FLAGGER_10, KAYENTA, OURS, PLAIN
from benchmarks.judge.cost import EVERY, RELEASES, Cost
from benchmarks.judge.grid import HEALTHY, WORSE
from benchmarks.judge.plots import bars
from benchmarks.judge.table import FAILURE_RULES, LATENCY_RULES, RIVALS, TOLERABLE, Cells, Elsewhere, shortfalls, table
from benchmarks.judge.worlds import World

TEXT = Path(__file__).with_name("page.md")
"""The words; the figures are filled in."""

SHOWN = (OURS, ARGO, FLAGGER_5, FLAGGER_10, KAYENTA)


def write(
    folder: Path,
    runs: tuple[int, int],
    healthy: Cells,
    worse: Cells,
    slower: Cells,
    peeked: tuple[float, float, float],
    cost: Cost,
) -> None:
    """Writes the page and its two pictures.

    Args:
        folder: where.
        runs: releases in each cell, and in each healthy one.
        healthy, worse, slower: the results.
        peeked: see `peeking`: Mann-Whitney, bands, and bands with a difference.
        cost: of a judgement.
    """
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    bars("healthy releases that are taken back", healthy, SHOWN, images / "judge-false-aborts.png", 0.01)
    bars("worse versions that are taken back", worse, SHOWN, images / "judge-power.png", None)
    behind = shortfalls(
        worse,
        {world.name: _false_aborts(world, healthy) for world in WORSE},
        {world.name: _elsewhere(world, healthy) for world in WORSE},
    )
    text = TEXT.read_text(encoding="utf-8").format(
        runs=f"{runs[0]:,}",
        healthy_runs=f"{runs[1]:,}",
        latency_runs=max(1, runs[0] // 4),
        healthy=table(healthy, FAILURE_RULES, healthy=True),
        worse=table(worse, FAILURE_RULES, healthy=False),
        slower=table(slower, LATENCY_RULES, healthy=False),
        worst=f"{max(results[OURS].aborted for results in healthy.values()):.3f}",
        worst_default=f"{max(results[DEFAULT].aborted for results in healthy.values()):.3f}",
        plain_ahead=_plain_ahead(worse),
        behind="\n".join(f"* {line}" for line in behind) or "* nowhere",
        tolerable=f"{100 * TOLERABLE:g}",
        peeked=f"{100 * peeked[0]:.0f}",
        bands=f"{100 * peeked[1]:.0f}",
        bands_found=f"{100 * peeked[2]:.0f}",
        judgement=f"{cost.judgement_ms:.2f}",
        core=f"{100 * cost.share_of_core:.0f}",
        releases=f"{RELEASES:,}",
        every=f"{EVERY:g}",
    )
    (folder / "judge-benchmark.md").write_text(text, encoding="utf-8")


def _plain_ahead(worse: Cells) -> str:
    ahead = [name for name, results in worse.items() if results[PLAIN].aborted > results[OURS].aborted + 0.01]
    return "in no cell" if not ahead else "in: " + "; ".join(ahead)


def _false_aborts(world: World, healthy: Cells) -> dict[str, float]:
    """How often each rule aborts a healthy release of the same kind; of the nearest one where there is no such cell."""

    def likeness(other: World) -> tuple[bool, ...]:
        same = ("per_minute", "weights", "minutes", "stable", "drift", "burst", "wave", "sticky")
        return tuple(getattr(other, name) == getattr(world, name) for name in same)

    nearest = max(HEALTHY, key=lambda other: (sum(likeness(other)), likeness(other)))
    return {rule: result.aborted for rule, result in healthy[nearest.name].items()}


def _elsewhere(world: World, healthy: Cells) -> dict[str, Elsewhere]:
    """Where each rule aborts most healthy releases of apps with the same traffic; it cannot know which app it has."""
    alike = [other.name for other in HEALTHY if (other.per_minute, other.weights) == (world.per_minute, world.weights)]
    return {
        rule: max(((name, healthy[name][rule].aborted) for name in alike), key=lambda of: of[1])
        for rule in (OURS, *RIVALS)
    }
