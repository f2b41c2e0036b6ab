"""Answers instant queries.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import aiohttp.web

from app_service_simulator.arm.routes import Call
from app_service_simulator.kql import literals
from app_service_simulator.prometheus.errors import PrometheusError, bad_data
from app_service_simulator.prometheus.promql import NotUnderstood, parse
from app_service_simulator.prometheus.series import samples

BASE = "/prometheus"
"""What a client takes for the address of its Prometheus, after the port's."""

PATH = f"{BASE}/api/v1/query"
OPERATION = "Prometheus_Query"

PARAMETERS = ("query", "time", "timeout")
"""Those that are understood, or make no difference: no query takes long."""

LOOKBACK = timedelta(minutes=5)
"""How old a sample may be to stand for a later moment: Prometheus' default."""


async def query(call: Call) -> aiohttp.web.Response:
    """The answer to a call of PATH; PrometheusError."""
    if call.request.method not in ("GET", "POST"):
        raise PrometheusError(405, f"method {call.request.method} not allowed")
    given = {**call.request.query, **{name: str(value) for name, value in (await call.request.post()).items()}}
    for name in given:
        if name not in PARAMETERS:
            raise bad_data(name, "the simulator does not support it")
    try:
        wanted = parse(given.get("query", ""))
    except NotUnderstood as reason:
        raise bad_data("query", str(reason)) from None
    now = call.simulator.clock.now()
    moment = _moment(given["time"]) if given.get("time") else now
    latest = now
    if call.order and call.meets("metrics_late"):
        latest -= timedelta(seconds=call.order.fault.option("seconds"))
    totals = call.simulator.traffic.totals(min(moment, latest))
    if totals is None:
        since = call.simulator.traffic.requests.complete_since
        raise bad_data("time", f"the simulator has forgotten requests before {since}")
    if moment > now + LOOKBACK or call.meets("metrics_missing"):
        totals = {}
    result = [
        {"metric": labels, "value": [moment.timestamp(), _number(value)]} for labels, value in samples(wanted, totals)
    ]
    return aiohttp.web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


def _moment(text: str) -> datetime:
    """A moment in seconds since 1970 or by RFC 3339."""
    try:
        return datetime.fromtimestamp(float(text), timezone.utc)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return literals.moment(text)
    except (ValueError, OverflowError):
        raise bad_data("time", f'cannot parse "{text}" to a valid timestamp') from None


def _number(value: float) -> str:
    """A sample's value, without an exponent."""
    return f"{Decimal(repr(value)):f}".removesuffix(".0")
