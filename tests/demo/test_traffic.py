"""Traffic: the visitors' journal as it grows, in the view's terms."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.demo.releases import NOON

from demo.picture import KindTraffic, Share
from demo.traffic import NO_VERSION, Traffic
from visitors.journal import BROWSER, CLIENT, Entry, Journal


def visit(second: float, version: str | None, kind: str = CLIENT, status: int | None = 200) -> Entry:
    """A request so many seconds after noon, answered in a tenth of a second."""
    ok = status is not None and status < 400
    return Entry(NOON + timedelta(seconds=second), kind, f"{kind}-1", status, ok, version, None, 0.1)


@pytest.fixture
def traffic(tmp_path: Path) -> Traffic:
    return Traffic(tmp_path / "visitors.jsonl")


def write(traffic: Traffic, *visits: Entry) -> None:
    with Journal(traffic.journal) as journal:
        for each in visits:
            journal.write(each)
    traffic.read()


def test_before_the_first_visit_there_is_nothing_and_no_error(traffic: Traffic) -> None:
    traffic.read()
    assert traffic.versions() == []
    assert traffic.share("2.0.0", NOON, NOON) == Share(0)


def test_each_version_is_told_with_its_latency_in_milliseconds(traffic: Traffic) -> None:
    write(traffic, visit(1, "1.0.0"), visit(2, "2.0.0"), visit(3, "2.0.0", status=500))
    first, second = traffic.versions()
    assert (first.version, first.requests, first.failures, first.p50) == ("1.0.0", 1, 0, 100.0)
    assert (second.version, second.requests, second.failures, second.p95) == ("2.0.0", 2, 1, 100.0)


def test_failures_that_no_version_answered_are_not_lost(traffic: Traffic) -> None:
    write(traffic, visit(1, "1.0.0"), visit(2, None, status=403), visit(3, None, status=None))
    nobody = traffic.versions()[-1]
    assert (nobody.version, nobody.requests, nobody.failures) == (NO_VERSION, 2, 2)


def test_visits_add_up_over_several_readings(traffic: Traffic) -> None:
    write(traffic, visit(1, "1.0.0"))
    write(traffic, visit(2, "1.0.0"))
    assert [row.requests for row in traffic.versions()] == [2]


def test_both_kinds_of_visitor_are_counted_apart(traffic: Traffic) -> None:
    write(traffic, visit(1, "1.0.0"), visit(2, "1.0.0", BROWSER), visit(3, "1.0.0", BROWSER, status=500))
    assert traffic.kinds() == [
        KindTraffic("clients without cookies", 1, 0),
        KindTraffic("browsers that keep cookies", 2, 1),
    ]


def test_the_share_is_of_cookie_less_clients_in_the_window_with_its_interval(traffic: Traffic) -> None:
    inside = [visit(10 + number, "2.0.0" if number == 0 else "1.0.0") for number in range(10)]
    write(traffic, visit(1, "2.0.0"), *inside, visit(12, "2.0.0", BROWSER))
    share = traffic.share("2.0.0", NOON + timedelta(seconds=10), NOON + timedelta(seconds=20))
    assert (share.requests, share.percent) == (10, 10.0)
    # Wilson's interval for 1 of 10, as in Brown, Cai and DasGupta, Statistical Science 16 (2001).
    assert share.low == pytest.approx(1.79, abs=0.01)
    assert share.high == pytest.approx(40.42, abs=0.01)
