"""What a trigger says."""

from typing import Any


async def the_event(trigger: Any) -> dict[str, Any]:
    """The one event of a trigger that is run to its end."""
    events = [received.payload async for received in trigger.run()]
    assert len(events) == 1
    found: dict[str, Any] = events[0]
    return found
