"""Trouble that passes, borne for a while. No test waits: what would have been slept is noted."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_service_canary.errors import (
    AppServiceCanaryError,
    AzureRequestRejected,
    AzureUnavailable,
    ChangedByOthers,
    OperationInProgress,
    TransientAzureError,
    WeightNotApplied,
)
from app_service_canary.patience import JITTER, LONGEST_PAUSE, LOOK_AGAIN, patiently, pause_after, settled, with_jitter

LOG = logging.getLogger(__name__)
BUSY = TransientAzureError("Azure is busy.", status=503)


@pytest.fixture
def quick_patience() -> None:
    """Here patience is as long as it is."""


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which patience sleeps and measures."""
    clock = Clock()
    monkeypatch.setattr("asyncio.sleep", clock.sleep)
    monkeypatch.setattr("tenacity.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def failing(*errors: Exception) -> Callable[[], Awaitable[str]]:
    """Work that fails with these errors, one at a time, and then is done."""
    left = list(errors)

    async def work() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return work


def always(error: Exception) -> Callable[[], Awaitable[str]]:
    """Work that never gets done."""

    async def work() -> str:
        raise error

    return work


async def test_what_succeeds_is_done_once_without_a_pause(clock: Clock) -> None:
    assert await patiently(failing(), timedelta(minutes=1), LOG) == "done"
    assert clock.pauses == []


@pytest.mark.parametrize("error", [BUSY, OperationInProgress("A swap runs."), WeightNotApplied("Not there.")])
async def test_trouble_that_passes_is_borne(clock: Clock, error: AppServiceCanaryError) -> None:
    assert await patiently(failing(error, error), timedelta(minutes=1), LOG) == "done"
    assert len(clock.pauses) == 2


@pytest.mark.parametrize("error", [AzureRequestRejected("No."), ChangedByOthers("Not ours."), ZeroDivisionError()])
async def test_what_another_try_would_meet_again_passes_at_once(clock: Clock, error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        await patiently(failing(error), timedelta(minutes=1), LOG)
    assert raised.value is error
    assert clock.pauses == []


async def test_pauses_grow_up_to_the_longest(clock: Clock) -> None:
    await patiently(failing(*[BUSY] * 12), timedelta(hours=1), LOG)
    assert all(later > earlier for earlier, later in pairwise(clock.pauses[:5]))
    assert clock.pauses[-1] == LONGEST_PAUSE
    assert max(clock.pauses) == LONGEST_PAUSE


async def test_two_releases_do_not_come_back_at_the_same_moment(clock: Clock) -> None:
    for _ in range(2):
        await patiently(failing(BUSY, BUSY), timedelta(minutes=1), LOG)
    assert clock.pauses[:2] != clock.pauses[2:]


@pytest.mark.parametrize("asked", [1.0, 17.0, 60.0])
async def test_no_pause_is_shorter_than_azure_asked_for_nor_much_longer(clock: Clock, asked: float) -> None:
    await patiently(failing(TransientAzureError("Slow down.", retry_after=asked)), timedelta(minutes=5), LOG)
    [pause] = clock.pauses
    assert asked <= pause <= asked * (1 + JITTER)


async def test_trouble_that_does_not_pass_in_time_is_told_with_its_last_reason(clock: Clock) -> None:
    with pytest.raises(AzureUnavailable, match=r"^Azure is busy\. Tried for 2m, in vain\.$") as raised:
        await patiently(always(BUSY), timedelta(minutes=2), LOG)
    assert raised.value.__cause__ is BUSY
    assert 100 < clock.now < 120


async def test_a_pause_that_would_end_too_late_is_not_begun(clock: Clock) -> None:
    with pytest.raises(AzureUnavailable):
        await patiently(always(TransientAzureError("Slow down.", retry_after=60.0)), timedelta(seconds=59), LOG)
    assert clock.pauses == []


async def test_the_time_that_the_work_takes_counts_too(clock: Clock) -> None:
    async def slow() -> None:
        clock.now += 40
        raise BUSY

    with pytest.raises(AzureUnavailable):
        await patiently(slow, timedelta(seconds=60), LOG)
    assert len(clock.pauses) == 1


async def test_each_failure_is_told_with_the_pause_that_follows(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    await patiently(failing(TransientAzureError("Slow down.", retry_after=20.0)), timedelta(minutes=5), LOG)
    assert caplog.messages == [f"Slow down. Trying again in {clock.pauses[0]:.1f} s."]


@given(st.floats(0, 1000), st.none() | st.floats(0, 1000))
def test_what_azure_asked_for_is_the_least_and_the_pause_given_too(seconds: float, retry_after: float | None) -> None:
    pause = pause_after(TransientAzureError("x", retry_after=retry_after), seconds)
    assert max(seconds, retry_after or 0) <= pause <= max(seconds, (retry_after or 0) * (1 + JITTER))


@given(st.floats(0, 1000))
def test_jitter_never_makes_a_pause_shorter(seconds: float) -> None:
    assert seconds <= with_jitter(seconds) <= seconds * (1 + JITTER)


def readings(*found: int) -> Callable[[], Awaitable[int]]:
    """Looks that see these, one after the other."""
    left = list(found)

    async def look() -> int:
        return left.pop(0)

    return look


async def test_what_is_as_expected_is_looked_at_once(clock: Clock) -> None:
    assert await settled(readings(1), lambda seen: seen == 1) == 1
    assert clock.pauses == []


async def test_a_reading_that_is_out_of_date_is_looked_at_again(clock: Clock) -> None:
    assert await settled(readings(0, 1), lambda seen: seen == 1) == 1
    assert clock.pauses == [LOOK_AGAIN[0]]


async def test_what_stays_otherwise_is_what_is_so(clock: Clock) -> None:
    assert await settled(readings(0, 0, 2), lambda seen: seen == 1) == 2
    assert clock.pauses == list(LOOK_AGAIN)
