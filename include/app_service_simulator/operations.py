"""Long-running operations, and the rule that an app has at most one at a time."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from app_service_simulator.arm.errors import AppServiceError, AzureError, another_operation
from app_service_simulator.clock import Clock


@dataclass
class Operation:
    """Something under way on an app; `failure` is what polling it answers in the end, None for success."""

    name: str
    site: str
    created: datetime
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    finished: bool = False
    failure: AzureError | None = None


Ended = Callable[[Operation], None]


class Operations:
    """All operations since the start, and who holds which app."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Operation] = {}
        self._holding: dict[str, Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def holding(self, site: str, name: str) -> Iterator[Operation]:
        """Keeps the app `site` to one operation; 409 ExtendedCode 59203 if it has one already."""
        operation = self.begin(site, name)
        try:
            yield operation
        finally:
            self.end(operation)

    def run(self, site: str, name: str, work: Awaitable[object], ended: Ended) -> Operation:
        """Starts `work` in the background, holding the app; the operation can be polled by its id.

        `ended` is called at its end, when the app is free again.
        """
        try:
            operation = self.begin(site, name)
        except AppServiceError:
            if asyncio.iscoroutine(work):
                work.close()
            raise
        self._known[operation.id] = operation
        task = asyncio.create_task(self._finish(operation, work, ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation

    def find(self, operation_id: str) -> Operation | None:
        """The operation with this id, running or long over."""
        return self._known.get(operation_id.lower())

    def holder(self, site: str) -> Operation | None:
        """What is under way on the app, if anything."""
        return self._holding.get(site.lower())

    def refuse_if_held(self, site: str) -> None:
        """409 while an operation holds the app."""
        holder = self.holder(site)
        if holder:
            raise another_operation(
                f"Id: {holder.id}, OperationName: {holder.name}, "
                f"CreatedTime: {holder.created:%-m/%-d/%Y %-I:%M:%S %p}, "
                f"RequestId: {uuid.uuid4()}, EntityType: 3"
            )

    async def settled(self) -> None:
        """Until nothing is under way in the background."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Ends what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await self.settled()

    def begin(self, site: str, name: str) -> Operation:
        """Has an operation hold the app until `end`; 409 if one does already."""
        self.refuse_if_held(site)
        operation = Operation(name, site, self._clock.now())
        self._holding[site.lower()] = operation
        return operation

    def end(self, operation: Operation) -> None:
        """Sets the app free."""
        operation.finished = True
        self._holding.pop(operation.site.lower(), None)

    async def _finish(self, operation: Operation, work: Awaitable[object], ended: Ended) -> None:
        try:
            await work
        except AzureError as error:
            operation.failure = error
        except Exception:
            operation.failure = AppServiceError(500, "InternalServerError", "The operation failed.")
            raise
        finally:
            self.end(operation)
            ended(operation)
