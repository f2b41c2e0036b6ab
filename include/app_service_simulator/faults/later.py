"""Writes that are answered, or broken off, at once, and take effect later: as when a client died in a slow PATCH."""

import asyncio
from collections.abc import Awaitable, Callable

from app_service_simulator.operations import Operations

Land = Callable[[], Awaitable[None]]


class Later:
    """Everything that is still to land. Until it has, its app is busy, as with any other operation."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, app: str, seconds: float, land: Land) -> None:
        """Calls `land` after real seconds; 409 ExtendedCode 59203 at once if the app is busy now."""
        operation = self._operations.begin(app, "Update")

        async def wait_and_land() -> None:
            try:
                await asyncio.sleep(seconds)
            finally:
                self._operations.end(operation)
            await land()

        self._tasks.add(task := asyncio.create_task(wait_and_land()))
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Nothing lands any more."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
