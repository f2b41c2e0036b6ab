"""Figures, what they are held against, and how both are shown. Pure: nothing here measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One number of a benchmark.

    Attributes:
        name: what was measured.
        value: the number.
        unit: of the value and of the target; empty for a count.
        below: the target: the value must be smaller; None: there is no target.
        why: where the target comes from, if it is no plain limit.
    """

    name: str
    value: float
    unit: str = ""
    below: float | None = None
    why: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        return None if self.below is None else self.value < self.below

    @property
    def shown(self) -> str:
        return amount(self.value, self.unit)

    @property
    def target(self) -> str:
        """The target in words; empty without one."""
        if self.below is None:
            return ""
        return f"< {amount(self.below, self.unit)}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True)
class Result:
    """What one benchmark came to: its figures for the summary, its tables for reading."""

    name: str
    figures: Sequence[Figure]
    tables: Sequence[Table] = field(default=())


def amount(value: float, unit: str = "") -> str:
    """A number as people read it: `0.21 s`, `1,234 requests/s`, `17`."""
    places = 0 if float(value).is_integer() or abs(value) >= 100 else 2
    return f"{value:,.{places}f} {unit}".rstrip()


def summary(results: Sequence[Result]) -> Table:
    """Every figure against its target."""
    table = Table(title="Figures")
    for heading in ("benchmark", "figure", "measured", "target", ""):
        table.add_column(heading, justify="right" if heading == "measured" else "left")
    for result in results:
        for figure in result.figures:
            table.add_row(result.name, figure.name, figure.shown, figure.target, verdict(figure))
    return table


def verdict(figure: Figure) -> str:
    """`met` or `MISSED`; empty without a target."""
    return "" if figure.met is None else "met" if figure.met else "MISSED"


def all_met(results: Sequence[Result]) -> bool:
    """Whether no figure misses its target."""
    return all(figure.met is not False for result in results for figure in result.figures)


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The figures for machines: each with its benchmark and whether its target is met."""
    return [
        {"benchmark": result.name, **asdict(figure), "met": figure.met}
        for result in results
        for figure in result.figures
    ]
