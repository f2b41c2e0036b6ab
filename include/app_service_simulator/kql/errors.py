"""Why a query is refused."""

UNSUPPORTED = "UnsupportedBySimulator"
"""The innermost code when Kusto would understand what the simulator does not."""

UNRESOLVED = "SEM0100"
"""Kusto's code for a name that leads nowhere, as answered by Log Analytics."""

NOT_PARSED = "SYN0002"
"""Kusto's code for a query that cannot be read."""


class Refused(Exception):
    """`code` is the innermost error's, `message` one sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class SyntaxRefused(Refused):
    """The query cannot be read at `line` and `column`, counted from 1."""

    def __init__(self, token: str, line: int, column: int, hint: str = "") -> None:
        sentence = f"Query could not be parsed at '{token}' on line [{line},{column}]"
        super().__init__(NOT_PARSED, f"{sentence}. {hint}" if hint else sentence)
        self.token, self.line, self.column = token, line, column


class SemanticRefused(Refused):
    """The query can be read, and means nothing."""


def unsupported(what: str) -> SemanticRefused:
    """Kusto may know it; the simulator does not."""
    return SemanticRefused(UNSUPPORTED, f"The simulator does not support {what}.")
