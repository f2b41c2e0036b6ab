"""App Service's own metrics, read from the simulator's Azure Monitor."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.simulator import RunningSimulator

from app_service_canary.errors import AzureRequestRejected, TransientAzureError
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.hooks.azure_monitor import AzureMonitorSource, _measurements
from app_service_canary.hooks.source import Watched
from app_service_canary.release.analysis import AzureMonitor
from app_service_canary.release.app_state import PRODUCTION, AppTarget
from app_service_canary.release.measurement import MINUTE, Measurement, Window, whole_minute
from app_service_canary.release.observation import Side
from app_service_canary.release.own_requests import OwnRequests
from app_service_canary.triggers.waiting import now

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
METRICS = ("Requests", "Http5xx", "HttpResponseTime")


@pytest.fixture
def at_once(simulator: RunningSimulator) -> Iterator[None]:
    """Metrics are there as soon as their minute is over."""
    simulator.set_quirks(metrics_delay=0)
    yield
    simulator.set_quirks(metrics_delay=120)


def source(
    hook: AppServiceHook, target: AppTarget, own: OwnRequests | None = None, **settings: Any
) -> AzureMonitorSource:
    return AzureMonitorSource(
        Watched("stage", PRODUCTION),
        hook=hook,
        target=target,
        settings=AzureMonitor.model_validate(settings),
        own=own or OwnRequests("stage", NOON - MINUTE),
    )


@pytest.mark.usefixtures("at_once")
async def test_the_users_requests_failures_and_response_times_are_read_by_the_minute_and_not_our_own(
    simulator: RunningSimulator, hook: AppServiceHook, target: AppTarget
) -> None:
    began, own = now(), OwnRequests("stage", NOON, failing_from=400)
    async with await hook.app_hosts() as hosts:
        hosts.on_answer = lambda answer: own.add(answer, now())
        for path in ("/version", "/nothing", "/version"):
            for side, name in ((Side.SLOT, f"{target.app}-stage"), (Side.VISITORS, target.app)):
                await hosts.ask(side, f"{name}.azurewebsites.net", path, (200,), pinned_to="self")
    for path in ("/", "/version", "/nothing"):
        simulator.visit(target.app, path, "stage")
    simulator.visit(target.app, "/")
    over = whole_minute(now()) + MINUTE
    simulator.wait_until(lambda: now() > over, timeout=90)
    windows: list[Window] = []

    async def read() -> list[Window]:
        return await source(hook, target, own, client_errors=True).read(whole_minute(began), now())

    while not sum(window.canary.requests for window in windows):
        windows = await read()
    seen = windows[0].canary if len(windows) == 1 else windows[0].canary.and_those(windows[1].canary)
    assert (seen.requests, seen.failures) == (3, 1)
    assert seen.seconds is not None
    assert 0 <= seen.seconds < 10
    assert sum(window.baseline.requests for window in windows) == 1
    assert not windows[0].final
    later = await source(hook, target, own, client_errors=True).read(whole_minute(began), now() + timedelta(minutes=5))
    assert later[0].final


async def test_minutes_that_are_not_over_are_not_asked_for(hook: AppServiceHook, target: AppTarget) -> None:
    assert await source(hook, target).read(NOON, NOON + timedelta(seconds=59)) == []


async def test_a_minute_that_nobody_knows_of_yet_is_waited_for_and_an_old_one_had_no_requests(
    hook: AppServiceHook, target: AppTarget
) -> None:
    windows = await source(hook, target).read(NOON, NOON + timedelta(minutes=10))
    assert [window.start for window in windows] == [NOON + number * MINUTE for number in range(7)]
    assert all(window.final and window.canary == window.baseline == Measurement() for window in windows)


async def test_a_minute_in_which_requests_of_ours_are_not_known_is_left_out(
    hook: AppServiceHook, target: AppTarget
) -> None:
    own = OwnRequests("stage", NOON + 2.5 * MINUTE)
    windows = await source(hook, target, own).read(NOON, NOON + timedelta(minutes=10))
    assert [window.start for window in windows] == [NOON + number * MINUTE for number in range(3, 7)]


async def test_azures_trouble_passes_and_its_refusal_does_not(
    hook: AppServiceHook, target: AppTarget, order_fault: OrderFault
) -> None:
    order_fault("Metrics_*", "bad_gateway")
    with pytest.raises(TransientAzureError, match=r"Reading the metrics of slot 'stage'|Reading the metrics of app"):
        await source(hook, target).read(NOON, NOON + timedelta(minutes=10))
    order_fault("Metrics_*", "forbidden")
    with pytest.raises(AzureRequestRejected, match="Permissions"):
        await source(hook, target).read(NOON, NOON + timedelta(minutes=10))


def series(name: str, kind: str, **values: float | None) -> dict[str, Any]:
    """A metric's answer; a minute without a value has no key for it, as Azure writes it."""
    data = [
        {"timeStamp": f"2026-11-22T12:0{minute[-1]}:00Z", **({} if value is None else {kind: value})}
        for minute, value in values.items()
    ]
    return {"name": {"value": name}, "errorCode": "Success", "timeseries": [{"metadatavalues": [], "data": data}]}


def test_a_minute_counts_when_its_requests_and_its_failures_are_both_there() -> None:
    body = {
        "value": [
            series("Requests", "total", m0=10.0, m1=20.0, m2=None),
            series("Http5xx", "total", m0=1.0, m1=None, m2=3.0),
            series("HttpResponseTime", "average", m0=0.25),
        ]
    }
    assert dict(_measurements(body, METRICS)) == {NOON: Measurement(10, 1, seconds=2.5)}


def test_no_data_is_no_minute() -> None:
    nothing = {**series("Requests", "total"), "timeseries": []}
    body = {"value": [nothing, series("Http5xx", "total"), series("HttpResponseTime", "average")]}
    assert dict(_measurements(body, METRICS)) == {}


@pytest.mark.parametrize(
    "body", [{}, {"value": 3}, {"value": [{"errorCode": "InvalidSamplingType", "name": {"value": "x"}}]}]
)
def test_an_answer_that_is_none_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        dict(_measurements(body, METRICS))
