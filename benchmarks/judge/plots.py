"""The results as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.judge.cells import Result

COLOURS = {"ours": "#1f6fb2", "Argo": "#e07b39", "Flagger 5": "#8a5fb0", "Flagger 10": "#b08fd0", "Kayenta": "#4d9a57"}


def bars(
    what: str,
    cells: Mapping[str, Mapping[str, Result]],
    rules: Sequence[str],
    file: Path,
    limit: float | None,
) -> None:
    """Horizontal bars: a group for each cell, a bar for each rule.

    Args:
        what: the axis.
        cells: the results.
        rules: which to draw.
        file: where it goes.
        limit: a line to compare with; None: none.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names, height = list(cells), 0.8 / len(rules)
    figure, axes = pyplot.subplots(figsize=(10, 0.6 + 0.42 * len(names)))
    for number, rule in enumerate(rules):
        places = [place + (number - (len(rules) - 1) / 2) * height for place in range(len(names))]
        axes.barh(places, [cells[name][rule].aborted for name in names], height, label=rule, color=COLOURS.get(rule))
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel(what)
    if limit is not None:
        axes.axvline(limit, color="black", linewidth=0.8, linestyle=":")
    axes.margins(y=0.01)
    axes.legend(
        fontsize=8, loc="lower center", bbox_to_anchor=(0.35, 1.03 if len(names) < 20 else 1.02), ncols=len(rules)
    )
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
