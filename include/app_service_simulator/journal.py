"""What was asked of Azure, by whom, and what came of it: for counting calls, and for proving what happened when."""

from collections import deque
from dataclasses import dataclass
from typing import Any

LIMIT = 10_000
"""Entries kept: a release makes a few hundred calls, so many releases fit, and memory stays small."""


CALL, EFFECT = "call", "effect"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One call, or one effect: something that happened to an app later than the call that brought it about.

    Attributes:
        kind: CALL or EFFECT.
        began, ended: real time, ISO 8601, UTC: when the request was there, and when it had been answered.
        status: of the answer; None if the connection was broken instead.
        operation: Microsoft's operation id; of an effect, its name.
        path: the call's, without the query, which can hold a secret; of an effect, the resource's id.
        action: the permission it needs; None if none.
        principal: who asked, if a token said so.
        app: the app it is about, None for calls about none.
        caller: process id of the program that called, None if it could not be found out.
        fault: the fault that acted on it, as it was ordered, if one did.
        failure: why an effect did not come off: the sentence that polling it answers.
        changed: whether `before` and `after` differ.
        before, after: the app in short, around a write or an effect; None for reads.
    """

    kind: str = CALL
    operation: str
    began: str
    ended: str
    method: str | None = None
    path: str
    status: int | None = None
    app: str | None = None
    action: str | None = None
    principal: str | None = None
    caller: int | None = None
    fault: dict[str, Any] | None = None
    failure: str | None = None
    changed: bool = False
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Journal:
    """The last LIMIT calls to Resource Manager, Entra ID, Azure Monitor and Kudu, in the order of their answers, and
    the effects among them."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, Entry]] = deque(maxlen=LIMIT)
        self._count = 0

    def record(self, entry: Entry) -> None:
        """Adds an entry, numbered from 1; the numbers never start again."""
        self._count += 1
        self._entries.append((self._count, entry))

    def after(self, n: int = 0, app: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
        """The entries numbered above `n`, with their number as `n`; only those about `app` and of `kind`, if given."""
        return [
            {"n": number, **vars(entry)}
            for number, entry in self._entries
            if number > n
            and (app is None or (entry.app or "").lower() == app.lower())
            and (kind is None or entry.kind == kind)
        ]
