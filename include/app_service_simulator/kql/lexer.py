"""From the text of a query to its tokens."""

import re
from dataclasses import dataclass
from typing import Any

from app_service_simulator.kql import literals
from app_service_simulator.kql.errors import SyntaxRefused
from app_service_simulator.kql.typed import LARGEST_LONG

END = "end"
"""The kind of the token after the last one."""

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*)
  | (?P<datetime>datetime\s*\(\s*(?P<moment>[^()"']*?)\s*\))
  | (?P<timespan>\d+(?:\.\d+)?(?:ms|[dhms])\b)
  | (?P<real>(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)\b)
  | (?P<long>\d+(?![\w.]))
  | (?P<string>@"(?:[^"]|"")*"|@'(?:[^']|'')*'|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<symbol>==|!=|=~|!~|<=|>=|!?in~|!(?:in|has|contains|startswith|endswith)\b|[-+*/<>=(),|])
  | (?P<name>[A-Za-z_]\w*)
    """,
    re.VERBOSE,
)

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


@dataclass(frozen=True)
class Token:
    """`kind` is the name of a group above or END; `value` what a literal stands for."""

    kind: str
    text: str
    line: int
    column: int
    value: Any = None

    def refused(self, hint: str = "") -> SyntaxRefused:
        """The error that nothing can be made of this token where it stands."""
        return SyntaxRefused(self.text, self.line, self.column, hint)


def tokens(text: str) -> list[Token]:
    """The tokens, with one of kind END; SyntaxRefused where there is none to be found."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        line, column = _place(text, position)
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position:].split(maxsplit=1)[0]
            raise SyntaxRefused(rest, line, column, "The simulator knows only a part of the language.")
        kind = next(name for name in _KINDS if match.group(name) is not None)
        if kind != "blank":
            found.append(_token(kind, match, line, column))
        position = match.end()
    return [*found, Token(END, "the end", *_place(text, len(text)))]


_KINDS = ("blank", "datetime", "timespan", "real", "long", "string", "symbol", "name")


def _place(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")


def _token(kind: str, match: "re.Match[str]", line: int, column: int) -> Token:
    text = match.group()
    value: Any = None
    try:
        match kind:
            case "datetime":
                value = literals.moment(match.group("moment"))
            case "timespan":
                value = literals.timespan(text)
            case "real":
                value = float(text)
            case "long":
                value = int(text)
                if value > LARGEST_LONG:
                    raise ValueError("a whole number has 64 bits")
            case "string":
                value = _string(text)
    except (ValueError, OverflowError) as error:
        raise SyntaxRefused(text, line, column, f"{error}.") from None
    return Token(kind, text, line, column, value)


def _string(text: str) -> str:
    if text.startswith("@"):
        quote = text[1]
        return text[2:-1].replace(quote * 2, quote)

    def plain(escape: "re.Match[str]") -> str:
        if escape.group(1) not in _ESCAPES:
            raise ValueError(f"the escape sequence {escape.group()} is not supported by the simulator")
        return _ESCAPES[escape.group(1)]

    return re.sub(r"\\(.)", plain, text[1:-1])
