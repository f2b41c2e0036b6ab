"""A comparison in words."""

from math import log

import pytest
from tests.app_service_canary.release.windows import counted

from app_service_canary.release.comparison_sentences import failures_sentence, latency_sentence, one_in, percent
from app_service_canary.release.histogram import Histogram
from app_service_canary.release.measurement import Measurement


@pytest.mark.parametrize(
    ("share", "words"), [(0.0, "0.0 %"), (0.5, "50.0 %"), (0.031, "3.1 %"), (0.00512, "0.51 %"), (1.0, "100.0 %")]
)
def test_a_share_is_written_as_people_read_it(share: float, words: str) -> None:
    assert words == percent(share)


@pytest.mark.parametrize(
    ("odds", "words"), [(250, "1 in 250"), (1234.4, "1 in 1,234"), (1e9, "1 in more than a million")]
)
def test_how_rare_something_is_stops_mattering_somewhere(odds: float, words: str) -> None:
    assert words == one_in(log(odds))


def test_no_request_is_no_share() -> None:
    sentence = failures_sentence("probe", counted(0), counted(10, 1), at_once=False)
    assert "the canary failed 0 of 0 requests, the stable version 1 of 10 requests" in sentence
    assert sentence.endswith("before the swap.")


def test_latencies_are_told_by_quantiles_or_by_means_or_not_at_all() -> None:
    timed = Measurement(2, 0, Histogram.of([10.0, 20.0]))
    assert "median 10 ms to 10 ms" in latency_sentence("probe", timed, timed)
    means = Measurement(2, seconds=0.4)
    assert "200 ms to 200 ms, of 2 and 2 requests" in latency_sentence("azure_monitor", means, means)
    assert latency_sentence("azure_monitor", counted(1), counted(1)) == "By azure_monitor, no latencies were measured."
