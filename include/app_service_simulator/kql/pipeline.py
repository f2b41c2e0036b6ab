"""Runs a query over the rows of a table.

https://learn.microsoft.com/kusto/query/tabular-expression-statements
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app_service_simulator.kql.aggregates import Aggregate, aggregate
from app_service_simulator.kql.errors import SemanticRefused, unsupported
from app_service_simulator.kql.expressions import Scope, resolve
from app_service_simulator.kql.syntax import (
    Binary,
    Call,
    Column,
    Expression,
    Extend,
    Literal,
    Name,
    Operator,
    Order,
    Project,
    Query,
    Summarize,
    Where,
)
from app_service_simulator.kql.typed import Row, Typed


@dataclass(frozen=True)
class Table:
    """`columns` are names and types, in the order of the rows' values."""

    columns: tuple[tuple[str, str], ...]
    rows: Sequence[Row]

    def scope(self, operator: str, now: datetime) -> Scope:
        """Where the names of an operator's expressions lead."""
        positions = {name: (position, kind) for position, (name, kind) in enumerate(self.columns)}
        return Scope(positions, operator, now)


def run(query: Query, table: Table, now: datetime) -> Table:
    """What the query makes of `table`, which has to be the one it names; SemanticRefused if it means nothing."""
    try:
        for operator in query.operators:
            table = _apply(operator, table, now)
    except RecursionError:
        raise unsupported("expressions as deep as that") from None
    return table


def earliest(query: Query, column: str, now: datetime) -> datetime | None:
    """The moment that no row with an earlier `column` comes through, as far as the query's first `where` say so by
    comparing it to a constant."""
    bounds = []
    for operator in query.operators:
        if not isinstance(operator, Where):
            break
        bounds += [_bound(condition, column, now) for condition in _conjuncts(operator.condition)]
    return max((bound for bound in bounds if bound is not None), default=None)


def _conjuncts(condition: Expression) -> list[Expression]:
    found, pending = [], [condition]
    while pending:
        part = pending.pop()
        if isinstance(part, Binary) and part.operator == "and":
            pending += [part.left, part.right]
        else:
            found.append(part)
    return found


def _bound(condition: Expression, column: str, now: datetime) -> datetime | None:
    if not isinstance(condition, Binary):
        return None
    sides = (condition.left, condition.right)
    if condition.operator in ("<", "<="):
        sides = (condition.right, condition.left)
    elif condition.operator not in (">", ">="):
        return None
    if sides[0] != Name(column):
        return None
    try:
        limit = resolve(sides[1], Scope({}, "where", now))
    except SemanticRefused:
        return None  # not a constant; if it is nothing else either, `run` says so
    return limit.evaluate(()) if limit.type == "datetime" else None


def _apply(operator: Operator, table: Table, now: datetime) -> Table:
    match operator:
        case Where(condition):
            test = resolve(condition, table.scope("where", now))
            if test.type != "bool":
                raise unsupported(f"a condition that is a {test.type}")
            holds = test.evaluate
            return Table(table.columns, [row for row in table.rows if holds(row) is True])
        case Extend(columns):
            return _extend(_columns(columns, table.scope("extend", now)), table)
        case Project(columns):
            return _project(_columns(columns, table.scope("project", now)), table)
        case Summarize():
            return _summarize(operator, table, now)
        case Order():
            return _order(operator, table, now)
    raise AssertionError(operator)


def _columns(columns: Sequence[Column], scope: Scope) -> dict[str, Typed]:
    found: dict[str, Typed] = {}
    for column in columns:
        name = column.name or _default_name(column.expression)
        if name in found:
            raise unsupported(f"two columns named '{name}' in '{scope.operator}': give them names")
        found[name] = resolve(column.expression, scope)
    return found


def _default_name(expression: Expression) -> str:
    """The name of a column that was given none: bin() has its argument's."""
    match expression:
        case Name(text):
            return text
        case Call("bin" | "floor", (Name(text), *_)):
            return text
    raise unsupported("an expression without a name: write 'name = ' before it")


def _extend(columns: dict[str, Typed], table: Table) -> Table:
    kinds = dict(table.columns)
    positions = {name: position for position, name in enumerate(kinds)}
    kinds |= {name: column.type for name, column in columns.items()}
    old = [(positions[name], column.evaluate) for name, column in columns.items() if name in positions]
    new = [column.evaluate for name, column in columns.items() if name not in positions]

    def extended(row: Row) -> Row:
        values = list(row)
        for position, evaluate in old:
            values[position] = evaluate(row)
        return [*values, *(evaluate(row) for evaluate in new)]

    return Table(tuple(kinds.items()), [extended(row) for row in table.rows])


def _project(columns: dict[str, Typed], table: Table) -> Table:
    values = [column.evaluate for column in columns.values()]
    rows = [[value(row) for value in values] for row in table.rows]
    return Table(tuple((name, column.type) for name, column in columns.items()), rows)


def _summarize(operator: Summarize, table: Table, now: datetime) -> Table:
    scope = table.scope("summarize", now)
    groups, aggregates = _columns(operator.groups, scope), _aggregates(operator.aggregates, scope)
    if twice := groups.keys() & aggregates.keys():
        raise unsupported(f"two columns named '{min(twice)}' in 'summarize': give them names")
    keys = [column.evaluate for column in groups.values()]
    # Without `by` there is one group, though there be no rows.
    members: dict[tuple[Any, ...], list[Row]] = {} if groups else {(): []}
    for row in table.rows:
        members.setdefault(tuple(key(row) for key in keys), []).append(row)
    rows = [[*key, *(part.evaluate(group) for part in aggregates.values())] for key, group in members.items()]
    kinds = [(name, part.type) for name, part in groups.items()]
    return Table((*kinds, *((name, part.type) for name, part in aggregates.items())), rows)


def _aggregates(columns: Sequence[Column], scope: Scope) -> dict[str, Aggregate]:
    found: dict[str, Aggregate] = {}
    for column in columns:
        call = column.expression
        if not isinstance(call, Call):
            raise unsupported("other than one aggregate to a column of 'summarize'")
        name = column.name or _aggregate_name(call)
        if name in found:
            raise unsupported(f"two columns named '{name}' in 'summarize': give them names")
        found[name] = aggregate(call.function, [resolve(argument, scope) for argument in call.arguments])
    return found


def _aggregate_name(call: Call) -> str:
    """`count_`, `sum_X`, `percentile_X_95`."""
    match call.arguments:
        case () | (Binary(), *_):
            return f"{call.function}_"
        case (Name(text), Literal("long", rank)) if call.function == "percentile":
            return f"percentile_{text}_{rank}"
        case (Name(text), *_):
            return f"{call.function}_{text}"
    raise unsupported("an aggregate without a name: write 'name = ' before it")


def _order(operator: Order, table: Table, now: datetime) -> Table:
    scope = table.scope("order", now)
    rows = list(table.rows)
    for key in reversed(operator.keys):
        value = resolve(key.expression, scope).evaluate

        def rank(row: Row, value: Any = value) -> tuple[bool, Any]:
            found = value(row)
            # Nulls come first in ascending order, last in descending.
            return found is not None, found if found is not None else 0

        rows.sort(key=rank, reverse=not key.ascending)
    return Table(table.columns, rows)
