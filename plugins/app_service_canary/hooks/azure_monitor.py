"""Measures both versions by App Service's own metrics, from Azure Monitor.

https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-web-sites-metrics and
https://learn.microsoft.com/rest/api/monitor/metrics/list. The client of App Service sends the one request there is, so
that no second client has to be imported and signed in; all metrics of a side come in one call. Azure Monitor's batch
call takes resources of one type only, and an app and its slots are of two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app_service_canary.hooks.azure_errors import unreadable
from app_service_canary.hooks.source import Source, Watched
from app_service_canary.release.analysis import AzureMonitor
from app_service_canary.release.app_state import PRODUCTION, AppTarget
from app_service_canary.release.measurement import MINUTE, Measurement, Window, next_minute, whole_minute
from app_service_canary.release.own_requests import OwnRequests

if TYPE_CHECKING:
    from app_service_canary.hooks.management import AzureManagementHook

API_VERSION = "2024-02-01"

REQUESTS, SERVER_ERRORS, CLIENT_ERRORS, SECONDS = "Requests", "Http5xx", "Http4xx", "HttpResponseTime"
"""HttpResponseTime is in seconds, and an average over the minute's requests."""

LONGEST_LOOK_BACK = timedelta(hours=12)
"""Minutes that are asked for at once, at most: a watch that was away for longer goes on from there."""


class AzureMonitorSource(Source):
    """Asks for the minutes that are over; those that may still change come again until they have settled.

    Args:
        watched: see `Source`.
        hook: talks to Azure Resource Manager.
        target: the app.
        settings: the release file's.
        own: requests of our own, which users have not made.
    """

    name = "azure_monitor"
    pause = 30.0
    """Twice a minute: a minute's numbers are there one to three minutes after it."""

    def __init__(
        self,
        watched: Watched,
        *,
        hook: AzureManagementHook,
        target: AppTarget,
        settings: AzureMonitor,
        own: OwnRequests,
    ) -> None:
        super().__init__(watched)
        self.own = own
        self.hook, self.target, self.settings = hook, target, settings
        errors = (SERVER_ERRORS, CLIENT_ERRORS) if settings.client_errors else (SERVER_ERRORS,)
        self.metrics = (REQUESTS, *errors, SECONDS)

    async def read(self, since: datetime, now: datetime) -> list[Window]:
        start, end = max(next_minute(since), whole_minute(now - LONGEST_LOOK_BACK)), whole_minute(now)
        if start >= end:
            return []
        sides = await self.each_side(lambda slot: self._minutes(slot, start, end))
        windows = []
        for number in range(int((end - start) / MINUTE)):
            minute = start + number * MINUTE
            if not self.own.knows(minute):
                continue
            settled = now - (minute + MINUTE) >= self.settings.settles_after
            if not settled and any(minute not in side for side in sides):
                # Not there yet on one side: a minute that nobody knows of is not a minute without requests.
                continue
            known = [
                self.own.taken_off(side.get(minute, Measurement()), slot, minute, judged=slot == self.watched.canary)
                for slot, side in zip(self.watched.slots, sides, strict=True)
            ]
            windows.append(self.watched.window(self.name, (minute, minute + MINUTE), now, *known, final=settled))
        return windows

    async def _minutes(self, slot: str, start: datetime, end: datetime) -> dict[datetime, Measurement]:
        where = f"app '{self.target.app}'" if slot == PRODUCTION else f"slot '{slot}' of app '{self.target.app}'"
        doing = f"Reading the metrics of {where}"
        resource = await self.hook.resource_id(self.target, slot)
        query = (
            f"api-version={API_VERSION}&metricnames={','.join(self.metrics)}&interval=PT1M&aggregation=Total,Average"
            f"&timespan={start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
        )
        body = await self.hook.ask_json(f"{resource}/providers/Microsoft.Insights/metrics?{query}", doing)
        try:
            return dict(_measurements(body, self.metrics))
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise unreadable(doing, f"{type(error).__name__}: {error}") from None


def _measurements(body: Mapping[str, Any], metrics: tuple[str, ...]) -> Iterator[tuple[datetime, Measurement]]:
    """The minutes of which all metrics are known."""
    series: dict[str, dict[datetime, float]] = {}
    for metric in body["value"]:
        if metric.get("errorCode", "Success") != "Success":
            raise ValueError(f"{metric['name']['value']} was answered with {metric['errorCode']}")
        kind = "average" if metric["name"]["value"] == SECONDS else "total"
        series[metric["name"]["value"]] = {
            datetime.fromisoformat(point["timeStamp"].replace("Z", "+00:00")): float(point[kind])
            for one in metric["timeseries"]
            for point in one["data"]
            if point.get(kind) is not None
        }
    for minute, requests in series[REQUESTS].items():
        counted = [series[name].get(minute) for name in metrics[1:-1]]
        failures = [count for count in counted if count is not None]
        if len(failures) < len(counted):
            continue
        mean = series[SECONDS].get(minute)
        # The metrics of a minute come in one by one: failures may be ahead of the requests that they belong to.
        total = max(int(requests), int(sum(failures)))
        yield minute, Measurement(total, int(sum(failures)), seconds=None if mean is None else mean * total)
