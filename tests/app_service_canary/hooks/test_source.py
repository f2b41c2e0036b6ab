"""What sources have in common."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest

from app_service_canary.errors import TransientAzureError
from app_service_canary.hooks.source import Source, Watched
from app_service_canary.release.measurement import Measurement, Window, next_minute, whole_minute

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(("seconds", "next_one"), [(0, 0), (0.5, 60), (59, 60), (60, 60)])
def test_the_next_whole_minute_is_now_if_one_begins(seconds: float, next_one: float) -> None:
    assert NOON + timedelta(seconds=next_one) == next_minute(NOON + timedelta(seconds=seconds))
    assert whole_minute(NOON + timedelta(seconds=59)) == NOON


def test_without_a_baseline_a_window_has_nobody_to_compare_with() -> None:
    window = Watched("production", None).window("probe", (NOON, NOON), NOON, Measurement(1), None)
    assert window.baseline == Measurement()


class Slots(Source):
    """Reads the names of the slots; the canary's cannot be read, and the baseline's comes later."""

    name, pause = "slots", 1.0

    def __init__(self) -> None:
        super().__init__(Watched("stage", "production"))
        self.failed = asyncio.Event()
        self.ended: list[str] = []

    async def read(self, since: datetime, now: datetime) -> list[Window]:
        await self.each_side(self._read)
        return []

    async def _read(self, slot: str) -> str:
        if slot == self.watched.canary:
            self.failed.set()
            raise TransientAzureError("busy")
        await self.failed.wait()
        await asyncio.sleep(0)
        self.ended.append(slot)
        return slot


async def test_when_one_side_cannot_be_read_the_other_is_not_left_under_way() -> None:
    source = Slots()
    with pytest.raises(TransientAzureError, match="busy"):
        await source.read(NOON, NOON)
    assert source.ended == ["production"]
