"""Expressions whose type is known, ready to be evaluated on rows.

Kusto's scalar types are Python's here: bool, int and long (`int`), real (`float`), string, datetime, timespan
(`timedelta`). Null is None; strings have none, as in Kusto.

https://learn.microsoft.com/kusto/query/scalar-data-types/
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[Any]
Evaluate = Callable[[Row], Any]

NUMBERS = ("int", "long", "real")
INTEGERS = ("int", "long")

LARGEST_INT = 2**31 - 1
"""Of Kusto's int, 32 bits with a sign."""

LARGEST_LONG = 2**63 - 1


@dataclass(frozen=True)
class Typed:
    """`constant`: the same on every row."""

    type: str
    evaluate: Evaluate
    constant: bool = False

    @property
    def is_number(self) -> bool:
        return self.type in NUMBERS


def constant(kind: str, value: Any) -> Typed:
    """A value that needs no row."""
    return Typed(kind, lambda row: value, constant=True)


def derived(kind: str, evaluate: Evaluate, *parts: Typed) -> Typed:
    """What `evaluate` makes of rows; worked out once if all of its parts are constant."""
    if all(part.constant for part in parts):
        return constant(kind, evaluate(()))
    return Typed(kind, evaluate)


def widest(types: Sequence[str]) -> str | None:
    """The type that values of several types come to: the same for all, or numbers. None if there is none."""
    kinds = set(types)
    if len(kinds) == 1:
        return kinds.pop()
    if kinds <= set(NUMBERS):
        return "real" if "real" in kinds else "long"
    return None
