"""Opening the sources that a release file names."""

import json
from contextlib import AsyncExitStack

import pytest
from tests.simulator import RunningSimulator

from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.hooks.log_analytics import LogsSource
from app_service_canary.hooks.measuring import open_sources
from app_service_canary.hooks.prometheus import PrometheusSource
from app_service_canary.hooks.source import Source, Watched
from app_service_canary.release.analysis import Sources
from app_service_canary.release.app_state import PRODUCTION, AppTarget
from app_service_canary.release.own_requests import OwnRequests
from app_service_canary.triggers.waiting import now

REFUSED: dict[str, str] = {}
"""Which sources could not be opened, and why."""

EVERYTHING = {
    "probe": {"paths": ["/health", "/status"]},
    "azure_monitor": {},
    "log_analytics": {"workspace_id": "0" * 36},
    "application_insights": {"workspace_id": "0" * 36},
    "prometheus": {"url": "https://prometheus.example", "connection": "prom", "requests": "a", "failures": "b"},
}


async def opened(
    simulator: RunningSimulator, hook: AppServiceHook, stack: AsyncExitStack, **sources: object
) -> list[Source]:
    return await open_sources(
        stack,
        Sources.model_validate(sources),
        hook=hook,
        hosts=await stack.enter_async_context(await hook.app_hosts()),
        target=AppTarget(simulator.resource_group, "web", "stage"),
        watched=Watched("stage", PRODUCTION),
        host_of={PRODUCTION: "web", "stage": "web-stage"},
        path="/health",
        good_statuses=(200,),
        own=OwnRequests("stage", now()),
        give_up=REFUSED.__setitem__,
    )


async def test_every_source_that_is_named_is_opened_and_no_other(
    simulator: RunningSimulator, hook: AppServiceHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PROM", json.dumps({"conn_type": "http", "password": "token"}))
    async with AsyncExitStack() as stack:
        found = await opened(simulator, hook, stack, **EVERYTHING)
        assert [source.name for source in found] == list(Sources.model_fields)
        assert isinstance(found[-1], PrometheusSource)
        assert isinstance(found[2], LogsSource)
        assert found[2].own_paths == ("/health", "/status")
        assert found[-1]._client.headers["Authorization"] == "Bearer token"
        assert [source.name for source in await opened(simulator, hook, stack, probe={})] == ["probe"]
    assert found[-1]._client.is_closed


async def test_a_connection_that_airflow_does_not_have_costs_that_source_alone(
    simulator: RunningSimulator, hook: AppServiceHook
) -> None:
    async with AsyncExitStack() as stack:
        assert [source.name for source in await opened(simulator, hook, stack, **EVERYTHING)][-1] != "prometheus"
    assert "connection: found 'prom', which Airflow does not have" in REFUSED["prometheus"]
