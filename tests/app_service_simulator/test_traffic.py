from datetime import datetime, timedelta, timezone

from app_service_simulator.request_log import RequestLog
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


def test_a_single_request_is_kept_as_it_was():
    log = TrafficLog()
    log.record(
        WEB,
        when=NOON,
        status=404,
        seconds=0.5,
        bytes_received=0,
        bytes_sent=0,
        host="contoso-web.azurewebsites.net",
        method="POST",
        path="/cart",
        role="web",
        user_agent="Some browser",
    )
    kept = (WEB, NOON.timestamp(), "contoso-web.azurewebsites.net", "POST", "/cart", 404, 0.5, "web", "Some browser")
    assert log.requests.since(None) == [kept]


def test_requests_since_a_moment_come_by_minute():
    log = TrafficLog()
    for second in (130, 70, 5):
        record(log, second)
    moments = [request.ended - NOON.timestamp() for request in log.requests.since(NOON + timedelta(seconds=90))]
    assert moments == [70, 130]


def test_whole_minutes_are_forgotten_when_requests_are_too_many():
    log = TrafficLog()
    log.requests = RequestLog(most=3)
    for second in (1, 2, 70, 80, 130):
        record(log, second)
    assert len(log.requests.since(None)) == 3
    assert log.requests.complete_since == NOON + MINUTE
    assert log.requests.is_complete_since(NOON + MINUTE)
    assert not log.requests.is_complete_since(NOON + timedelta(seconds=59))
    assert not log.requests.is_complete_since(None)


def test_nothing_is_missing_while_nothing_has_been_forgotten():
    log = TrafficLog()
    record(log, 1)
    assert (log.requests.complete_since, log.requests.is_complete_since(None)) == (None, True)


def test_totals_are_those_of_a_moment_and_outlive_the_single_requests():
    log = TrafficLog()
    log.requests = RequestLog(most=1)
    for second, status in ((1, 200), (70, 500), (130, 200)):
        record(log, second, status)
    latest, earlier = (log.totals(NOON + timedelta(seconds=second)) for second in (130, 129))
    assert latest
    assert dict(latest[WEB].statuses) == {200: 2, 500: 1}
    assert earlier
    assert (earlier[WEB].requests, earlier[WEB].statuses[200], earlier[WEB].seconds) == (2, 1, 1.0)
    assert log.totals(NOON) is None
