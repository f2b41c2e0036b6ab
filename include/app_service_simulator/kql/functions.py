"""Functions of single values.

https://learn.microsoft.com/kusto/query/scalar-functions
"""

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from app_service_simulator.kql.errors import unsupported
from app_service_simulator.kql.typed import (
    LARGEST_INT,
    LARGEST_LONG,
    NUMBERS,
    Typed,
    constant,
    derived,
    widest,
)

ORIGIN = datetime.min.replace(tzinfo=timezone.utc)
"""Where bins of time are counted from: Kusto's first moment."""

_WHOLE = re.compile(r"\s*[+-]?\d{1,40}\s*")
_DECIMAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


def call(function: str, arguments: list[Typed], now: datetime) -> Typed:
    """The function of these arguments; `now` is the moment that now() and ago() are about."""
    if function not in FUNCTIONS:
        raise unsupported(f"the function '{function}'; it knows {', '.join(FUNCTIONS)}")
    return FUNCTIONS[function](function, arguments, now)


Build = Callable[[str, list[Typed], datetime], Typed]


def _takes(function: str, arguments: list[Typed], *kinds: tuple[str, ...]) -> None:
    """Refuses another number of arguments, or other types than `kinds`, () standing for any."""
    if len(arguments) != len(kinds):
        raise unsupported(f"{function}() of {len(arguments)} arguments; it takes {len(kinds)}")
    for argument, allowed in zip(arguments, kinds, strict=True):
        if allowed and argument.type not in allowed:
            raise unsupported(f"{function}() of a {argument.type}")


def _bin(function: str, arguments: list[Typed], now: datetime) -> Typed:
    _takes(function, arguments, (*NUMBERS, "datetime", "timespan"), (*NUMBERS, "timespan"))
    value, size = arguments
    if (value.type in ("datetime", "timespan")) is not (size.type == "timespan"):
        raise unsupported(f"{function}() of a {value.type} by a {size.type}")
    kind = value.type if size.type == "timespan" else str(widest((value.type, size.type)))
    first, second = value.evaluate, size.evaluate
    origin = ORIGIN if value.type == "datetime" else None

    def evaluate(row: Any) -> Any:
        one, step = first(row), second(row)
        if one is None or step is None or step <= type(step)():
            return None
        return one // step * step if origin is None else origin + (one - origin) // step * step

    return derived(kind, evaluate, value, size)


def _logarithm(compute: Callable[[float], float]) -> Build:
    def build(function: str, arguments: list[Typed], now: datetime) -> Typed:
        _takes(function, arguments, NUMBERS)
        value = arguments[0].evaluate

        def evaluate(row: Any) -> Any:
            number = value(row)
            if number == 0:
                raise unsupported(f"{function}() of zero")
            return None if number is None or number < 0 else compute(number)

        return derived("real", evaluate, *arguments)

    return build


def _exp2(function: str, arguments: list[Typed], now: datetime) -> Typed:
    _takes(function, arguments, NUMBERS)
    value = arguments[0].evaluate

    def evaluate(row: Any) -> Any:
        number = value(row)
        try:
            return None if number is None else 2.0**number
        except OverflowError:
            raise unsupported(f"{function}() of a number as large as {number}") from None

    return derived("real", evaluate, *arguments)


def _to_whole(kind: str, largest: int) -> Build:
    def build(function: str, arguments: list[Typed], now: datetime) -> Typed:
        _takes(function, arguments, (*NUMBERS, "bool", "string"))
        value = arguments[0].evaluate

        def evaluate(row: Any) -> Any:
            found = value(row)
            if isinstance(found, str):
                if not _WHOLE.fullmatch(found):
                    if _DECIMAL.fullmatch(found):
                        raise unsupported(f"{function}() of a string with decimals, or very many digits")
                    return None
                found = int(found)
            if found is None or not math.isfinite(found):
                return None
            whole = int(found)
            return whole if -largest - 1 <= whole <= largest else None

        return derived(kind, evaluate, *arguments)

    return build


def _to_real(function: str, arguments: list[Typed], now: datetime) -> Typed:
    _takes(function, arguments, (*NUMBERS, "string"))
    value = arguments[0].evaluate

    def evaluate(row: Any) -> Any:
        found = value(row)
        if found is None or (isinstance(found, str) and not _DECIMAL.fullmatch(found)):
            return None
        return float(found)

    return derived("real", evaluate, *arguments)


def _of_string(kind: str, compute: Callable[[str], Any]) -> Build:
    def build(function: str, arguments: list[Typed], now: datetime) -> Typed:
        _takes(function, arguments, ("string",))
        value = arguments[0].evaluate
        return derived(kind, lambda row: compute(value(row)), *arguments)

    return build


def _now(function: str, arguments: list[Typed], now: datetime) -> Typed:
    _takes(function, arguments)
    return constant("datetime", now)


def _ago(function: str, arguments: list[Typed], now: datetime) -> Typed:
    _takes(function, arguments, ("timespan",))
    value = arguments[0].evaluate

    def evaluate(row: Any) -> datetime:
        passed: timedelta = value(row)
        try:
            return now - passed
        except OverflowError:
            raise unsupported(f"{function}() of a time as long as that") from None

    return derived("datetime", evaluate, *arguments)


def _iff(function: str, arguments: list[Typed], now: datetime) -> Typed:
    _takes(function, arguments, ("bool",), (), ())
    test, one, other = arguments
    if one.type != other.type:
        raise unsupported(f"{function}() that is a {one.type} or a {other.type}")
    return derived(
        one.type, lambda row: one.evaluate(row) if test.evaluate(row) is True else other.evaluate(row), *arguments
    )


def _not(function: str, arguments: list[Typed], now: datetime) -> Typed:
    _takes(function, arguments, ("bool",))
    value = arguments[0].evaluate

    def evaluate(row: Any) -> Any:
        found = value(row)
        return None if found is None else not found

    return derived("bool", evaluate, *arguments)


def _extreme(choose: Callable[[list[Any]], Any]) -> Build:
    def build(function: str, arguments: list[Typed], now: datetime) -> Typed:
        if len(arguments) < 2:
            raise unsupported(f"{function}() of {len(arguments)} arguments; it takes two or more")
        kind = widest([argument.type for argument in arguments])
        if kind is None or kind in ("string", "bool"):
            raise unsupported(f"{function}() of {', '.join(argument.type for argument in arguments)}")
        values = [argument.evaluate for argument in arguments]

        def evaluate(row: Any) -> Any:
            known = [found for value in values if (found := value(row)) is not None]
            if not known:
                return None
            return float(choose(known)) if kind == "real" else choose(known)

        return derived(kind, evaluate, *arguments)

    return build


FUNCTIONS: dict[str, Build] = {
    "bin": _bin,
    "floor": _bin,  # the same function by another name
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "log": _logarithm(math.log),
    "exp2": _exp2,
    "toint": _to_whole("int", LARGEST_INT),
    "tolong": _to_whole("long", LARGEST_LONG),
    "todouble": _to_real,
    "toreal": _to_real,
    "tolower": _of_string("string", str.lower),
    "toupper": _of_string("string", str.upper),
    "isempty": _of_string("bool", lambda text: text == ""),
    "isnotempty": _of_string("bool", lambda text: text != ""),
    "now": _now,
    "ago": _ago,
    "iff": _iff,
    "iif": _iff,
    "not": _not,
    "max_of": _extreme(max),
    "min_of": _extreme(min),
}
"""By name, which heeds case as all names of Kusto do."""
