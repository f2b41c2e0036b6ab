"""From an expression's syntax to a typed one: names become columns, and types are checked."""

from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from app_service_simulator.kql import functions, operators
from app_service_simulator.kql.aggregates import AGGREGATES
from app_service_simulator.kql.errors import UNRESOLVED, SemanticRefused, unsupported
from app_service_simulator.kql.syntax import Binary, Call, Expression, Literal, Name, Negative, OneOf
from app_service_simulator.kql.typed import Typed, constant


@dataclass(frozen=True)
class Scope:
    """Where names are looked up.

    Attributes:
        columns: position and type by name.
        operator: the tabular operator that the expression is part of, for errors.
        now: the moment of the query.
    """

    columns: dict[str, tuple[int, str]]
    operator: str
    now: datetime


def resolve(expression: Expression, scope: Scope) -> Typed:
    """The typed expression; SemanticRefused if it means nothing here."""
    match expression:
        case Literal(kind, value):
            return constant(kind, value)
        case Name(text):
            return _column(text, scope)
        case Negative(operand):
            return operators.negative(resolve(operand, scope))
        case Binary(symbol, left, right):
            return operators.binary(symbol, resolve(left, scope), resolve(right, scope))
        case OneOf(symbol, left, choices):
            return operators.one_of(symbol, resolve(left, scope), [resolve(choice, scope) for choice in choices])
        case Call(function, arguments):
            if function in AGGREGATES and function not in functions.FUNCTIONS:
                raise unsupported(f"the aggregate {function}() in '{scope.operator}', or within another expression")
            return functions.call(function, [resolve(argument, scope) for argument in arguments], scope.now)
    raise AssertionError(expression)


def _column(name: str, scope: Scope) -> Typed:
    if name not in scope.columns:
        raise SemanticRefused(
            UNRESOLVED,
            f"'{scope.operator}' operator: Failed to resolve scalar expression named '{name}' "
            f"(the simulator has {', '.join(scope.columns)})",
        )
    position, kind = scope.columns[name]
    return Typed(kind, itemgetter(position))
