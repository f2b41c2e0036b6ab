from datetime import datetime, timedelta, timezone

from app_service_simulator.traffic import MINUTE, TrafficLog

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
WEB = ("contoso-web", "production")


def record(log, seconds_after_noon, status=200, key=WEB, seconds=0.5):
    when = NOON + timedelta(seconds=seconds_after_noon)
    log.record(key, when=when, status=status, seconds=seconds, bytes_received=10, bytes_sent=100)


def test_a_minute_sums_requests_time_and_bytes():
    log = TrafficLog()
    for second in (0, 59.999):
        record(log, second)
    [minute] = log.minutes(WEB, NOON, NOON + MINUTE)
    assert (
        minute.requests,
        minute.seconds,
        minute.bytes_received,
        minute.bytes_sent,
    ) == (2, 1.0, 20, 200)


def test_statuses_are_counted_by_code_and_by_class():
    log = TrafficLog()
    for status in (200, 204, 403, 404, 404, 500, 503):
        record(log, 1, status)
    [minute] = log.minutes(WEB, NOON, NOON + MINUTE)
    assert (minute.statuses[404], minute.statuses[403]) == (2, 1)
    assert [minute.of_class(hundreds) for hundreds in (1, 2, 3, 4, 5)] == [0, 2, 0, 3, 2]


def test_minutes_come_in_order_without_the_empty_ones():
    log = TrafficLog()
    for second in (130, 5):
        record(log, second)
    assert [m.start for m in log.minutes(WEB, NOON, NOON + 3 * MINUTE)] == [NOON, NOON + 2 * MINUTE]


def test_the_end_of_a_span_and_a_minute_cut_by_its_start_are_left_out():
    log = TrafficLog()
    for second in (30, 70, 130):
        record(log, second)
    found = log.minutes(WEB, NOON + timedelta(seconds=1), NOON + 2 * MINUTE)
    assert [minute.start for minute in found] == [NOON + MINUTE]


def test_slots_are_counted_apart():
    log = TrafficLog()
    record(log, 0)
    assert log.minutes(("contoso-web", "stage"), NOON, NOON + MINUTE) == []


def test_a_time_in_another_zone_falls_into_the_same_minute():
    log = TrafficLog()
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    log.record(WEB, when=there, status=200, seconds=0, bytes_received=0, bytes_sent=0)
    assert [minute.start for minute in log.minutes(WEB, NOON, NOON + MINUTE)] == [NOON]
