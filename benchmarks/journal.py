"""What a client asked of Azure, counted from the simulator's journal. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel


class Call(BaseModel):
    """One answered call; `ended` is when it was answered. Other keys of the journal are not needed here."""

    n: int
    ended: datetime
    method: str
    operation: str
    status: int

    @property
    def signs_in(self) -> bool:
        """To Entra ID, not to Resource Manager."""
        return self.operation.startswith("Entra_")

    @property
    def reads(self) -> bool:
        """Resource Manager asks for some readings, such as those that show secrets, by POST."""
        return self.method == "GET" or "_List" in self.operation


@dataclass(frozen=True)
class Calls:
    """How many calls of each kind. `refused` are those answered with an error, and are in no other number: az asks
    for operations that the simulator does not have, and asks again, which on Azure it would not have to."""

    reads: int
    writes: int
    sign_ins: int
    refused: int

    @property
    def resource_manager(self) -> int:
        """Those that count against the subscription's limits."""
        return self.reads + self.writes


def count(calls: Iterable[Call]) -> Calls:
    """The calls by kind; what describes the cloud (`/metadata/endpoints`) is part of signing in."""
    reads = writes = sign_ins = refused = 0
    for call in calls:
        if call.status >= 400:
            refused += 1
        elif call.signs_in or call.operation == "Metadata_Endpoints":
            sign_ins += 1
        elif call.reads:
            reads += 1
        else:
            writes += 1
    return Calls(reads, writes, sign_ins, refused)


def by_operation(calls: Iterable[Call]) -> dict[str, int]:
    """How often each operation was called, the most frequent first, else by name."""
    counts: dict[str, int] = {}
    for call in calls:
        counts[call.operation] = counts.get(call.operation, 0) + 1
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def first_between(calls: Iterable[Call], start: datetime, end: datetime) -> Call | None:
    """The earliest call answered from `start` to `end`; None when there is none."""
    return min((call for call in calls if start <= call.ended <= end), key=lambda call: call.ended, default=None)
