"""The faults that were ordered, and which call meets which of them."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from app_service_simulator.faults.fault import Fault, read


@dataclass
class Order:
    """A fault that was ordered, and what has become of it."""

    id: int
    fault: Fault
    met: int = 0
    """Matching calls so far."""
    acted: int = 0
    """Calls it has acted on."""
    withdrawn: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.fault.seed)  # noqa: S311 - which call fails is no secret

    def meet(self) -> bool:
        """Counts one matching call; whether the fault is due on it."""
        self.met += 1
        fault = self.fault
        fallen = fault.probability is None or self.dice.random() < fault.probability
        left = fault.times is None or self.acted < fault.times
        return fallen and left and self.met >= (fault.nth or 1)

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, **self.fault.as_json(), "met": self.met, "acted": self.acted}


class Orders:
    """All faults on order, oldest first. Each counts every call it matches; the first that is due acts on the call.

    A fault that is due, but comes after another one, acts on the next matching call: an order of 429 and 504 is met
    as 429, then 504.
    """

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._last = 0

    def add(self, wanted: Any) -> list[Order]:
        """Adds the faults of a JSON list, or one fault; ValueError, ordering none, if one is not in order."""
        faults = [read(item) for item in (wanted if isinstance(wanted, list) else [wanted])]
        return [self._append(fault) for fault in faults]

    def replace(self, wanted: Any) -> list[Order]:
        """The same, in place of all there are."""
        if not isinstance(wanted, list):
            raise ValueError("a list of faults is expected")
        faults = [read(item) for item in wanted]
        self.clear()
        return [self._append(fault) for fault in faults]

    def clear(self) -> None:
        """Removes all: what they keep from ending, ends."""
        for order in self._orders:
            order.withdrawn.set()
        self._orders = []

    def remove(self, number: int) -> None:
        """Removes one; ValueError if there is none of this number."""
        order = next((order for order in self._orders if order.id == number), None)
        if order is None:
            raise ValueError(f"no fault {number}; there are {[order.id for order in self._orders]}")
        order.withdrawn.set()
        self._orders.remove(order)

    def as_json(self) -> list[dict[str, Any]]:
        """Every fault, with how many calls it has met, and on how many it has acted."""
        return [order.as_json() for order in self._orders]

    def take(self, operation: str, method: str, path: str, app: str | None) -> Order | None:
        """The fault that acts on this call, counted as having acted; None for a call that goes well."""
        matching = [order for order in self._orders if order.fault.matches(operation, method, path, app)]
        due = [order for order in matching if order.meet()]
        if not due:
            return None
        due[0].acted += 1
        return due[0]

    def _append(self, fault: Fault) -> Order:
        self._last += 1
        order = Order(self._last, fault)
        self._orders.append(order)
        return order


async def hold_up(order: Order | None, moment: str) -> None:
    """Right `before` and `after` its effect, an operation asks here whether it is to stay under way."""
    if order and order.fault.do == "never_ends" and order.fault.moment == moment:
        try:
            await asyncio.wait_for(order.withdrawn.wait(), order.fault.option("seconds"))
        except asyncio.TimeoutError:
            return


def ending_of(order: Order | None, moment: str) -> str | None:
    """The ending ordered for this moment of an operation, if one is."""
    if order and order.fault.do == "ends_with" and order.fault.moment == moment:
        return str(order.fault.option("ending"))
    return None
