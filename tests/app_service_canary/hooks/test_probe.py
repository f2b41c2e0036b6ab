"""Requests of our own to both versions."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.simulator import RunningSimulator

from app_service_canary.hooks.app_hosts import AppHosts
from app_service_canary.hooks.app_service import AppServiceHook
from app_service_canary.hooks.probe import ProbeSource
from app_service_canary.hooks.source import Watched
from app_service_canary.release.analysis import Probe
from app_service_canary.release.app_state import PRODUCTION
from app_service_canary.triggers.waiting import now

BOTH = Watched("stage", PRODUCTION)


@pytest.fixture
async def hosts(hook: AppServiceHook) -> AsyncIterator[AppHosts]:
    async with await hook.app_hosts() as hosts:
        yield hosts


def probe(hosts: AppHosts, app: str, watched: Watched = BOTH, paths: tuple[str, ...] = ("/version",)) -> ProbeSource:
    names = {PRODUCTION: f"{app}.azurewebsites.net", "stage": f"{app}-stage.azurewebsites.net"}
    return ProbeSource(watched, hosts=hosts, host_of=names, settings=Probe(rate=4), paths=paths, good_statuses=(200,))


async def test_both_versions_are_asked_once_at_the_same_moment(hosts: AppHosts, app: str) -> None:
    [window] = await probe(hosts, app).read(now(), now())
    assert (window.canary.requests, window.baseline.requests) == (1, 1)
    assert (window.canary.failures, window.baseline.failures) == (0, 0)
    assert window.canary.latencies.requests == window.baseline.latencies.requests == 1
    assert probe(hosts, app).pause == 0.25


async def test_production_is_asked_pinned_to_it_whatever_the_weight_is(
    simulator: RunningSimulator, hosts: AppHosts, app: str
) -> None:
    host = f"{app}-stage.azurewebsites.net"
    simulator.set_rules(app, [{"name": "stage", "actionHostName": host, "reroutePercentage": 100}])
    source = probe(hosts, app, paths=("/no-such-page", "/version"))
    served: dict[str, Any] = {}
    for _ in range(4):
        [window] = await source.read(now(), now())
        served["baseline"] = served.get("baseline", 0) + window.baseline.failures
    # Every other path is one that no version has: asked in turn, on both sides.
    assert served["baseline"] == 2
    answer = await hosts.version(f"{app}.azurewebsites.net", "/version")
    assert answer == "2.0.0"
    pinned, _ = await hosts._get(f"{app}.azurewebsites.net", "/version", "self")
    assert pinned.status_code == 200
    simulator.set_rules(app, [])


async def test_pinned_to_production_the_stable_version_answers(
    simulator: RunningSimulator, hosts: AppHosts, app: str
) -> None:
    host = f"{app}-stage.azurewebsites.net"
    simulator.set_rules(app, [{"name": "stage", "actionHostName": host, "reroutePercentage": 100}])
    _, body = await hosts._get(f"{app}.azurewebsites.net", "/version", "self")
    assert b"1.0.0" in body
    simulator.set_rules(app, [])


async def test_of_a_high_rate_several_are_sent_at_once(hosts: AppHosts, app: str) -> None:
    names = {PRODUCTION: f"{app}.azurewebsites.net", "stage": f"{app}-stage.azurewebsites.net"}
    source = ProbeSource(
        BOTH, hosts=hosts, host_of=names, settings=Probe(rate=20), paths=("/version",), good_statuses=(200,)
    )
    [window] = await source.read(now(), now())
    assert (window.canary.requests, window.baseline.requests, source.pause) == (5, 5, 0.25)
    assert window.canary.latencies.requests == 5


async def test_a_bad_answer_is_a_failure_and_none_is_one_too(hosts: AppHosts, app: str) -> None:
    [window] = await probe(hosts, app, paths=("/no-such-page",)).read(now(), now())
    assert (window.canary.failures, window.baseline.failures) == (1, 1)


async def test_after_the_swap_production_alone_is_asked(hosts: AppHosts, app: str) -> None:
    [window] = await probe(hosts, app, Watched(PRODUCTION, None)).read(now(), now())
    assert (window.canary.requests, window.baseline.requests) == (1, 0)
