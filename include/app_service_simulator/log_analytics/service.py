"""Answers queries to the workspace, and to resources that log to it.

https://learn.microsoft.com/azure/azure-monitor/logs/api/request-format
https://learn.microsoft.com/azure/azure-monitor/logs/api/azure-resource-queries
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp.web

from app_service_simulator.arm import answers, lookup
from app_service_simulator.arm.errors import AzureError
from app_service_simulator.arm.routes import GROUP, Call, Routes
from app_service_simulator.kql import literals, pipeline
from app_service_simulator.kql.errors import UNRESOLVED, Refused, SemanticRefused, unsupported
from app_service_simulator.kql.parser import parse
from app_service_simulator.kql.syntax import Query
from app_service_simulator.log_analytics import errors
from app_service_simulator.log_analytics.tables import RESOURCE, TABLES, TIME, LogTable, component_of
from app_service_simulator.request_log import Request, SlotKey

VERSION = "/v1"
"""What the paths begin with: Microsoft's client adds it to its endpoint."""

TABLE_ACTION = "Microsoft.OperationalInsights/workspaces/query/{table}/Read"
"""Needed for a table of the workspace, besides the permission to query the workspace.

https://learn.microsoft.com/azure/azure-monitor/logs/manage-access#azure-rbac
"""

OF_SITES, OF_COMPONENTS = "AppServiceHTTPLogs", "AppRequests"
"""The table that a resource of each kind logs to: queries to the resource find no other."""

routes = Routes()

Span = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class _Question:
    """A query that is in order, and over which rows: within `span`, of `resource` if it is given, and of requests
    that ended until `until`, so that they have arrived."""

    query: Query
    table: LogTable
    span: Span
    resource: str | None
    until: datetime
    now: datetime


@routes.add("POST", f"{VERSION}/workspaces/{{workspace}}/query", "LogsQuery_Workspace")
async def query_workspace(call: Call) -> aiohttp.web.Response:
    simulator = call.simulator
    if call.parameters["workspace"].lower() != simulator.workspace.lower():
        raise errors.no_such_path()
    query = _query(call)
    table = _table(query, tuple(TABLES))
    action = TABLE_ACTION.replace("{table}", table.name)
    if not simulator.roles.allow(action):
        raise errors.no_access(action)
    return await _answer(call, query, table, None)


@routes.add_for_slots("POST", "/query", "LogsQuery_Resource", prefix=VERSION)
async def query_resource(call: Call) -> aiohttp.web.Response:
    try:
        resource = lookup.slot(call).id.lower()
    except AzureError as error:
        raise errors.translated(error) from None
    query = _query(call)
    return await _answer(call, query, _table(query, (OF_SITES,)), resource)


@routes.add(
    "POST", f"{VERSION}{GROUP}/providers/Microsoft.Insights/components/{{component}}/query", "LogsQuery_Component"
)
async def query_component(call: Call) -> aiohttp.web.Response:
    call.parameters["site"] = call.parameters["component"]
    try:
        resource = component_of(lookup.site(call).id.lower())
    except AzureError as error:
        raise errors.translated(error) from None
    query = _query(call)
    return await _answer(call, query, _table(query, (OF_COMPONENTS,)), resource)


def table_of(body: Any) -> str:
    """The table that a request's query begins with; `*` if it cannot be read."""
    try:
        return parse(body["query"]).table
    except (KeyError, TypeError, Refused):
        return "*"


def _query(call: Call) -> Query:
    body = call.body if isinstance(call.body, dict) else {}
    if not isinstance(body.get("query"), str):
        raise errors.bad_argument("query: a string is expected.")
    if body.get("workspaces"):
        raise errors.bad_argument("workspaces: the simulator has one workspace and asks no others.")
    try:
        return parse(body["query"])
    except Refused as reason:
        raise errors.refused(reason) from None


def _table(query: Query, known: Sequence[str]) -> LogTable:
    if query.table not in known:
        operator = type(query.operators[0]).__name__.lower() if query.operators else "query"
        reason = SemanticRefused(
            UNRESOLVED,
            f"'{operator}' operator: Failed to resolve table or column expression named '{query.table}' "
            f"(the simulator has {', '.join(known)} here)",
        )
        raise errors.refused(reason)
    return TABLES[query.table]


def _span(text: Any, now: datetime) -> Span:
    """The first and last moment of an ISO 8601 timespan: a duration until now, or two parts of which one may be one."""
    if not text:
        return None, None
    try:
        first, slash, last = str(text).partition("/")
        if not slash:
            return now - literals.duration(first), now
        if first.startswith("P"):
            end = literals.moment(last)
            return end - literals.duration(first), end
        start = literals.moment(first)
        return start, start + literals.duration(last) if last.startswith("P") else literals.moment(last)
    except (ValueError, OverflowError) as error:
        raise errors.bad_argument(f"timespan: {error}.") from None


async def _answer(call: Call, query: Query, table: LogTable, resource: str | None) -> aiohttp.web.Response:
    simulator, now = call.simulator, call.simulator.clock.now()
    delay = timedelta(seconds=simulator.clock.shorten(simulator.quirks.logs_delay))
    if call.order and call.meets("metrics_late"):
        delay += timedelta(seconds=call.order.fault.option("seconds"))
    span = _span((call.body or {}).get("timespan"), now)
    bounds = [bound for bound in (span[0], pipeline.earliest(query, TIME, now)) if bound is not None]
    since = max(bounds, default=None)
    log = simulator.traffic.requests
    if not log.is_complete_since(since):
        raise errors.refused(unsupported(f"queries about rows before {log.complete_since}: it has forgotten some"))
    requests = [] if call.meets("metrics_missing") else log.since(since)
    question = _Question(query, table, span, resource, now - delay, now)
    try:
        # Apart from the loop, which serves the visitors whose requests are being counted.
        result = await asyncio.to_thread(_run, question, requests, dict(simulator.world.slot_ids))
    except Refused as reason:
        raise errors.refused(reason) from None
    return answers.json({"tables": [result]})


def _run(question: _Question, requests: Sequence[Request], slot_ids: dict[SlotKey, str]) -> dict[str, Any]:
    ids = {key: identifier.lower() for key, identifier in slot_ids.items()}
    table, (first, last), until = question.table, question.span, question.until.timestamp()
    names = [name for name, _ in table.columns]
    time, owner = names.index(TIME), names.index(RESOURCE)
    rows = []
    for request in requests:
        if request.ended > until:
            continue
        row = table.row(request, ids[request.key])
        if row is None or (question.resource and row[owner] != question.resource):
            continue
        if (first and row[time] < first) or (last and row[time] > last):
            continue
        rows.append(row)
    found = pipeline.run(question.query, pipeline.Table(table.columns, rows), question.now)
    kinds = [kind for _, kind in found.columns]
    return {
        "name": "PrimaryResult",
        "columns": [{"name": name, "type": kind} for name, kind in found.columns],
        "rows": [[_json(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in found.rows],
    }


def _json(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "datetime":
        return literals.moment_text(value)
    if kind == "timespan":
        return literals.timespan_text(value)
    if kind == "real" and not math.isfinite(value):
        # JSON has no words for these: the average of nothing, and what is too large.
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
