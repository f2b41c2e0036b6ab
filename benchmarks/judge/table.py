"""The results as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.judge.cells import (
    ARGO,
    BANDS,
    DEFAULT,
    FLAGGER_5,
    FLAGGER_10,
    KAYENTA,
    KNOWING,
    OURS,
    PLAIN,
    PROMISING,
    UNKNOWING,
    Result,
)

RIVALS = (ARGO, FLAGGER_5, FLAGGER_10, KAYENTA)
BEST = (UNKNOWING, PROMISING, KNOWING)
FAILURE_RULES = (OURS, DEFAULT, PLAIN, *RIVALS, *BEST)
LATENCY_RULES = (OURS, KAYENTA, BANDS)

TOLERABLE = 0.05
"""False aborts of a rule above which it is no use that it also finds more."""

Cells = Mapping[str, Mapping[str, Result]]

Elsewhere = tuple[str, float]
"""A cell, and the share of its healthy releases that a rule takes back."""


def table(cells: Cells, rules: Iterable[str], *, healthy: bool) -> str:
    """A row for each cell, a column for each rule that judged one: aborted, the median minute, and the median of users
    hurt."""
    names = [rule for rule in rules if any(rule in results for results in cells.values())]
    lines = [f"| release | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    for cell, results in cells.items():
        lines.append(f"| {cell} | {' | '.join(_cell(results.get(name), healthy=healthy) for name in names)} |")
    return "\n".join(lines)


def _cell(result: Result | None, *, healthy: bool) -> str:
    if result is None:
        return "–"
    if healthy or result.minutes is None:
        return f"{result.aborted:.3f}".rstrip("0").rstrip(".") or "0"
    return f"{result.aborted:.2f} · {result.minutes:g} min · {result.hurt:g}"


def shortfalls(
    worse: Cells, false_aborts: Mapping[str, Mapping[str, float]], elsewhere: Mapping[str, Mapping[str, Elsewhere]]
) -> list[str]:
    """Where a rival finds more than we do, or hurts fewer users, in words.

    Args:
        worse: cells with a worse version.
        false_aborts: for each of them, how often each rule aborts a healthy release of the same kind.
        elsewhere: for each of them, where each rule aborts most healthy releases of an app with the same traffic.
    """
    found = []
    for cell, results in worse.items():
        mine = results[OURS]
        for rival in RIVALS:
            his, false = results[rival], false_aborts[cell][rival]
            if false > TOLERABLE:
                continue
            name, most = elsewhere[cell][rival]
            of_ours = elsewhere[cell][OURS][1]
            price = f"Of {name} it takes back {most:.2f} of the healthy releases, and we {of_ours:.2f} at most."
            if his.aborted > mine.aborted + NOISE:
                best = ". ".join(f"The {rule}: {results[rule].aborted:.2f}" for rule in BEST if rule in results)
                found.append(
                    f"{cell}: {rival} finds {his.aborted:.2f} to our {mine.aborted:.2f}, with {100 * false:.1f} % of "
                    f"false aborts to our {100 * false_aborts[cell][OURS]:.1f} %. {best}. {price}"
                )
            elif mine.hurt > his.hurt and his.aborted > DETECTABLE:
                found.append(f"{cell}: {rival} hurts {his.hurt:g} users to our {mine.hurt:g}. {price}")
    return found


NOISE = 0.02
"""What two shares may differ by chance: a standard error of a share near one half, of 600 releases."""

DETECTABLE = 0.5
"""Power above which the median of users hurt means something: with less it is that of releases that went on to their
end."""
