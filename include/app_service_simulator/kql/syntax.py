"""What a query is made of, once it has been read."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Literal:
    """A value in the query; `type` is Kusto's name: bool, long, real, string, datetime or timespan."""

    type: str
    value: Any


@dataclass(frozen=True)
class Name:
    """A column."""

    text: str


@dataclass(frozen=True)
class Call:
    """A function, or an aggregate in `summarize`."""

    function: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Negative:
    """A minus sign before an expression."""

    operand: "Expression"


@dataclass(frozen=True)
class Binary:
    """`left operator right`, `and` and `or` included."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class OneOf:
    """`left in (…)`, or `in~`, `!in` and `!in~`."""

    operator: str
    left: "Expression"
    choices: "tuple[Expression, ...]"


Expression = Literal | Name | Call | Negative | Binary | OneOf


@dataclass(frozen=True)
class Column:
    """An expression and the name it was given; None if none was."""

    name: str | None
    expression: Expression


@dataclass(frozen=True)
class Key:
    """What rows are ordered by."""

    expression: Expression
    ascending: bool


@dataclass(frozen=True)
class Where:
    condition: Expression


@dataclass(frozen=True)
class Extend:
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Project:
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Summarize:
    aggregates: tuple[Column, ...]
    groups: tuple[Column, ...]


@dataclass(frozen=True)
class Order:
    keys: tuple[Key, ...]


Operator = Where | Extend | Project | Summarize | Order


@dataclass(frozen=True)
class Query:
    """A table and what is done to it, in turn."""

    table: str
    operators: tuple[Operator, ...]
