"""What was asked of Azure, by whom, and what came of it: for counting calls, and for proving what happened when."""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

LIMIT = 10_000
"""Entries kept: a release makes a few hundred calls, so many releases fit, and memory stays small."""


@dataclass(frozen=True)
class Entry:
    """One call. `path` has no query, for a query can hold a secret.

    Attributes:
        began, ended: real time, ISO 8601, UTC: when the request was there, and when it had been answered.
        status: of the answer; None if the connection was broken instead.
        operation: Microsoft's operation id.
        principal: who asked, if a token said so.
        app: the app it is about, None for calls about none.
        caller: process id of the program that called, None if it could not be found out.
        fault: the fault that acted on it, as it was ordered, if one did.
    """

    began: str
    ended: str
    method: str
    path: str
    status: int | None
    operation: str
    principal: str | None
    app: str | None
    caller: int | None
    fault: dict[str, Any] | None


class Journal:
    """The last LIMIT calls to Resource Manager, Entra ID, Azure Monitor and Kudu, in the order of their answers."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, Entry]] = deque(maxlen=LIMIT)
        self._count = 0

    def record(self, entry: Entry) -> None:
        """Adds an entry, numbered from 1; the numbers never start again."""
        self._count += 1
        self._entries.append((self._count, entry))

    def after(self, n: int = 0, app: str | None = None) -> list[dict[str, Any]]:
        """The entries numbered above `n`, with their number as `n`; only those about `app`, if it is given."""
        return [
            {"n": number, **asdict(entry)}
            for number, entry in self._entries
            if number > n and (app is None or (entry.app or "").lower() == app.lower())
        ]
