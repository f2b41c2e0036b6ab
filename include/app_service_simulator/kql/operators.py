"""What stands between two expressions: arithmetic, comparisons, and matches of strings.

https://learn.microsoft.com/kusto/query/numerical-operators
https://learn.microsoft.com/kusto/query/datatypes-string-operators
https://learn.microsoft.com/kusto/query/scalar-data-types/null-values
"""

import operator
from collections.abc import Callable
from typing import Any

from app_service_simulator.kql.errors import unsupported
from app_service_simulator.kql.typed import INTEGERS, LARGEST_LONG, Typed, derived, widest

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def binary(symbol: str, left: Typed, right: Typed) -> Typed:
    """`left symbol right`; SemanticRefused for types that it is not for."""
    if symbol in ("and", "or"):
        return _logical(symbol, left, right)
    if symbol in ("+", "-", "*", "/"):
        return _arithmetic(symbol, left, right)
    if symbol in ("==", "!="):
        return _equality(symbol, left, right)
    if symbol in _ORDERS:
        return _order(symbol, left, right)
    return _match(symbol, left, right)


def one_of(symbol: str, left: Typed, choices: list[Typed]) -> Typed:
    """`left in (choices)`; `~` disregards case, `!` negates."""
    if "~" in symbol and any(part.type != "string" for part in (left, *choices)):
        raise unsupported(f"'{symbol}' between other types than strings")
    for choice in choices:
        if not choice.constant:
            raise unsupported(f"other than constant values after '{symbol}'")
        if widest((left.type, choice.type)) is None:
            raise _mismatch(symbol, left, choice)
    fold = str.lower if "~" in symbol else _same
    values = {fold(choice.evaluate(())) for choice in choices}
    negated, value = symbol.startswith("!"), left.evaluate
    return derived("bool", lambda row: (fold(value(row)) in values) is not negated, left)


def negative(operand: Typed) -> Typed:
    """A minus sign before a number or a timespan."""
    if not operand.is_number and operand.type != "timespan":
        raise unsupported(f"a minus sign before a {operand.type}")
    kind, value = "long" if operand.type == "int" else operand.type, operand.evaluate

    def evaluate(row: Any) -> Any:
        found = value(row)
        return None if found is None else -found

    return derived(kind, evaluate, operand)


def _same(value: Any) -> Any:
    return value


def _mismatch(symbol: str, left: Typed, right: Typed) -> Exception:
    return unsupported(f"'{symbol}' between {left.type} and {right.type}")


def _logical(symbol: str, left: Typed, right: Typed) -> Typed:
    if (left.type, right.type) != ("bool", "bool"):
        raise _mismatch(symbol, left, right)
    decisive, first, second = symbol == "or", left.evaluate, right.evaluate

    def evaluate(row: Any) -> Any:
        one = first(row)
        if one is decisive:
            return decisive
        other = second(row)
        return other if one is not None or other is decisive else None

    return derived("bool", evaluate, left, right)


def _equality(symbol: str, left: Typed, right: Typed) -> Typed:
    if widest((left.type, right.type)) is None:
        raise _mismatch(symbol, left, right)
    wanted, first, second = symbol == "==", left.evaluate, right.evaluate

    def evaluate(row: Any) -> Any:
        one, other = first(row), second(row)
        if one is None and other is None:
            return None
        return (one == other) is wanted

    return derived("bool", evaluate, left, right)


def _order(symbol: str, left: Typed, right: Typed) -> Typed:
    kind = widest((left.type, right.type))
    if kind is None or kind in ("string", "bool"):
        raise _mismatch(symbol, left, right)
    compare, first, second = _ORDERS[symbol], left.evaluate, right.evaluate

    def evaluate(row: Any) -> Any:
        one, other = first(row), second(row)
        return None if one is None or other is None else compare(one, other)

    return derived("bool", evaluate, left, right)


def _match(symbol: str, left: Typed, right: Typed) -> Typed:
    if (left.type, right.type) != ("string", "string"):
        raise _mismatch(symbol, left, right)
    test, negated = _MATCHES[symbol.removeprefix("!")], symbol.startswith("!")
    first, second = left.evaluate, right.evaluate
    return derived("bool", lambda row: test(first(row).lower(), second(row).lower()) is not negated, left, right)


def _has(text: str, term: str) -> bool:
    """Whether `term` stands in `text` between characters that are neither letters nor digits, or at its ends."""
    start = text.find(term)
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(term) : start + len(term) + 1]
        if not before.isalnum() and not after.isalnum():
            return True
        start = text.find(term, start + 1)
    return False


_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "=~": operator.eq,
    "~": operator.eq,
    "has": _has,
    "contains": operator.contains,
    "startswith": str.startswith,
    "endswith": str.endswith,
}
"""On strings in lower case: none of these heeds case. `!~` loses its exclamation mark before it is looked up."""


def _arithmetic(symbol: str, left: Typed, right: Typed) -> Typed:
    kind = _result(symbol, left.type, right.type)
    if kind is None:
        raise _mismatch(symbol, left, right)
    compute = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": _integer_quotient}[symbol]
    if symbol == "/" and not (left.type in INTEGERS and right.type in INTEGERS):
        compute = _quotient
    first, second = left.evaluate, right.evaluate

    def evaluate(row: Any) -> Any:
        one, other = first(row), second(row)
        if one is None or other is None:
            return None
        try:
            found = compute(one, other)
        except OverflowError:
            raise unsupported("numbers and times as large as that") from None
        if kind == "long" and abs(found) > LARGEST_LONG:
            raise unsupported("whole numbers that overflow 64 bits")
        return found

    return derived(kind, evaluate, left, right)


def _result(symbol: str, left: str, right: str) -> str | None:
    """The type of an arithmetic result: real if a real is in it, else long; times have rules of their own."""
    numbers = ("int", "long", "real")
    if left in numbers and right in numbers:
        return "real" if "real" in (left, right) else "long"
    if right == "timespan":
        if left in ("datetime", "timespan") and symbol in ("+", "-"):
            return left
        if left == "timespan" and symbol == "/":
            return "real"
        return "timespan" if left in numbers and symbol == "*" else None
    if left == "timespan" and right in numbers and symbol in ("*", "/"):
        return "timespan"
    return "timespan" if (left, symbol, right) == ("datetime", "-", "datetime") else None


def _quotient(one: Any, other: Any) -> Any:
    if not other:
        raise unsupported("a division by zero")
    return one / other


def _integer_quotient(one: int, other: int) -> int:
    quotient = _quotient_of_magnitudes(abs(one), abs(other))
    return quotient if (one < 0) is (other < 0) else -quotient


def _quotient_of_magnitudes(one: int, other: int) -> int:
    if not other:
        raise unsupported("a division by zero")
    return one // other
