"""Latencies in buckets."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_service_canary.release.histogram import LAST_BUCKET, Histogram, bucket_of, buckets_wider, upper_edge_ms

latencies = st.lists(st.floats(0, 300_000), max_size=60)


@given(st.floats(1.05, 900_000))
def test_a_latency_lies_within_its_bucket(milliseconds: float) -> None:
    bucket = bucket_of(milliseconds)
    assert upper_edge_ms(bucket - 1) <= milliseconds * (1 + 1e-9)
    assert milliseconds < upper_edge_ms(bucket) * (1 + 1e-9)


@pytest.mark.parametrize(("milliseconds", "bucket"), [(0, 0), (1, 0), (2, 16), (4, 32), (1e9, LAST_BUCKET)])
def test_sixteen_buckets_double_a_latency(milliseconds: float, bucket: int) -> None:
    assert bucket == bucket_of(milliseconds)


@pytest.mark.parametrize(("ratio", "buckets"), [(1.0, 0), (1.04, 1), (1.1, 3), (2.0, 16)])
def test_a_tolerance_is_rounded_up_to_whole_buckets(ratio: float, buckets: int) -> None:
    assert buckets == buckets_wider(ratio)


@given(latencies, latencies)
def test_two_together_hold_what_both_held(ours: list[float], theirs: list[float]) -> None:
    assert Histogram.of(ours + theirs) == Histogram.of(ours).and_those(Histogram.of(theirs))


@given(latencies, st.floats(1, 300_000))
def test_what_is_counted_as_slower_surely_was(milliseconds: list[float], limit: float) -> None:
    assert Histogram.of(milliseconds).slower_than_ms(limit) <= sum(each > limit for each in milliseconds)


@given(st.lists(st.floats(2, 300_000), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_quantile_is_at_most_a_bucket_too_high(milliseconds: list[float], share: float) -> None:
    exact = sorted(milliseconds)[ceil(share * len(milliseconds)) - 1]
    found = Histogram.of(milliseconds).quantile_ms(share)
    assert found is not None
    assert exact * (1 - 1e-9) <= found <= exact * 1.0443


def test_nothing_has_no_quantile() -> None:
    assert Histogram().quantile_ms(0.5) is None


@given(latencies)
def test_what_is_kept_is_found_again(milliseconds: list[float]) -> None:
    assert Histogram.of(milliseconds) == Histogram.from_json(Histogram.of(milliseconds).to_json())


def test_what_is_longer_than_the_last_bucket_counts_as_the_last() -> None:
    assert Histogram({LAST_BUCKET: 3}) == Histogram.from_json({"99999": 1, str(LAST_BUCKET): 2})


@pytest.mark.parametrize("kept", [{"-1": 1}, {"1": -1}, {"x": 1}])
def test_what_is_no_histogram_is_refused(kept: dict[str, int]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - int() has its own words
        Histogram.from_json(kept)
