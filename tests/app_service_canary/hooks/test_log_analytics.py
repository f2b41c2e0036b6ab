"""Queries to the simulator's Log Analytics."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.conftest import Connect, OrderFault
from tests.simulator import RunningSimulator

from app_service_canary.errors import AzureRequestRejected, InvalidReleasePlan, TransientAzureError
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.hooks.log_analytics import MINUTES_AT_ONCE, LogsSource, filled, measurement_of, not_ending_with
from app_service_canary.hooks.source import Watched
from app_service_canary.release.analysis import ApplicationInsights, LogAnalytics, Logs
from app_service_canary.release.app_state import PRODUCTION, AppTarget
from app_service_canary.release.histogram import Histogram
from app_service_canary.release.measurement import Measurement, Window, whole_minute
from app_service_canary.release.observation import Side
from app_service_canary.triggers.waiting import now

MINUTES = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def logs(simulator: RunningSimulator, azure_connection: Connect) -> Iterator[None]:
    """Rows arrive at once, and the connection says where queries go."""
    simulator.set_quirks(logs_delay=0, role_name_has_the_slot=True)
    azure_connection(log_analytics=simulator.resource_manager)
    yield
    simulator.set_quirks(logs_delay=120, role_name_has_the_slot=False)


def http_logs(simulator: RunningSimulator, **more: str) -> LogAnalytics:
    return LogAnalytics.model_validate({"workspace_id": simulator.workspace_id, "settles_after": "1s", **more})


def insights(**where: str) -> ApplicationInsights:
    return ApplicationInsights.model_validate({"settles_after": "1s", **where})


async def read(
    hook: AppServiceHook, target: AppTarget, settings: Logs, own_paths: Sequence[str] = ()
) -> tuple[Measurement, Measurement]:
    """Both sides, of all minutes around now together."""
    canary, baseline = Measurement(), Measurement()
    for window in await windows(hook, target, settings, own_paths=own_paths):
        canary, baseline = canary.and_those(window.canary), baseline.and_those(window.baseline)
    return canary, baseline


async def windows(
    hook: AppServiceHook,
    target: AppTarget,
    settings: Logs,
    name: str = "log_analytics",
    own_paths: Sequence[str] = (),
) -> list[Window]:
    watched = Watched("stage", PRODUCTION)
    source = LogsSource(name, watched, hook=hook, target=target, settings=settings, own_paths=own_paths)
    found = await source.read(whole_minute(now()) - MINUTES, now() + MINUTES)
    assert all(window.final and window.end - window.start == timedelta(minutes=1) for window in found)
    return found


@pytest.mark.parametrize("kind", ["http logs by workspace", "insights by workspace", "insights by component"])
async def test_the_default_queries_count_each_sides_requests_failures_and_latencies(
    simulator: RunningSimulator, fresh_app: str, hook: AppServiceHook, kind: str
) -> None:
    target = AppTarget(simulator.resource_group, fresh_app, "stage")
    settings: Logs = http_logs(simulator, settles_after="1s")
    if kind == "insights by workspace":
        settings = insights(workspace_id=simulator.workspace_id)
    elif kind == "insights by component":
        group = f"/subscriptions/{simulator.subscription_id}/resourceGroups/{simulator.resource_group}"
        resource = f"{group}/providers/Microsoft.Insights/components/{fresh_app}"
        settings = insights(resource_id=resource)
    before, stable_before = await read(hook, target, settings)
    for path in ("/", "/version", "/nothing"):
        simulator.visit(fresh_app, path, "stage")
    simulator.visit(fresh_app, "/")
    canary, baseline = await read(hook, target, settings)
    # The app's own page for what it does not have is 404: a failure to Application Insights, and no server error.
    failures = 0 if kind == "http logs by workspace" else 1
    assert canary.requests - before.requests == 3
    assert canary.failures - before.failures == failures
    assert baseline.requests - stable_before.requests == 1
    assert canary.latencies.requests == canary.requests


@pytest.mark.parametrize("kind", ["http logs", "insights"])
async def test_our_own_requests_are_left_out_by_their_name_or_with_all_for_the_paths_that_we_ask_for(
    simulator: RunningSimulator, fresh_app: str, hook: AppServiceHook, kind: str
) -> None:
    target = AppTarget(simulator.resource_group, fresh_app, "stage")
    settings: Logs = http_logs(simulator) if kind == "http logs" else insights(workspace_id=simulator.workspace_id)
    before, _ = await read(hook, target, settings, own_paths=("/health",))
    async with await hook.app_hosts() as hosts:
        for _ in range(3):
            await hosts.ask(Side.SLOT, f"{fresh_app}-stage.azurewebsites.net", "/health", (200,))
    for path in ("/health", "/version"):
        simulator.visit(fresh_app, path, "stage")
    canary, _ = await read(hook, target, settings, own_paths=("/health",))
    # Application Insights does not say whose a request was, so the visitor's for that path is left out too.
    assert canary.requests - before.requests == (2 if kind == "http logs" else 1)


def test_a_path_cannot_end_its_text_in_a_query() -> None:
    assert not_ending_with("Url", ['/a"b\\c', "/d"]) == 'Url !endswith "/a\\"b\\\\c" and Url !endswith "/d"'


async def test_a_query_of_ones_own_is_asked_for_each_side(
    simulator: RunningSimulator, hook: AppServiceHook, target: AppTarget
) -> None:
    query = (
        "AppServiceHTTPLogs | where TimeGenerated >= datetime({start}) and TimeGenerated < datetime({end}) "
        '| where _ResourceId =~ "{resource_id}" | summarize requests = count(), failures = countif(ScStatus >= 400)'
    )
    settings = http_logs(simulator, query=query)
    before, _ = await read(hook, target, settings)
    simulator.visit(target.app, "/nothing", "stage")
    canary, _ = await read(hook, target, settings)
    assert canary.failures - before.failures == 1
    assert canary.latencies.counts == {}


async def test_what_is_not_old_enough_is_not_asked_for(
    simulator: RunningSimulator, hook: AppServiceHook, target: AppTarget
) -> None:
    settings = http_logs(simulator, settles_after="10m")
    source = LogsSource("log_analytics", Watched("stage", PRODUCTION), hook=hook, target=target, settings=settings)
    assert await source.read(now() - timedelta(minutes=5), now()) == []


async def test_what_is_long_past_is_left_out_and_each_minute_is_asked_for_by_itself(
    simulator: RunningSimulator, hook: AppServiceHook, target: AppTarget
) -> None:
    source = LogsSource(
        "log_analytics", Watched("stage", PRODUCTION), hook=hook, target=target, settings=http_logs(simulator)
    )
    assert len(await source.read(now() - timedelta(hours=5), now())) == MINUTES_AT_ONCE


async def test_a_query_that_is_not_understood_is_refused_with_its_reason(
    simulator: RunningSimulator, hook: AppServiceHook, target: AppTarget
) -> None:
    settings = http_logs(simulator, query="Nonsense | where")
    with pytest.raises(AzureRequestRejected, match="Asking log_analytics about"):
        await read(hook, target, settings)


async def test_trouble_passes(
    simulator: RunningSimulator, hook: AppServiceHook, target: AppTarget, order_fault: OrderFault
) -> None:
    order_fault("LogsQuery_Workspace", "bad_gateway", times=2)
    with pytest.raises(TransientAzureError):
        await read(hook, target, http_logs(simulator, settles_after="1s"))


def test_only_placeholders_are_replaced() -> None:
    assert filled('print dynamic({"a": 1}), "{app}"', {"app": "web"}) == 'print dynamic({"a": 1}), "web"'


@pytest.mark.parametrize("columns", [["requests"], ["failures", "bucket"], []])
def test_a_query_without_the_columns_needed_is_refused(columns: list[str]) -> None:
    with pytest.raises(InvalidReleasePlan, match="allowed: requests and failures"):
        measurement_of(columns, [])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], Measurement()),
        ([[None, None, None]], Measurement()),
        ([[3, 1, 40], [2, 0, 41]], Measurement(5, 1, Histogram({40: 3, 41: 2}))),
    ],
)
def test_rows_add_up(rows: list[list[Any]], expected: Measurement) -> None:
    assert expected == measurement_of(["requests", "failures", "bucket"], rows)
