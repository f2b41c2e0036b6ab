"""Measurements of both populations."""

from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.release.windows import counted, window

from app_service_canary.release.histogram import Histogram
from app_service_canary.release.measurement import Measurement, Window


def test_measurements_add_up() -> None:
    one = Measurement(10, 1, Histogram.of([5.0]), 2.0)
    other = Measurement(5, 0, Histogram.of([9.0]), 1.0)
    assert Measurement(15, 1, Histogram.of([5.0, 9.0]), 3.0) == one.and_those(other)


def test_a_source_that_tells_no_latencies_makes_no_mean() -> None:
    assert counted(3).mean_seconds is None
    assert counted(3).and_those(counted(4)).seconds is None
    assert Measurement(4, seconds=2.0).mean_seconds == 0.5
    assert Measurement(0, seconds=0.0).mean_seconds is None


@pytest.mark.parametrize(("requests", "failures"), [(1, 2), (-1, -1), (5, -1), (10**13, 0)])
def test_counts_that_cannot_be_are_refused(requests: int, failures: int) -> None:
    with pytest.raises(ValueError, match="failures of"):
        Measurement(requests, failures)


def test_what_is_kept_of_a_window_is_found_again() -> None:
    kept = window(Measurement(10, 1, Histogram.of([5.0]), 2.0), counted(90, 2))
    assert kept == Window.from_json(kept.to_json())


def test_a_window_knows_how_old_it_was_when_it_was_read() -> None:
    assert window(counted(1)).age == timedelta(minutes=2)


@pytest.mark.parametrize("kept", [{}, {"source": "x"}, {"source": "x", "start": 3}], ids=str)
def test_what_is_no_window_is_refused(kept: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a window"):
        Window.from_json(kept)
