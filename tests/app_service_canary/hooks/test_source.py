"""What sources have in common."""

from datetime import datetime, timedelta, timezone

import pytest

from app_service_canary.hooks.source import Watched, next_minute, whole_minute
from app_service_canary.release.measurement import Measurement

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(("seconds", "next_one"), [(0, 0), (0.5, 60), (59, 60), (60, 60)])
def test_the_next_whole_minute_is_now_if_one_begins(seconds: float, next_one: float) -> None:
    assert NOON + timedelta(seconds=next_one) == next_minute(NOON + timedelta(seconds=seconds))
    assert whole_minute(NOON + timedelta(seconds=59)) == NOON


def test_without_a_baseline_a_window_has_nobody_to_compare_with() -> None:
    window = Watched("production", None).window("probe", (NOON, NOON), NOON, Measurement(1), None)
    assert window.baseline == Measurement()
