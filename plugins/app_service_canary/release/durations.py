"""Durations as people write them in release files and run parameters: `90s`, `15m`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

from app_service_canary.release.quoting import quoted

MANUAL = "manual"
"""Instead of a duration: until a person says go on."""

LONGEST = timedelta(days=365)
"""Nothing in a release takes a year; far longer ones would leave the calendar when added to the time."""

ALLOWED = "a duration such as 30s, 15m, 2h or 1h30m"
ALLOWED_BAKE = f"{ALLOWED}, or {MANUAL}"

_PARTS = re.compile(r"(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?")


def parse_duration(text: object) -> timedelta:
    """Reads a duration; days, hours, minutes and seconds in this order, each at most once.

    Raises:
        ValueError: it is none, it is zero, or it is longer than a year; the sentence names what is allowed.
    """
    match = _PARTS.fullmatch(text.strip()) if isinstance(text, str) else None
    try:
        parts = {unit: int(number) for unit, number in match.groupdict().items() if number} if match else {}
        duration = timedelta(**parts)
    except (OverflowError, ValueError):  # the latter: Python reads no number of more than 4300 digits
        duration = timedelta.max
    if not duration:
        raise ValueError(f"{quoted(text)} is not {ALLOWED}")
    if duration > LONGEST:
        raise ValueError(f"{quoted(text)} is too long; allowed: at most {LONGEST.days}d")
    return duration


def parse_bake(text: object) -> timedelta | None:
    """Reads a bake time: a duration, or None for `manual`.

    Raises:
        ValueError: it is neither; the sentence names what is allowed.
    """
    if isinstance(text, str) and text.strip().lower() == MANUAL:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{error}, or {MANUAL}") from None


def format_duration(duration: timedelta | None) -> str:
    """Writes a duration the way `parse_bake` reads it; fractions of a second are dropped."""
    if duration is None:
        return MANUAL
    seconds = int(duration.total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
