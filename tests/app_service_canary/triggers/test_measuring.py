"""Following sources."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.app_service_canary.release.windows import NOON, counted, window

from app_service_canary.errors import AzureRequestRejected, SourceUnavailable
from app_service_canary.hooks.source import Source, Watched
from app_service_canary.release.after_swap import new_evidence
from app_service_canary.release.analysis import Analysis, AzureMonitor, Sources
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.measurement import Measurement, Window
from app_service_canary.triggers.measuring import Measuring

RULES = Analysis(sources=Sources(azure_monitor=AzureMonitor()), error_limit=2)


class Told(Source):
    """Reads what a test tells it to; at last nothing more."""

    name, pause = "azure_monitor", 0.001

    def __init__(self, *readings: Sequence[Window] | Exception) -> None:
        super().__init__(Watched("stage", "production"))
        self.readings, self.asked_since = list(readings), list[datetime]()
        self.told = asyncio.Event()

    async def read(self, since: datetime, now: datetime) -> list[Window]:
        self.asked_since.append(since)
        if not self.readings:
            self.told.set()
            return []
        reading = self.readings.pop(0)
        if isinstance(reading, Exception):
            raise reading
        return list(reading)


async def followed(
    source: Told, evidence: dict[str, Evidence] | None = None, before: dict[str, Measurement] | None = None
) -> tuple[Measuring, list[Window]]:
    """After everything was read."""
    kept: list[Window] = []
    measuring = Measuring(RULES, evidence or {}, NOON, before, {}, kept.append, logging.getLogger("test"))
    measuring.follow([source])
    await asyncio.wait_for(source.told.wait(), 10)
    await measuring.end()
    return measuring, kept


def minute(number: int, canary: int = 10, *, final: bool = True) -> Window:
    found = window(counted(canary), counted(90), number=number)
    return Window(**{**vars(found), "final": final})


async def test_what_is_read_becomes_evidence_and_the_next_reading_goes_on_from_there() -> None:
    source = Told([minute(0), minute(1)], [minute(2)])
    measuring, kept = await followed(source)
    assert measuring.evidence["azure_monitor"].canary.requests == 30
    assert [each.start for each in kept] == [NOON + timedelta(minutes=number) for number in range(3)]
    assert source.asked_since[:3] == [NOON, minute(1).end, minute(2).end]


async def test_a_minute_that_is_revised_counts_once_as_it_was_in_the_end() -> None:
    measuring, kept = await followed(Told([minute(0, 4, final=False)], [minute(0, 7, final=False)], [minute(0, 9)]))
    assert measuring.evidence["azure_monitor"].canary.requests == 9
    assert [each.canary.requests for each in kept] == [9]


async def test_a_minute_that_may_still_change_counts_when_it_was_read_twice_alike() -> None:
    once, _ = await followed(Told([minute(0, 4, final=False)]))
    assert once.evidence["azure_monitor"].canary.requests == 0
    changing, _ = await followed(Told([minute(0, 4, final=False)], [minute(0, 5, final=False)]))
    assert changing.evidence["azure_monitor"].canary.requests == 0
    assert changing.counted_for_now == []
    measuring, kept = await followed(Told([minute(0, 4, final=False)], [minute(0, 4, final=False)]))
    assert measuring.evidence["azure_monitor"].canary.requests == 4
    assert measuring.seen_here == {"azure_monitor": 4}
    assert [each.canary.requests for each in measuring.counted_for_now] == [4]
    assert measuring.settled["azure_monitor"].canary.requests == 0
    assert kept == []


async def test_what_may_still_change_is_left_for_the_next_step_to_read_again() -> None:
    measuring, _ = await followed(Told([minute(0, 4, final=False)]))
    kept = {name: Evidence.from_json(each.to_json(), RULES.metrics) for name, each in measuring.settled.items()}
    source = Told([minute(0, 9)])
    later = Measuring(
        RULES, kept, NOON + timedelta(minutes=5), None, {}, lambda window: None, logging.getLogger("test")
    )
    later.follow([source])
    await asyncio.wait_for(source.told.wait(), 10)
    await later.end()
    assert source.asked_since[0] == NOON
    assert later.evidence["azure_monitor"].canary.requests == 9


async def test_what_a_source_tells_of_the_time_before_the_watch_was_not_seen_here() -> None:
    measuring, _ = await followed(Told([minute(-1, 40), minute(0, 2)], [minute(1, 3, final=False)]))
    assert measuring.seen_here == {"azure_monitor": 2}
    before = {"azure_monitor": Evidence(until=NOON - timedelta(minutes=2))}
    later, _ = await followed(Told([minute(-1, 40), minute(0, 2)]), before)
    assert later.evidence["azure_monitor"].canary.requests == 42
    assert later.seen_here == {"azure_monitor": 2}


async def test_a_minute_without_requests_of_the_stable_version_was_not_seen_unless_that_has_no_users_any_more() -> None:
    alone = window(counted(100), number=1)
    measuring, _ = await followed(Told([minute(0), alone]))
    assert measuring.seen_here == {"azure_monitor": 10}
    measuring, _ = await followed(Told([alone]), before={})
    assert measuring.seen_here == {"azure_monitor": 100}


async def test_what_was_seen_before_a_manager_was_asked_was_seen_here() -> None:
    log = logging.getLogger("test")
    measuring = Measuring(RULES, {}, NOON, None, {"azure_monitor": 45}, lambda window: None, log)
    measuring.take("azure_monitor", [minute(0, 6)])
    assert measuring.seen_here == {"azure_monitor": 51}


async def test_a_minute_that_was_counted_is_not_counted_again() -> None:
    measuring, _ = await followed(Told([minute(0)], [minute(0), minute(1)]))
    assert measuring.evidence["azure_monitor"].canary.requests == 20


async def test_evidence_of_earlier_steps_counts_on() -> None:
    earlier = {"azure_monitor": Evidence(metrics=RULES.metrics).and_then(minute(0))}
    source = Told([minute(1)])
    measuring, _ = await followed(source, earlier)
    assert measuring.evidence["azure_monitor"].canary.requests == 20
    assert source.asked_since[0] == minute(0).end


async def test_a_watch_after_the_swap_that_goes_on_is_held_to_its_limit_again() -> None:
    before = {"azure_monitor": counted(5000, 25)}
    known = new_evidence("azure_monitor", RULES, before).and_then(window(counted(60)))
    again = Evidence.from_json(known.to_json(), RULES.metrics)
    bad = window(counted(100, 60), number=1)
    measuring, _ = await followed(Told([bad]), {"azure_monitor": again}, before)
    expected = known.and_then(bad).bet("after_swap").log_wealth
    assert measuring.evidence["azure_monitor"].bet("after_swap").log_wealth == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("errors", "given_up"), [(2, False), (3, True)])
async def test_trouble_that_passes_has_a_limit_of_its_own(errors: int, given_up: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr("app_service_canary.triggers.measuring.pause_after", lambda error, seconds: 0.001)
    source = Told(*[SourceUnavailable("It is busy.")] * errors, [minute(0)])
    kept: list[Window] = []
    measuring = Measuring(RULES, {}, NOON, None, {}, kept.append, logging.getLogger("test"))
    measuring.follow([source])
    await asyncio.wait(
        {asyncio.create_task(source.told.wait()), *measuring.following}, timeout=10, return_when="FIRST_COMPLETED"
    )
    await measuring.end()
    assert given_up == bool(measuring.given_up)
    assert len(kept) == (0 if given_up else 1)
    if given_up:
        assert "It failed 3 times in a row." in measuring.given_up["azure_monitor"]


async def test_what_cannot_be_read_is_given_up_at_once_and_said() -> None:
    source = Told(AzureRequestRejected("No permission."))
    measuring = Measuring(RULES, {}, NOON, None, {}, lambda window: None, logging.getLogger("test"))
    measuring.follow([source])
    await asyncio.wait_for(measuring.changed.wait(), 10)
    await measuring.end()
    assert measuring.given_up == {"azure_monitor": "No permission."}


async def test_what_nobody_expected_ends_a_source_and_not_the_watch() -> None:
    measuring = Measuring(RULES, {}, NOON, None, {}, lambda window: None, logging.getLogger("test"))
    measuring.follow([Told(ZeroDivisionError("quotes a secret"))])
    await asyncio.wait_for(measuring.changed.wait(), 10)
    await measuring.end()
    assert measuring.given_up == {"azure_monitor": "ZeroDivisionError (see the task's log)"}


async def test_what_earlier_steps_saw_is_not_counted_as_seen_here() -> None:
    earlier = {"azure_monitor": Evidence(metrics=RULES.metrics).and_then(minute(0))}
    measuring, _ = await followed(Told([minute(1, 3)]), earlier)
    assert measuring.seen_here == {"azure_monitor": 3}
