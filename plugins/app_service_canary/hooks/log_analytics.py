"""Measures both versions by a query to Log Analytics, or to an Application Insights component.

https://learn.microsoft.com/azure/azure-monitor/reference/tables/appservicehttplogs and
https://learn.microsoft.com/azure/azure-monitor/reference/tables/apprequests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import InvalidReleasePlan
from app_service_canary.hooks.app_hosts import USER_AGENT
from app_service_canary.hooks.azure_errors import azure_errors, unreadable
from app_service_canary.hooks.source import Source, Watched
from app_service_canary.release.analysis import Logs
from app_service_canary.release.app_state import PRODUCTION, AppTarget
from app_service_canary.release.histogram import BUCKETS_PER_OCTAVE, Histogram
from app_service_canary.release.measurement import MINUTE, Measurement, Window, next_minute, whole_minute

if TYPE_CHECKING:
    from app_service_canary.hooks.management import AzureManagementHook

QUERIES = {
    "AppServiceHTTPLogs": f"""AppServiceHTTPLogs
| where TimeGenerated >= datetime({{start}}) and TimeGenerated < datetime({{end}})
| where _ResourceId =~ "{{resource_id}}" and UserAgent != "{{user_agent}}"
| summarize requests = count(), failures = countif(ScStatus >= 500)
    by bucket = toint(floor(log2(max_of(TimeTaken, 1)) * {BUCKETS_PER_OCTAVE}, 1))""",
    "AppRequests": f"""AppRequests
| where TimeGenerated >= datetime({{start}}) and TimeGenerated < datetime({{end}})
| where AppRoleName =~ "{{role}}" and {{not_ours}}
| summarize requests = sum(ItemCount), failures = sumif(ItemCount, Success == false)
    by bucket = toint(floor(log2(max_of(DurationMs, 1.0)) * {BUCKETS_PER_OCTAVE}, 1))""",
}
"""For one population and one span of time: how many requests took how long, and how many of them failed. Ours are left
out, for they are a larger part of the canary's than of production's: by what they call themselves, or, where that is
not logged, with everybody's requests for the paths that we ask for."""

MINUTES_AT_ONCE = 10
"""As many are asked for at most, one by one: within a window the canary's share of the traffic has to be the same. What
is older, after a source was away for long, is left out."""


class LogsSource(Source):
    """Asks for each whole minute once, when it is old enough that what was logged in it has come in.

    Args:
        name: `log_analytics` or `application_insights`.
        watched: see `Source`.
        hook: has the credential.
        target: the app.
        settings: the release file's.
        own_paths: which paths we ask the app for ourselves.
    """

    pause = 60.0

    def __init__(
        self,
        name: str,
        watched: Watched,
        *,
        hook: AzureManagementHook,
        target: AppTarget,
        settings: Logs,
        own_paths: Sequence[str] = (),
    ) -> None:
        super().__init__(watched)
        self.own_paths = own_paths
        self.name, self.hook, self.target, self.settings = name, hook, target, settings

    async def read(self, since: datetime, now: datetime) -> list[Window]:
        end = whole_minute(now - self.settings.settles_after)
        start = max(next_minute(since), end - MINUTES_AT_ONCE * MINUTE)
        minutes = [start + number * MINUTE for number in range(int((end - start) / MINUTE))]
        return [await self._window(minute, now) for minute in minutes]

    async def _window(self, minute: datetime, now: datetime) -> Window:
        span = (minute, minute + MINUTE)
        sides = await self.each_side(lambda slot: self._side(slot, *span))
        return self.watched.window(self.name, span, now, *sides)

    async def _side(self, slot: str, start: datetime, end: datetime) -> Measurement:
        doing = f"Asking {self.name} about {'production' if slot == PRODUCTION else f'slot {slot!r}'} of app "
        doing += f"'{self.target.app}'"
        query = await self._query(slot, start, end)
        client = await self.hook.logs_client()
        with azure_errors(doing):
            if self.settings.workspace_id:
                answer = await client.query_workspace(self.settings.workspace_id, query, timespan=(start, end))
            else:
                answer = await client.query_resource(self.settings.resource_id, query, timespan=(start, end))
        if getattr(answer, "partial_error", None):
            raise unreadable(doing, f"only a part of it came: {answer.partial_error}")
        try:
            table = answer.tables[0]
            return measurement_of(table.columns, table.rows)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise unreadable(doing, f"{type(error).__name__}: {error}") from None

    async def _query(self, slot: str, start: datetime, end: datetime) -> str:
        known = {
            "app": self.target.app,
            "slot": slot,
            "role": self.target.app if slot == PRODUCTION else f"{self.target.app}-{slot}",
            "resource_id": (await self.hook.resource_id(self.target, slot)).lower(),
            "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "user_agent": USER_AGENT,
            "not_ours": not_ending_with("Url", self.own_paths),
        }
        return filled(self.settings.query or QUERIES[self.settings.table], known)


def not_ending_with(column: str, paths: Sequence[str]) -> str:
    """A condition in KQL that leaves out the addresses that end with one of these paths."""
    escaped = [path.replace("\\", "\\\\").replace('"', '\\"') for path in paths]
    return " and ".join(f'{column} !endswith "{path}"' for path in escaped) or "true"


def filled(query: str, known: Mapping[str, str]) -> str:
    """A query with its placeholders replaced, and nothing else: KQL has braces of its own."""
    for name, value in known.items():
        query = query.replace(f"{{{name}}}", value)
    return query


def measurement_of(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Measurement:
    """Adds up the rows of an answer.

    Raises:
        InvalidReleasePlan: it lacks the column `requests` or `failures`.
    """
    names = list(columns)
    for needed in ("requests", "failures"):
        if needed not in names:
            raise InvalidReleasePlan(
                f"The query gives the columns {', '.join(names) or '(none)'}; allowed: requests and failures, and "
                "perhaps bucket."
            )
    total = Measurement()
    for row in rows:
        values = dict(zip(names, row, strict=True))
        requests, failures = int(values["requests"] or 0), int(values["failures"] or 0)
        buckets = {} if values.get("bucket") is None else {str(int(values["bucket"])): requests}
        total = total.and_those(Measurement(requests, failures, Histogram.from_json(buckets)))
    return total
