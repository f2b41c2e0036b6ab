"""Moments and durations in text, in Kusto's way and in ISO 8601."""

import re
from datetime import datetime, timedelta, timezone

_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?)?\s*(Z|[+-]\d\d:\d\d)?", re.IGNORECASE
)
_DURATION = re.compile(r"P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")

UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
"""The suffixes of timespan literals that are understood; tick and microsecond are not."""


def moment(text: str) -> datetime:
    """An ISO 8601 moment, UTC when it names no zone; ValueError for anything else. Tenths of a microsecond are cut."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no ISO 8601 moment")
    *numbers, fraction, zone = match.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    micro = int((fraction or "").ljust(6, "0")[:6])
    found = datetime(year, month, day, hour, minute, second, micro, tzinfo=timezone.utc)
    if zone and zone not in "Zz":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
        found += offset if zone[0] == "-" else -offset
    return found


def duration(text: str) -> timedelta:
    """An ISO 8601 duration of days and less; ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is no ISO 8601 duration of days, hours, minutes and seconds")
    days, hours, minutes, seconds = (float(number or 0) for number in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def timespan(text: str) -> timedelta:
    """A timespan literal: a number and one of UNITS."""
    number = text.rstrip("dhms")
    return float(number) * UNITS[text[len(number) :]]


def moment_text(value: datetime) -> str:
    """A moment as Log Analytics answers it: only as many decimals as it needs."""
    text = f"{value:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".")
    return f"{text}Z"


def timespan_text(value: timedelta) -> str:
    """`[-][days.]hh:mm:ss[.fraction]`, with a fraction of seven digits."""
    microseconds = abs(value) // timedelta(microseconds=1)
    seconds, fraction = divmod(microseconds, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    sign = "-" if value < timedelta() else ""
    return f"{sign}{f'{days}.' if days else ''}{text}{f'.{fraction:06}0' if fraction else ''}"
