"""Functions of many rows, for `summarize`.

https://learn.microsoft.com/kusto/query/aggregation-functions
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app_service_simulator.kql.errors import unsupported
from app_service_simulator.kql.typed import LARGEST_LONG, NUMBERS, Row, Typed

Rows = Sequence[Row]


@dataclass(frozen=True)
class Aggregate:
    """What a group of rows comes to. Nulls are left out, as in Kusto; of no rows at all, counts and sums are 0."""

    type: str
    evaluate: Callable[[Rows], Any]


Build = Callable[[str, list[Typed]], Aggregate]


def aggregate(function: str, arguments: list[Typed]) -> Aggregate:
    """The aggregate of these arguments."""
    if function not in AGGREGATES:
        raise unsupported(f"the aggregate '{function}'; it knows {', '.join(AGGREGATES)}")
    return AGGREGATES[function](function, arguments)


def _takes(function: str, arguments: list[Typed], *kinds: tuple[str, ...]) -> None:
    if len(arguments) != len(kinds):
        raise unsupported(f"{function}() of {len(arguments)} arguments; it takes {len(kinds)}")
    for argument, allowed in zip(arguments, kinds, strict=True):
        if argument.type not in allowed:
            raise unsupported(f"{function}() of a {argument.type}")


def _known(value: Typed, rows: Rows) -> list[Any]:
    return [found for row in rows if (found := value.evaluate(row)) is not None]


def _holding(condition: Typed, rows: Rows) -> list[Row]:
    return [row for row in rows if condition.evaluate(row) is True]


def _total(numbers: list[float]) -> float:
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        raise unsupported("sums as large as that") from None


def _sum_of(value: Typed, rows: Rows) -> Any:
    if value.type == "real":
        return _total(_known(value, rows))
    total = sum(_known(value, rows))
    if abs(total) > LARGEST_LONG:
        raise unsupported("whole numbers that overflow 64 bits")
    return total


def _count(function: str, arguments: list[Typed]) -> Aggregate:
    _takes(function, arguments)
    return Aggregate("long", len)


def _countif(function: str, arguments: list[Typed]) -> Aggregate:
    _takes(function, arguments, ("bool",))
    [condition] = arguments
    return Aggregate("long", lambda rows: len(_holding(condition, rows)))


def _sum(function: str, arguments: list[Typed]) -> Aggregate:
    _takes(function, arguments, NUMBERS)
    [value] = arguments
    return Aggregate("real" if value.type == "real" else "long", lambda rows: _sum_of(value, rows))


def _sumif(function: str, arguments: list[Typed]) -> Aggregate:
    _takes(function, arguments, NUMBERS, ("bool",))
    value, condition = arguments
    kind = "real" if value.type == "real" else "long"
    return Aggregate(kind, lambda rows: _sum_of(value, _holding(condition, rows)))


def _average(function: str, arguments: list[Typed]) -> Aggregate:
    _takes(function, arguments, NUMBERS)
    [value] = arguments

    def evaluate(rows: Rows) -> float:
        known = _known(value, rows)
        return _total(known) / len(known) if known else math.nan

    return Aggregate("real", evaluate)


def _extreme(choose: Callable[[list[Any]], Any]) -> Build:
    def build(function: str, arguments: list[Typed]) -> Aggregate:
        _takes(function, arguments, (*NUMBERS, "datetime", "timespan"))
        [value] = arguments

        def evaluate(rows: Rows) -> Any:
            known = _known(value, rows)
            return choose(known) if known else None

        return Aggregate(value.type, evaluate)

    return build


def _percentile(function: str, arguments: list[Typed]) -> Aggregate:
    """By nearest rank, exactly; Kusto estimates it once the numbers are many."""
    _takes(function, arguments, (*NUMBERS, "datetime", "timespan"), NUMBERS)
    value, rank = arguments
    share = rank.evaluate(()) if rank.constant else None
    if share is None or not 0 <= share <= 100:
        raise unsupported(f"{function}() of other than a constant percentage from 0 to 100")

    def evaluate(rows: Rows) -> Any:
        known = sorted(_known(value, rows))
        return known[max(math.ceil(share / 100 * len(known)), 1) - 1] if known else None

    return Aggregate(value.type, evaluate)


AGGREGATES: dict[str, Build] = {
    "count": _count,
    "countif": _countif,
    "sum": _sum,
    "sumif": _sumif,
    "avg": _average,
    "min": _extreme(min),
    "max": _extreme(max),
    "percentile": _percentile,
}
"""By name."""
