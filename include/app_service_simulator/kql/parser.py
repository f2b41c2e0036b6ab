"""From a query's text to its syntax."""

from collections.abc import Callable
from typing import TypeVar

from app_service_simulator.kql.errors import unsupported
from app_service_simulator.kql.lexer import END, Token, tokens
from app_service_simulator.kql.syntax import (
    Binary,
    Call,
    Column,
    Expression,
    Extend,
    Key,
    Literal,
    Name,
    Negative,
    OneOf,
    Operator,
    Order,
    Project,
    Query,
    Summarize,
    Where,
)

MATCHES = ("has", "contains", "startswith", "endswith")
"""The operators on strings that are words; each has a negation with an exclamation mark."""

COMPARISONS = ("==", "!=", "=~", "!~", "<", "<=", ">", ">=", *MATCHES, *(f"!{word}" for word in MATCHES))
SETS = ("in", "in~", "!in", "!in~")

Part = TypeVar("Part")


def parse(text: str) -> Query:
    """The query; SyntaxRefused or SemanticRefused."""
    try:
        return _Parser(tokens(text)).query()
    except RecursionError:
        raise unsupported("expressions as deep as that") from None


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._position = 0

    def query(self) -> Query:
        table = self._name("the name of a table")
        if table == "let" or self._next.text == "(":
            raise unsupported(f"'{table}' at the start of a query: a table is expected")
        operators: list[Operator] = []
        while self._next.kind != END:
            self._expect("|")
            operators.append(self._operator())
        return Query(table, tuple(operators))

    # --- tabular operators ---

    def _operator(self) -> Operator:
        word = self._name("an operator")
        match word:
            case "where":
                return Where(self._expression())
            case "extend":
                return Extend(self._list(self._column))
            case "project":
                return Project(self._list(self._column))
            case "summarize":
                return self._summarize()
            case "order" | "sort":
                self._expect("by")
                return Order(self._list(self._key))
        raise unsupported(f"the operator '{word}'; it knows where, extend, project, summarize and order by")

    def _summarize(self) -> Summarize:
        aggregates = () if self._next.text == "by" else self._list(self._column)
        groups = self._list(self._column) if self._taken("by") else ()
        return Summarize(aggregates, groups)

    def _column(self) -> Column:
        following = self._tokens[min(self._position + 1, len(self._tokens) - 1)]
        if self._next.kind == "name" and following.text == "=":
            name = self._name("a name")
            self._expect("=")
            return Column(name, self._expression())
        return Column(None, self._expression())

    def _key(self) -> Key:
        expression = self._expression()
        ascending = self._taken("asc")
        if not ascending:
            self._taken("desc")
        if self._next.text == "nulls":
            raise unsupported("'nulls first' and 'nulls last'")
        return Key(expression, ascending)

    def _list(self, part: Callable[[], Part]) -> tuple[Part, ...]:
        parts = [part()]
        while self._taken(","):
            parts.append(part())
        return tuple(parts)

    # --- expressions, from what binds least to what binds most ---

    def _expression(self) -> Expression:
        left = self._conjunction()
        while self._taken("or"):
            left = Binary("or", left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._comparison()
        while self._taken("and"):
            left = Binary("and", left, self._comparison())
        return left

    def _comparison(self) -> Expression:
        left = self._sum()
        operator = self._next.text
        if self._next.kind not in ("symbol", "name"):
            return left
        if operator in SETS:
            self._position += 1
            self._expect("(")
            choices = self._list(self._expression)
            self._expect(")")
            return OneOf(operator, left, choices)
        if operator in COMPARISONS:
            self._position += 1
            return Binary(operator, left, self._sum())
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while self._next.kind == "symbol" and self._next.text in ("+", "-"):
            left = Binary(self._take().text, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._signed()
        while self._next.kind == "symbol" and self._next.text in ("*", "/"):
            left = Binary(self._take().text, left, self._signed())
        return left

    def _signed(self) -> Expression:
        if self._next.kind == "symbol" and self._taken("-"):
            return Negative(self._signed())
        return self._primary()

    def _primary(self) -> Expression:
        token = self._take()
        match token.kind:
            case "long" | "real" | "string" | "datetime" | "timespan":
                return Literal(token.kind, token.value)
            case "name" if token.text in ("true", "false"):
                return Literal("bool", token.text == "true")
            case "name":
                return self._call(token.text) if self._next.text == "(" else Name(token.text)
            case "symbol" if token.text == "(":
                inner = self._expression()
                self._expect(")")
                return inner
        raise token.refused()

    def _call(self, function: str) -> Call:
        self._expect("(")
        if self._taken(")"):
            return Call(function, ())
        arguments = self._list(self._expression)
        self._expect(")")
        return Call(function, arguments)

    # --- tokens ---

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _take(self) -> Token:
        token = self._next
        if token.kind == END:
            raise token.refused()
        self._position += 1
        return token

    def _taken(self, text: str) -> bool:
        taken = self._next.kind in ("symbol", "name") and self._next.text == text
        self._position += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._taken(text):
            raise self._next.refused(f"'{text}' is expected.")

    def _name(self, what: str) -> str:
        if self._next.kind != "name":
            raise self._next.refused(f"{what[0].upper()}{what[1:]} is expected.")
        return self._take().text
