"""Counters from look to look."""

from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.release.windows import NOON

from app_service_canary.hooks.counters import Counters, Looks
from app_service_canary.release.histogram import Histogram, bucket_of
from app_service_canary.release.measurement import Measurement

INTERVAL = timedelta(seconds=15)


def looked(*looks: tuple[float, Counters, Counters]) -> list[Any]:
    """What each look tells, at that many seconds after noon: seconds since when, and by how much both have grown."""
    watched, told = Looks(INTERVAL), list[Any]()
    for seconds, canary, baseline in looks:
        found = watched.and_then(NOON + timedelta(seconds=seconds), [canary, baseline])
        told.append(found and ((found[0] - NOON).total_seconds(), *found[1]))
    return told


def requests(number: float, failures: float = 0.0) -> Counters:
    return {"requests": number, "failures": failures}


def test_a_look_tells_what_both_have_grown_by_since_the_look_before() -> None:
    first, second, third = looked(
        (0, requests(100, 5), requests(900)),
        (15, requests(107, 6), requests(990)),
        (30, requests(107, 6), requests(990)),
    )
    assert first is None
    assert second == (0, Measurement(7, 1), Measurement(90))
    assert third == (15, Measurement(), Measurement())


@pytest.mark.parametrize(
    "less", [requests(7, 1), requests(190, 4), {"requests": 190.0}, {"requests": -1.0, "failures": 5.0}], ids=str
)
def test_a_look_after_which_a_counter_has_fallen_or_gone_tells_nothing_and_the_next_goes_on_from_there(
    less: Counters,
) -> None:
    more = {name: value + 10 for name, value in less.items()}
    _, fallen, after = looked((0, requests(100, 5), requests(90)), (15, less, requests(99)), (30, more, requests(108)))
    assert fallen is None
    assert after is None or after[1].requests == 10


def test_what_comes_back_brings_nothing_of_what_it_had_counted() -> None:
    """One of two instances is missed by a scrape, and its counter is gone from the sum until the next."""
    told = looked(
        (0, requests(300), requests(900_000)),
        (15, requests(310), requests(900_090)),
        (30, requests(320), requests(450_090)),
        (45, requests(330), requests(450_135)),
        (60, requests(340), requests(900_270)),
        (75, requests(350), requests(900_360)),
    )
    assert [each and each[2].requests for each in told] == [None, 90, None, 45, None, 90]


def test_a_counter_that_began_anew_tells_nothing_once_more_where_it_had_been() -> None:
    told = looked(*((15 * n, requests(10 * n), requests(100 + 10 * n if n < 2 else 30 * n)) for n in range(7)))
    assert [each and each[2].requests for each in told] == [None, 10, None, 30, None, 30, 30]


def test_where_one_alone_has_grown_the_look_waits_for_the_other() -> None:
    """Each is scraped once a minute, at another second."""
    told = looked(
        *((t, requests(10 * ((t + 50) // 60)), requests(90 * ((t + 20) // 60))) for t in range(0, 151, 15)),
    )
    grown = [each for each in told if each and each[1].requests + each[2].requests]
    assert grown == [(0, Measurement(10), Measurement(90)), (60, Measurement(10), Measurement(90))]


def test_it_waits_a_minute_at_most() -> None:
    told = looked(*((15 * n, requests(10 * n), requests(0)) for n in range(6)))
    assert [each and (each[0], each[1].requests) for each in told] == [None, None, None, None, (0, 40), None]


def test_a_look_long_after_the_one_before_tells_nothing() -> None:
    told = looked((0, requests(1), requests(1)), (61, requests(2), requests(2)), (76, requests(4), requests(3)))
    assert told == [None, None, (61, Measurement(2), Measurement(1))]


def test_a_counter_of_failures_may_come_with_the_first_one() -> None:
    _, told = looked((0, {"requests": 100.0}, requests(1)), (15, requests(110, 2), requests(2)))
    assert told[1] == Measurement(10, 2)


def test_growing_buckets_become_a_histogram() -> None:
    buckets = {"0.008": 1.0, "0.016": 5.0, "+Inf": 6.0}
    _, told = looked((0, requests(0), requests(0)), (15, {**requests(6), **buckets}, requests(1)))
    assert told[1].latencies == Histogram({bucket_of(8): 1, bucket_of(16): 4, bucket_of(16) + 1: 1})
