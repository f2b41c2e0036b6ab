"""Windows of measurements, for tests."""

from datetime import datetime, timedelta, timezone

from app_service_canary.release.measurement import Measurement, Window

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def window(
    canary: Measurement, baseline: Measurement | None = None, *, number: int = 0, source: str = "azure_monitor"
) -> Window:
    """The minute of that number after noon."""
    start = NOON + number * MINUTE
    return Window(source, start, start + MINUTE, start + 3 * MINUTE, canary, baseline or Measurement())


def counted(requests: int, failures: int = 0) -> Measurement:
    return Measurement(requests, failures)
