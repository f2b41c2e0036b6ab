"""When nobody is pinned any more."""

from datetime import datetime, timedelta, timezone

import pytest

from app_service_canary.release.drain import drained_at

CLEARED = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("pinned_for", "expected"),
    [
        ([], HOUR),
        ([None], HOUR),
        ([None, None], HOUR),
        ([0.0], timedelta(0)),
        ([1.0], timedelta(seconds=1)),
        ([60.0, 6.0, None], timedelta(minutes=1)),
        ([3600.0], HOUR),
        ([3601.0], HOUR),
        ([1e300], HOUR),
    ],
)
def test_the_wait_is_the_longest_cookie_seen_and_never_longer_than_allowed(
    pinned_for: list[float | None], expected: timedelta
) -> None:
    assert expected == drained_at(CLEARED, pinned_for, HOUR) - CLEARED


def test_the_wait_counts_from_when_the_rule_was_cleared() -> None:
    assert drained_at(CLEARED, [60.0], HOUR) + HOUR == drained_at(CLEARED + HOUR, [60.0], HOUR)
