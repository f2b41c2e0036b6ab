"""Which calls were made: so that somebody can count what a client asks of Azure."""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

LIMIT = 10_000
"""Entries kept: a release makes a few hundred calls, so many releases fit, and memory stays small."""


@dataclass(frozen=True)
class Entry:
    """One answered call. `path` has no query, for a query can hold a secret."""

    n: int
    at: str
    method: str
    path: str
    status: int
    operation: str
    principal: str | None


class Journal:
    """The last LIMIT calls to Resource Manager, Entra ID, Azure Monitor and Kudu, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=LIMIT)
        self._count = 0

    def record(self, *, at: str, method: str, path: str, status: int, operation: str, principal: str | None) -> None:
        """Adds a call; `n` counts from 1 and never starts again."""
        self._count += 1
        self._entries.append(Entry(self._count, at, method, path, status, operation, principal))

    def after(self, n: int = 0) -> list[dict[str, Any]]:
        """The entries numbered above `n`."""
        return [asdict(entry) for entry in self._entries if entry.n > n]
