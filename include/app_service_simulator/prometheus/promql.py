"""The part of PromQL that is understood: a selector, alone or within a sum.

    metric{label="value", label=~"regular expression", …}
    sum(selector)    sum by (label, …) (selector)    sum(selector) by (label, …)

https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

import re
from dataclasses import dataclass

KNOWN = 'the simulator knows metric{label="value"}, sum(…) and sum by (label) (…)'

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
  | (?P<symbol>=~|!~|!=|[=(){},])
  | (?P<end>$)
  )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


class NotUnderstood(Exception):
    """The query is no PromQL, or more than the simulator knows; the sentence says where."""


@dataclass(frozen=True)
class Matcher:
    """One condition on a label. A label that a series does not have is empty."""

    label: str
    operator: str
    value: str

    def matches(self, labels: dict[str, str]) -> bool:
        found = labels.get(self.label, "")
        # Prometheus anchors regular expressions at both ends.
        holds = re.fullmatch(self.value, found) is not None if "~" in self.operator else found == self.value
        return holds is not self.operator.startswith("!")


@dataclass(frozen=True)
class Query:
    """A selector. `by`: the labels that its samples are added up by; None: they are not added up."""

    metric: str
    matchers: tuple[Matcher, ...]
    by: tuple[str, ...] | None


def parse(text: str) -> Query:
    """The query; NotUnderstood."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._kind, self._next, self._start = "", "", 0
        self._advance()

    def query(self) -> Query:
        name = self._name()
        if name == "sum" and self._next in ("(", "by"):
            by = self._labels() if self._next == "by" else None
            self._expect("(")
            metric, matchers = self._selector(self._name())
            self._expect(")")
            if by is None:
                by = self._labels() if self._next == "by" else ()
        else:
            metric, matchers = self._selector(name)
            by = None
        if self._kind != "end":
            raise self._unexpected()
        return Query(metric, matchers, by)

    def _selector(self, metric: str) -> tuple[str, tuple[Matcher, ...]]:
        matchers = []
        if self._next == "{":
            self._advance()
            while self._next != "}":
                matchers.append(self._matcher())
                if self._next != "}":
                    self._expect(",")
            self._advance()
        return metric, tuple(matchers)

    def _matcher(self) -> Matcher:
        label, operator = self._name(), self._next
        if operator not in ("=", "!=", "=~", "!~"):
            raise self._unexpected()
        self._advance()
        if self._kind != "string":
            raise self._unexpected()
        value = self._string()
        if "~" in operator:
            try:
                re.compile(value)
            except re.error as error:
                raise NotUnderstood(f"error parsing regexp: {error}: `{value}`") from None
        return Matcher(label, operator, value)

    def _labels(self) -> tuple[str, ...]:
        self._expect("by")
        self._expect("(")
        labels = []
        while self._next != ")":
            labels.append(self._name())
            if self._next != ")":
                self._expect(",")
        self._advance()
        return tuple(labels)

    def _string(self) -> str:
        text = self._next
        position = self._start

        def plain(escape: "re.Match[str]") -> str:
            if escape.group(1) not in _ESCAPES:
                raise NotUnderstood(f"1:{position + 1}: parse error: unknown escape sequence {escape.group()!r}")
            return _ESCAPES[escape.group(1)]

        self._advance()
        return text[1:-1] if text.startswith("`") else re.sub(r"\\(.)", plain, text[1:-1])

    def _name(self) -> str:
        if self._kind != "name":
            raise self._unexpected()
        name = self._next
        self._advance()
        return name

    def _expect(self, token: str) -> None:
        if self._next != token or self._kind == "string":
            raise self._unexpected()
        self._advance()

    def _advance(self) -> None:
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            blank = len(self._text[self._position :]) - len(self._text[self._position :].lstrip())
            self._kind, self._start = "unknown", self._position + blank
            self._next = self._text[self._start]
            return
        self._kind = str(match.lastgroup)
        self._next = match.group(self._kind)
        self._start = match.start(self._kind)
        self._position = match.end()

    def _unexpected(self) -> NotUnderstood:
        what = "end of input" if self._kind == "end" else repr(self._next)
        return NotUnderstood(f"1:{self._start + 1}: parse error: unexpected {what}; {KNOWN}")
