"""Durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app_service_canary.release.strategies import durations, junk

from app_service_canary.release.durations import format_duration, parse_bake, parse_duration


@given(durations)
def test_a_duration_that_was_written_reads_back_the_same(duration: timedelta) -> None:
    assert duration == parse_duration(format_duration(duration))
    assert duration == parse_bake(format_duration(duration))


@given(durations | st.none())
def test_what_is_read_and_written_again_stays_as_it_was_written(bake: timedelta | None) -> None:
    written = format_duration(bake)

    assert written == format_duration(parse_bake(written))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1s", timedelta(seconds=1)),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        (" 5m ", timedelta(minutes=5)),
        ("0h5m", timedelta(minutes=5)),
        ("365d", timedelta(days=365)),
    ],
)
def test_days_hours_minutes_and_seconds_are_read_in_this_order(text: str, expected: timedelta) -> None:
    assert expected == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", " ", "0s", "0d0h", "5", "s", "m5", "5m1h", "1m1m", "-5m", "1.5h", "5 m", "5M", "1h 30m", "manual"]
)
def test_text_that_is_no_duration_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 30s, 15m, 2h or 1h30m") as refused:
        parse_duration(text)

    assert str(refused.value).startswith(repr(text))


@pytest.mark.parametrize("value", [None, True, 0, 15, 1.5, timedelta(seconds=5), ["5m"], {"minutes": 5}])
def test_a_value_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(value)


@pytest.mark.parametrize("text", ["366d", "365d1s", "8761h", "99999999999999999999d"])
def test_a_duration_longer_than_a_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=rf"'{text}' is too long; allowed: at most 365d"):
        parse_duration(text)


@given(junk)
def test_any_other_value_is_refused_by_a_value_error_and_nothing_else(value: object) -> None:
    try:
        assert timedelta(0) < parse_duration(value)
    except ValueError:
        assert value not in ("1s", "1m")


@pytest.mark.parametrize("text", ["manual", "MANUAL", " Manual "])
def test_a_manual_bake_has_no_duration(text: str) -> None:
    assert parse_bake(text) is None


@pytest.mark.parametrize("text", ["", "manually", "0s", None, 5, "366d"])
def test_a_bake_that_is_neither_is_refused_naming_both(text: object) -> None:
    with pytest.raises(ValueError, match=r"or manual$"):
        parse_bake(text)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (None, "manual"),
        (timedelta(0), "0s"),
        (timedelta(milliseconds=999), "0s"),
        (timedelta(seconds=1.9), "1s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(seconds=60), "1m"),
        (timedelta(seconds=61), "1m1s"),
        (timedelta(hours=1), "1h"),
        (timedelta(days=2), "48h"),
    ],
)
def test_a_duration_is_written_in_hours_minutes_and_seconds(duration: timedelta | None, expected: str) -> None:
    assert expected == format_duration(duration)
