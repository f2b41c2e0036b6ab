"""Azure Monitor: metrics of apps and slots, and their definitions.

https://learn.microsoft.com/rest/api/monitor/metrics/list
"""

from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

import aiohttp.web

from app_service_simulator.arm import answers, errors, lookup
from app_service_simulator.arm.routes import Call, Routes
from app_service_simulator.metrics import AGGREGATIONS, GRAINS, METRICS, Metric, buckets
from app_service_simulator.slot import Slot
from app_service_simulator.traffic import MinuteOfTraffic

routes = Routes()

DEFAULT_SPAN = timedelta(hours=1)
"""What is answered without a timespan."""

MOST_INTERVALS = 11_520
"""Data points of one answer: eight days of minutes, more than anybody means to ask."""

QUERY = (
    "api-version",
    "metricnames",
    "metricnamespace",
    "timespan",
    "interval",
    "aggregation",
    "top",
    "orderby",
    "resulttype",
    "autoadjusttimegrain",
    "validatedimensions",
)
"""Parameters that are understood, or make no difference without dimensions. `$filter` and `rollupby` would make one."""


@routes.add_for_slots("GET", "/providers/Microsoft.Insights/metrics", "Metrics_List")
async def list_metrics(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    for name in call.query:
        if name not in QUERY:
            raise _bad_request(f"The query parameter {name} is not supported by the simulator.")
    start, end = _timespan(call)
    interval = call.query.get("interval", "PT1M").upper()
    if interval not in GRAINS:
        raise _bad_request(f"Invalid time grain duration: {interval}. Supported are {', '.join(GRAINS)}.")
    if (end - start) / GRAINS[interval] > MOST_INTERVALS:
        raise _bad_request(f"The timespan holds more than {MOST_INTERVALS} intervals of {interval}.")
    namespace = call.query.get("metricnamespace", slot.resource_type)
    if namespace.lower() != slot.resource_type.lower():
        raise _bad_request(f"Metric namespace {namespace} is not that of the resource, {slot.resource_type}.")
    metrics = _metrics(call)
    values = [_series(call, slot, metric, start, end, interval) for metric in metrics]
    minutes = int((end - start).total_seconds() // 60)
    body = {
        "cost": max(minutes * len(metrics) - 1, 0),
        "timespan": f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
        "interval": interval,
        "value": values,
        "namespace": slot.resource_type,
        "resourceregion": slot.site.location.replace(" ", "").lower(),
    }
    return answers.json(body)


@routes.add_for_slots("GET", "/providers/Microsoft.Insights/metricDefinitions", "MetricDefinitions_List")
async def list_definitions(call: Call) -> aiohttp.web.Response:
    slot = lookup.slot(call)
    grains = [{"timeGrain": grain, "retention": "P93D"} for grain in GRAINS]
    value = [
        {
            "id": f"{slot.id}/providers/Microsoft.Insights/metricdefinitions/{metric.name}",
            "resourceId": slot.id,
            "namespace": slot.resource_type,
            "category": slot.resource_type,
            "name": {"value": metric.name, "localizedValue": metric.localized},
            "displayDescription": metric.description,
            "isDimensionRequired": False,
            "unit": metric.unit,
            "primaryAggregationType": metric.primary,
            "supportedAggregationTypes": list(AGGREGATIONS),
            "metricAvailabilities": grains,
            "dimensions": [],
        }
        for metric in METRICS.values()
    ]
    return answers.json({"value": value})


def _metrics(call: Call) -> list[Metric]:
    names = [name.strip() for name in unquote(call.query.get("metricnames", "")).split(",") if name.strip()]
    if not names:
        return [next(iter(METRICS.values()))]
    unknown = [name for name in names if name.lower() not in METRICS]
    if unknown:
        valid = ",".join(metric.name for metric in METRICS.values())
        raise _bad_request(
            f"Failed to find metric configuration for provider: Microsoft.Web, resource Type: sites, "
            f"metric: {unknown[0]}, Valid metrics: {valid}"
        )
    return [METRICS[name.lower()] for name in names]


def _series(call: Call, slot: Slot, metric: Metric, start: datetime, end: datetime, interval: str) -> dict[str, Any]:
    asked = [part.strip().capitalize() for part in call.query.get("aggregation", metric.primary).split(",")]
    document = {
        "id": f"{slot.id}/providers/Microsoft.Insights/metrics/{metric.name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": metric.name, "localizedValue": metric.localized},
        "displayDescription": metric.description,
        "unit": metric.unit,
        "timeseries": [],
        "errorCode": "Success",
    }
    if any(aggregation not in AGGREGATIONS for aggregation in asked):
        return {**document, "errorCode": "InvalidSamplingType"}
    known = _visible(call, slot, start, end)
    if not known:
        return document
    grain = GRAINS[interval]
    data = []
    for beginning in buckets(start, end, grain):
        point: dict[str, Any] = {"timeStamp": f"{beginning:%Y-%m-%dT%H:%M:%SZ}"}
        minutes = [minute for minute in known if beginning <= minute.start < beginning + grain]
        for aggregation in asked:
            value = metric.value(aggregation, minutes) if aggregation != "None" else None
            if value is not None:
                point[aggregation.lower()] = value
        data.append(point)
    return {**document, "timeseries": [{"metadatavalues": [], "data": data}]}


def _visible(call: Call, slot: Slot, start: datetime, end: datetime) -> list[MinuteOfTraffic]:
    """The minutes that have been over long enough to have reached Azure Monitor."""
    simulator = call.simulator
    if call.meets("metrics_missing"):
        return []
    delay = timedelta(seconds=simulator.clock.shorten(simulator.quirks.metrics_delay))
    if call.order and call.meets("metrics_late"):
        delay += timedelta(seconds=call.order.fault.option("seconds"))
    until = min(end, simulator.clock.now() - delay - timedelta(minutes=1))
    first = start.replace(second=0, microsecond=0)
    return simulator.traffic.minutes((slot.site.name, slot.name), first, until)


def _timespan(call: Call) -> tuple[datetime, datetime]:
    # az encodes the timespan twice.
    text = unquote(call.query.get("timespan", ""))
    now = call.simulator.clock.now()
    if not text:
        return now - DEFAULT_SPAN, now
    try:
        start, end = (_moment(part) for part in text.split("/"))
    except ValueError:
        raise _bad_request(f"Invalid timespan: {text}. It has to be two ISO 8601 moments.") from None
    if start >= end:
        raise _bad_request(f"Invalid timespan: {text}. The start has to be before the end.")
    return start, end


def _moment(text: str) -> datetime:
    # Python 3.10 reads neither Z nor a space that was a plus sign.
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace(" ", "+"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def _bad_request(message: str) -> errors.AzureError:
    return errors.ResourceManagerError(400, "BadRequest", message, cause="service")
