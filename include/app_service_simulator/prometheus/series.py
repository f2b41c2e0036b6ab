"""The samples: counters and a histogram of the requests of each slot.

https://prometheus.io/docs/concepts/metric_types/
"""

from collections.abc import Iterator
from itertools import accumulate

from app_service_simulator.histogram import BOUNDS, Totals
from app_service_simulator.prometheus.promql import Query
from app_service_simulator.request_log import SlotKey

REQUESTS = "appservice_http_requests_total"
"""Requests by `app`, `slot` (or "production") and HTTP status, `code`."""

DURATION = "appservice_http_request_duration_seconds"
"""Response times by `app` and `slot`: `_bucket` with its upper end, `le`, and `_sum` and `_count`."""

Labels = dict[str, str]
Sample = tuple[Labels, float]


def samples(query: Query, totals: dict[SlotKey, Totals]) -> list[Sample]:
    """What the query comes to. A metric that there is none of has no samples, as in Prometheus."""
    found = [
        (labels, value)
        for key, served in totals.items()
        for labels, value in _series(query.metric, key, served)
        if all(matcher.matches(labels) for matcher in query.matchers)
    ]
    if query.by is None:
        return [({"__name__": query.metric, **labels}, value) for labels, value in found]
    sums: dict[tuple[str, ...], Sample] = {}
    for labels, value in found:
        kept = {label: labels[label] for label in query.by if label in labels}
        group = tuple(kept.get(label, "") for label in query.by)
        sums[group] = (kept, sums[group][1] + value if group in sums else value)
    return list(sums.values())


def _series(metric: str, key: SlotKey, served: Totals) -> Iterator[Sample]:
    app, slot = key
    common = {"app": app, "slot": slot}
    if metric == REQUESTS:
        for status, count in sorted(served.statuses.items()):
            if count:
                yield {**common, "code": str(status)}, count
    elif metric == f"{DURATION}_bucket":
        for end, count in zip((*(f"{bound:g}" for bound in BOUNDS), "+Inf"), accumulate(served.buckets), strict=True):
            yield {**common, "le": end}, count
    elif metric == f"{DURATION}_count":
        yield common, served.requests
    elif metric == f"{DURATION}_sum":
        yield common, served.seconds
