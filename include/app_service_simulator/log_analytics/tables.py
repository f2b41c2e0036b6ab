"""The tables of the workspace, made of the requests that were served.

https://learn.microsoft.com/azure/azure-monitor/reference/tables/appservicehttplogs
https://learn.microsoft.com/azure/azure-monitor/reference/tables/apprequests
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from app_service_simulator.kql.typed import Row
from app_service_simulator.request_log import Request

TIME = "TimeGenerated"
"""The column, of every table, that a query's timespan is about."""

RESOURCE = "_ResourceId"
"""The column, of every table, that says whose row it is; in lower case, as Log Analytics has it."""


@dataclass(frozen=True)
class LogTable:
    """A table: `row` makes one of a request and of the id of the slot that served it, or None if it has none."""

    name: str
    columns: tuple[tuple[str, str], ...]
    row: Callable[[Request, str], Row | None]


def component_of(slot_id: str) -> str:
    """The Application Insights component that a slot's app reports to: one for the app and all its slots, in the
    app's resource group and of its name, as the portal proposes."""
    group, _, rest = slot_id.partition("/providers/")
    return f"{group}/providers/microsoft.insights/components/{rest.split('/')[2]}"


def is_success(status: int) -> bool:
    """Whether Application Insights takes a request to have gone well.

    https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete#request-telemetry
    """
    return status < 400 or status == 401


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _http_log(request: Request, slot_id: str) -> Row:
    return (
        _moment(request.ended),
        request.host,
        request.method,
        request.path,
        request.status,
        int(request.seconds * 1000),
        request.user_agent.replace(" ", "+"),
        slot_id,
    )


def _app_request(request: Request, slot_id: str) -> Row | None:
    if request.role is None:
        return None
    values: tuple[Any, ...] = (
        _moment(request.ended - request.seconds),
        f"{request.method} {request.path}",
        f"http://{request.host}{request.path}",
        is_success(request.status),
        str(request.status),
        request.seconds * 1000,
        1,
        request.role,
        component_of(slot_id),
    )
    return values


TABLES = {
    table.name: table
    for table in (
        LogTable(
            "AppServiceHTTPLogs",
            (
                (TIME, "datetime"),
                ("CsHost", "string"),
                ("CsMethod", "string"),
                ("CsUriStem", "string"),
                ("ScStatus", "int"),
                ("TimeTaken", "int"),
                ("UserAgent", "string"),
                (RESOURCE, "string"),
            ),
            _http_log,
        ),
        LogTable(
            "AppRequests",
            (
                (TIME, "datetime"),
                ("Name", "string"),
                ("Url", "string"),
                ("Success", "bool"),
                ("ResultCode", "string"),
                ("DurationMs", "real"),
                ("ItemCount", "int"),
                ("AppRoleName", "string"),
                (RESOURCE, "string"),
            ),
            _app_request,
        ),
    )
}
"""By name. The real tables have more columns: to ask for one of those is an error, not an empty value."""
