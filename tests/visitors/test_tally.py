from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visitors.journal import BROWSER, CLIENT, Entry, is_ok
from visitors.tally import Figures, Share, Tally, binomial_interval

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def entry(version="1.0.0", kind=CLIENT, status=200, seconds=0.01, after=0.0):
    at = NOON + timedelta(seconds=after)
    return Entry(at, kind, "somebody", status, is_ok(status), version, None, seconds)


def test_requests_and_failures_are_counted_by_kind_and_version():
    tally = Tally([entry(), entry(status=500), entry(kind=BROWSER), entry("2.0.0", status=503)])

    def counts(**which):
        figures = tally.figures(**which)
        return figures.requests, figures.failures

    assert counts() == (4, 2)
    assert counts(kind=CLIENT) == (3, 2)
    assert counts(kind=BROWSER) == (1, 0)
    assert counts(version="1.0.0") == (3, 1)
    assert counts(kind=CLIENT, version="2.0.0") == (1, 1)
    assert tally.versions == ["1.0.0", "2.0.0"]


def test_a_request_that_no_version_answered_counts_as_a_failure_of_none():
    tally = Tally([entry(), entry(None, status=403), entry(None, status=None)])
    assert (tally.figures().requests, tally.figures().failures) == (3, 2)
    assert (tally.versions, tally.figures(version="1.0.0").failures) == (["1.0.0"], 0)


def test_a_tally_that_grows_equals_one_made_at_once():
    entries = [entry(seconds=0.1 * number) for number in range(10)]
    growing = Tally()
    for one in entries:
        growing.add([one])
    assert growing.figures() == Tally(entries).figures()


@pytest.mark.parametrize(("percent", "expected"), [(50, 0.05), (95, 0.1), (90, 0.09), (100, 0.1), (1, 0.01)])
def test_a_percentile_is_the_nearest_rank(percent, expected):
    figures = Tally(entry(seconds=number / 100) for number in range(10, 0, -1)).figures()
    assert figures.percentile(percent) == expected


def test_the_latency_of_what_was_never_answered_is_left_out():
    figures = Tally([entry(seconds=0.01), entry(None, status=None, seconds=60.0)]).figures()
    assert (figures.p50, figures.p95) == (0.01, 0.01)


def test_without_answers_there_is_no_percentile():
    assert Figures().p95 is None


def test_the_share_counts_cookie_less_clients_only():
    tally = Tally([entry("1.0.0"), entry("2.0.0"), entry("2.0.0", kind=BROWSER)])
    assert tally.share("2.0.0") == Share(1, 2)


def test_the_share_leaves_out_what_no_version_answered():
    assert Tally([entry("2.0.0"), entry(None, status=404)]).share("2.0.0") == Share(1, 1)


def test_a_window_begins_with_its_start_and_ends_before_its_end():
    tally = Tally(entry(str(second), after=second) for second in range(4))
    window = (NOON + timedelta(seconds=1), NOON + timedelta(seconds=3))
    assert tally.share("1", *window) == Share(1, 2)
    assert tally.share("3", *window) == Share(0, 2)


def test_a_share_is_told_in_percent_and_none_without_requests():
    assert (Share(1, 8).percent, Share(0, 0).percent) == (12.5, None)


def test_the_interval_is_wilson_s():
    # Worked by hand for 1 of 10, z = 1.959964: (0.1 + z²/20 ± z·√(0.009 + z²/400)) / (1 + z²/10)
    low, high = binomial_interval(1, 10)
    assert (round(low, 4), round(high, 4)) == (0.0179, 0.4042)
    assert Share(1, 10).interval() == (100 * low, 100 * high)


def test_without_observations_the_interval_is_everything():
    assert binomial_interval(0, 0) == (0.0, 1.0)


def test_more_confidence_makes_a_wider_interval():
    (low, high), (lower, higher) = binomial_interval(10, 100, 0.9), binomial_interval(10, 100, 0.99)
    assert lower < low < high < higher


def test_more_successes_than_observations_are_refused():
    with pytest.raises(ValueError, match="k"):
        binomial_interval(3, 2)


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_holds_the_observed_share(successes, n):
    successes = min(successes, n)
    low, high = binomial_interval(successes, n)
    assert -1e-9 <= low <= successes / n + 1e-9
    assert successes / n - 1e-9 <= high <= 1 + 1e-9
