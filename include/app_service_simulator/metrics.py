"""The metrics of a slot, computed from the traffic it served.

https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-web-sites-metrics
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app_service_simulator.traffic import MinuteOfTraffic

AGGREGATIONS = ("None", "Average", "Count", "Minimum", "Maximum", "Total")
"""Azure Monitor's closed set."""

GRAINS = {
    "PT1M": timedelta(minutes=1),
    "PT5M": timedelta(minutes=5),
    "PT15M": timedelta(minutes=15),
    "PT30M": timedelta(minutes=30),
    "PT1H": timedelta(hours=1),
    "PT6H": timedelta(hours=6),
    "PT12H": timedelta(hours=12),
    "P1D": timedelta(days=1),
}
"""Intervals one can ask for."""


@dataclass(frozen=True)
class Metric:
    """`amount` is what a minute adds to the total; an average divides by the minute's requests (`per_request`) or
    by the number of minutes."""

    name: str
    localized: str
    unit: str
    primary: str
    description: str
    amount: Callable[[MinuteOfTraffic], float]
    per_request: bool = False

    def value(self, aggregation: str, minutes: Iterable[MinuteOfTraffic]) -> float | None:
        """The aggregate over `minutes`; None without any."""
        known = list(minutes)
        if not known:
            return None
        total = sum(self.amount(minute) for minute in known)
        samples = sum(minute.requests for minute in known) if self.per_request else len(known)
        if aggregation == "Total":
            return float(total)
        if aggregation == "Count":
            return float(samples)
        if aggregation == "Average":
            return total / samples if samples else 0.0
        parts = [self.amount(m) / (m.requests or 1) if self.per_request else self.amount(m) for m in known]
        return float(min(parts) if aggregation == "Minimum" else max(parts))


def _class(hundreds: int) -> Callable[[MinuteOfTraffic], float]:
    return lambda minute: minute.of_class(hundreds)


def _status(code: int) -> Callable[[MinuteOfTraffic], float]:
    return lambda minute: minute.statuses[code]


METRICS: dict[str, Metric] = {
    metric.name.lower(): metric
    for metric in (
        Metric("Requests", "Requests", "Count", "Total", "All requests, whatever their status", lambda m: m.requests),
        *(
            Metric(f"Http{code}", f"Http {code}", "Count", "Total", f"Requests answered {code}", _status(code))
            for code in (101, 401, 403, 404, 406)
        ),
        *(
            Metric(f"Http{n}xx", f"Http {n}xx", "Count", "Total", f"Requests answered {n}00 to {n}99", _class(n))
            for n in (2, 3, 4)
        ),
        Metric("Http5xx", "Http Server Errors", "Count", "Total", "Requests answered 500 or above", _class(5)),
        *(
            Metric(
                name,
                localized,
                "Seconds",
                "Average",
                "Time the app took to serve requests, in seconds",
                lambda m: m.seconds,
                per_request=True,
            )
            for name, localized in (
                ("HttpResponseTime", "Response Time"),
                ("AverageResponseTime", "Average Response Time (deprecated)"),
            )
        ),
        Metric("BytesReceived", "Data In", "Bytes", "Total", "Bytes that came in", lambda m: m.bytes_received),
        Metric("BytesSent", "Data Out", "Bytes", "Total", "Bytes that went out", lambda m: m.bytes_sent),
    )
}
"""By name in lower case. Resource metrics (CPU, memory, connections …) are not simulated."""


def buckets(start: datetime, end: datetime, grain: timedelta) -> list[datetime]:
    """The beginnings of the intervals from `start` (cut to the minute) until before `end`."""
    moment = start.replace(second=0, microsecond=0)
    beginnings = []
    while moment < end:
        beginnings.append(moment)
        moment += grain
    return beginnings
