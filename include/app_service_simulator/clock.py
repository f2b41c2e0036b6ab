"""The simulator's clock."""

import asyncio
from datetime import datetime, timezone


class Clock:
    """Tells real time, and shortens the time Azure itself takes.

    `speed` divides Azure's own durations (a swap's minute, a PATCH's seconds, a cookie's hour) and nothing
    else: a deployed app starts and answers at its own pace. 1.0 is Azure's pace.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed is {speed}; it must be above 0")
        self.speed = speed

    def now(self) -> datetime:
        """The present moment: real, aware, UTC."""
        return datetime.now(timezone.utc)

    def shorten(self, azure_seconds: float) -> float:
        """Real seconds that stand for `azure_seconds`."""
        return azure_seconds / self.speed

    async def sleep(self, azure_seconds: float) -> None:
        """Lets the real time pass that stands for `azure_seconds`."""
        await asyncio.sleep(self.shorten(azure_seconds))
