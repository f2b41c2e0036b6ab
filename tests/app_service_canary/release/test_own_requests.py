"""Requests of our own, taken off what Azure has counted."""

import json
from dataclasses import replace
from datetime import timedelta
from math import isclose
from random import Random

import pytest
from tests.app_service_canary.release.test_evidence import EXACT
from tests.app_service_canary.release.windows import MINUTE, NOON, counted, window

from app_service_canary.release.app_state import PRODUCTION
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.measurement import Measurement
from app_service_canary.release.observation import Answer, Side
from app_service_canary.release.own_requests import KEPT, OwnRequests


def answer(side: Side = Side.SLOT, status: int | None = 200, seconds: float = 0.1, routed: str | None = None) -> Answer:
    return Answer(side, "GET /", status, status == 200, seconds, routed_to=routed)


def asked(*answers: tuple[float, Answer]) -> OwnRequests:
    """At so many seconds after noon."""
    own = OwnRequests("stage", NOON)
    for seconds, each in answers:
        own.add(each, NOON + timedelta(seconds=seconds))
    return own


def test_of_each_slots_minute_those_are_taken_off_that_went_to_it() -> None:
    own = asked(
        (5, answer()),
        (6, answer(Side.VISITORS, routed="self")),
        (7, answer(Side.VISITORS, routed="stage")),
        (8, answer(Side.VISITORS)),
        (65, answer()),
    )
    assert own.taken_off(counted(100), "stage", NOON, judged=True).requests == 98
    assert own.taken_off(counted(900), PRODUCTION, NOON, judged=False).requests == 898
    assert own.taken_off(counted(100), "stage", NOON + MINUTE, judged=True).requests == 99
    assert own.taken_off(counted(100), PRODUCTION, NOON + MINUTE, judged=False) == counted(100)


def test_what_was_not_answered_may_not_have_arrived_and_stays() -> None:
    assert asked((5, answer(status=None))).taken_off(counted(10, 1), "stage", NOON, judged=True) == counted(10, 1)


@pytest.mark.parametrize("seconds", [61, 119])
def test_a_failure_near_a_minutes_edge_is_taken_off_wherever_that_favours_the_canary(seconds: float) -> None:
    own = asked((seconds, answer(status=503)), (seconds, answer(Side.VISITORS, status=503)))
    neighbour = NOON if seconds == 61 else NOON + 2 * MINUTE
    for minute in (neighbour, NOON + MINUTE):
        assert own.taken_off(counted(10, 3), "stage", minute, judged=True).failures == 2
        assert own.taken_off(counted(90, 3), PRODUCTION, minute, judged=False).failures == 3
    surely = asked((90, answer(Side.VISITORS, status=503)))
    assert surely.taken_off(counted(90, 3), PRODUCTION, NOON + MINUTE, judged=False).failures == 2


def test_a_status_counts_as_the_source_counts_it() -> None:
    own = OwnRequests("stage", NOON, failing_from=400)
    own.add(answer(status=404), NOON + timedelta(seconds=30))
    assert own.taken_off(counted(10, 1), "stage", NOON, judged=True) == counted(9)
    assert asked((30, answer(status=404))).taken_off(counted(10, 1), "stage", NOON, judged=True) == counted(9, 1)


def test_time_is_taken_off_and_a_time_below_nothing_speaks_for_the_canary_alone() -> None:
    own = asked((5, answer(seconds=0.4)), (6, answer(Side.VISITORS, seconds=0.4)))
    left = own.taken_off(Measurement(3, 0, seconds=1.0), "stage", NOON, judged=True)
    assert (left.requests, left.seconds) == (2, 0.6)
    little = Measurement(3, 0, seconds=0.3)
    assert own.taken_off(little, "stage", NOON, judged=True).mean_seconds == 0
    assert own.taken_off(little, PRODUCTION, NOON, judged=False).mean_seconds is None
    assert own.taken_off(Measurement(1, 0, seconds=0.3), "stage", NOON, judged=True) == Measurement()


def test_the_time_to_connect_is_no_part_of_it() -> None:
    own = asked((5, replace(answer(seconds=0.9), waited=0.2)))
    assert own.taken_off(Measurement(3, 0, seconds=1.0), "stage", NOON, judged=True).seconds == 0.8


def test_minutes_before_the_first_and_those_long_past_are_not_known() -> None:
    own = asked((5, answer()))
    assert (own.knows(NOON - MINUTE), own.knows(NOON)) == (False, True)
    own.add(answer(), NOON + KEPT + MINUTE)
    assert (own.knows(NOON), own.knows(NOON + MINUTE)) == (False, True)


def test_of_a_minute_that_was_under_way_when_a_watch_began_all_it_has_asked_is_kept() -> None:
    own = OwnRequests("stage", NOON + timedelta(seconds=30))
    for side in (Side.SLOT, Side.VISITORS):
        own.add(answer(side), NOON + timedelta(seconds=31))
    assert not own.knows(NOON)
    assert own.taken_off(counted(5), "stage", NOON, judged=True).requests == 4


def test_the_next_watch_goes_on_with_those_of_the_one_before() -> None:
    kept = json.loads(json.dumps(asked((5, answer())).to_json()))
    own = OwnRequests("stage", NOON + 2 * MINUTE)
    own.add(answer(), NOON + 2 * MINUTE)
    own.and_those(kept)
    assert own.knows(NOON)
    assert [own.taken_off(counted(10), "stage", NOON + n * MINUTE, judged=True).requests for n in range(3)] == [
        9,
        10,
        9,
    ]


@pytest.mark.parametrize("kept", [{}, {"minutes": 3, "since": "?"}, {"minutes": [["stage", "?", {}]], "since": "?"}])
def test_what_is_none_of_them_is_refused(kept: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"these are no requests of ours|Invalid isoformat"):
        asked().and_those(kept)


def test_two_versions_that_are_alike_look_alike_however_slow_and_bad_what_we_ask_for_is() -> None:
    """Users are shared out by a tenth, ours are not; ours take five times as long, and one in twenty fails."""
    dice, own, seen, blind = Random(3), OwnRequests("stage", NOON), Evidence(metrics=EXACT), Evidence(metrics=EXACT)
    for number in range(120):
        minute = NOON + number * MINUTE
        raw = {"stage": [60, 0, 60 * 0.04 * dice.uniform(0.9, 1.1)], PRODUCTION: [540, 1, 540 * 0.04]}
        for second in range(60):
            status = 500 if dice.random() < 0.05 else 200
            for side, slot in ((Side.SLOT, "stage"), (Side.VISITORS, PRODUCTION)):
                at = minute + timedelta(seconds=second + 0.5)
                own.add(answer(side, status, 0.25), at)
                # Azure's clock is a second ahead, and it does not count the network.
                azures = raw[slot] if second < 59 else [0, 0, 0.0]
                azures[0] += 1
                azures[1] += status == 500
                azures[2] += 0.2
        azure = {slot: Measurement(int(n), int(k), seconds=s) for slot, (n, k, s) in raw.items()}
        sides = [own.taken_off(azure[slot], slot, minute, judged=slot == "stage") for slot in raw]
        seen, blind = (
            seen.and_then(window(*sides, number=number)),
            blind.and_then(window(*azure.values(), number=number)),
        )
    assert isclose(seen.canary.requests, 60 * 120, rel_tol=0.05)
    assert max(seen.log_wealth("failures"), seen.log_wealth("latency")) < 3
    assert min(blind.log_wealth("failures"), blind.log_wealth("latency")) > 10
