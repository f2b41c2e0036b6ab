"""Durations as people write them in release files and run parameters: `90s`, `15m`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

MANUAL = "manual"
"""Instead of a duration: until a person says go on."""

ALLOWED = "a duration such as 30s, 15m, 2h or 1h30m"
ALLOWED_BAKE = f"{ALLOWED}, or {MANUAL}"

_PARTS = re.compile(r"(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?")


def parse_duration(text: object) -> timedelta:
    """Reads a duration; days, hours, minutes and seconds in this order, each at most once.

    Raises:
        ValueError: it is none, or it is zero; the sentence names what is allowed.
    """
    match = _PARTS.fullmatch(text.strip()) if isinstance(text, str) else None
    parts = {unit: int(number) for unit, number in match.groupdict().items() if number} if match else {}
    duration = timedelta(**parts)
    if not duration:
        raise ValueError(f"{text!r} is not {ALLOWED}")
    return duration


def parse_bake(text: object) -> timedelta | None:
    """Reads a bake time: a duration, or None for `manual`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(text, str) and text.strip().lower() == MANUAL:
        return None
    try:
        return parse_duration(text)
    except ValueError:
        raise ValueError(f"{text!r} is not {ALLOWED_BAKE}") from None


def format_duration(duration: timedelta | None) -> str:
    """Writes a duration the way `parse_bake` reads it; fractions of a second are dropped."""
    if duration is None:
        return MANUAL
    seconds = int(duration.total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
