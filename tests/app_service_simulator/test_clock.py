"""The clock: real time, and Azure's own durations shortened."""

from datetime import timezone

import pytest

from app_service_simulator.clock import Clock


def test_the_present_is_aware_and_utc() -> None:
    assert Clock().now().tzinfo is timezone.utc


@pytest.mark.parametrize(("speed", "expected"), [(1.0, 60.0), (60.0, 1.0), (0.5, 120.0)])
def test_a_duration_is_divided_by_the_speed(speed: float, expected: float) -> None:
    assert Clock(speed).shorten(60.0) == expected


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_is_not_above_0_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Clock(speed)
