"""Counters of the simulator's Prometheus."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.simulator import RunningSimulator

from app_service_canary.errors import InvalidReleasePlan, SourceRefused, SourceUnavailable
from app_service_canary.hooks.prometheus import PrometheusSource, secret_of
from app_service_canary.hooks.source import Watched
from app_service_canary.release.analysis import Prometheus
from app_service_canary.release.app_state import PRODUCTION
from app_service_canary.release.measurement import Measurement, Window
from app_service_canary.triggers.waiting import now

REQUESTS = 'sum(appservice_http_requests_total{app="{app}", slot="{slot}"})'
FAILURES = 'sum(appservice_http_requests_total{app="{app}", slot="{slot}", code=~"[45].."})'
LATENCIES = 'sum by (le) (appservice_http_request_duration_seconds_bucket{app="{app}", slot="{slot}"})'


class Opened:
    """Makes sources, and closes them."""

    def __init__(self, simulator: RunningSimulator, app: str) -> None:
        self.simulator, self.app, self.sources = simulator, app, list[PrometheusSource]()

    def __call__(self, watched: Watched | None = None, auth: Any = None, **changed: Any) -> PrometheusSource:
        settings = {"requests": REQUESTS, "failures": FAILURES, "latencies": LATENCIES, "interval": "1s", **changed}
        self.sources.append(
            PrometheusSource(
                watched or Watched("stage", PRODUCTION),
                app=self.app,
                settings=Prometheus.model_validate({"url": self.simulator.prometheus, **settings}),
                auth=auth,
                ca_bundle=self.simulator.ca_bundle,
            )
        )
        return self.sources[-1]


@pytest.fixture
async def prometheus(simulator: RunningSimulator, app: str) -> AsyncIterator[Opened]:
    opened = Opened(simulator, app)
    simulator.visit(app, "/version")
    simulator.visit(app, "/version", "stage")
    yield opened
    for source in opened.sources:
        await source.close()


async def first_look(source: PrometheusSource) -> list[Window]:
    """What it tells first: it has counters when the answers by which the slot was known to be up have left."""
    while True:
        try:
            return await source.read(now(), now())
        except SourceUnavailable:
            continue


async def test_what_counters_have_grown_since_the_look_before_is_a_window(
    simulator: RunningSimulator, app: str, prometheus: Opened
) -> None:
    source = prometheus()
    assert await first_look(source) == []
    for path in ("/", "/version", "/nothing"):
        simulator.visit(app, path, "stage")
    simulator.visit(app, "/")
    canary, baseline = Measurement(), Measurement()
    while canary.requests + baseline.requests < 4:  # a request counts when its answer has left
        for window in await source.read(now(), now()):
            canary, baseline = canary.and_those(window.canary), baseline.and_those(window.baseline)
    assert (canary.requests, canary.failures, baseline.requests) == (3, 1, 1)
    assert canary.latencies.requests == 3
    [quiet] = await source.read(now(), now())
    assert quiet.canary.requests == 0


async def test_a_series_that_does_not_exist_is_no_data_and_not_zero(prometheus: Opened) -> None:
    with pytest.raises(SourceUnavailable, match=r"knows no requests of slot '\w+' of app"):
        await prometheus(requests="sum(no_such_metric)").read(now(), now())


async def test_a_query_that_is_not_understood_is_refused_with_its_reason(prometheus: Opened) -> None:
    with pytest.raises(SourceRefused, match="answered 400"):
        await prometheus(requests="rate(").read(now(), now())


async def test_a_server_that_is_not_there_may_come_back(prometheus: Opened) -> None:
    with pytest.raises(SourceUnavailable, match="could not be asked"):
        await prometheus(url="http://127.0.0.1:9").read(now(), now())


async def test_after_the_swap_production_alone_is_read(prometheus: Opened) -> None:
    source = prometheus(Watched(PRODUCTION, None))
    await source.read(now(), now())
    [window] = await source.read(now(), now())
    assert window.baseline.requests == 0


async def test_a_token_or_a_password_is_sent_along_where_there_is_one(prometheus: Opened) -> None:
    token, password = prometheus(auth=(None, "secret"))._client, prometheus(auth=("me", "secret"))._client
    assert token.headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in password.headers
    assert password.auth is not None


async def test_a_query_of_latencies_without_edges_gives_none(prometheus: Opened) -> None:
    source = prometheus(latencies=REQUESTS)
    await source.read(now(), now())
    [window] = await source.read(now(), now())
    assert window.canary.latencies.counts == {}


async def test_a_header_that_cannot_be_sent_is_not_quoted(prometheus: Opened) -> None:
    with pytest.raises(SourceRefused) as refused:
        await prometheus(auth=(None, "s3cr3t\n")).read(now(), now())
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(("password", "secret"), [(" token\n", "token"), (None, ""), ("a b", "a b")])
def test_a_password_is_taken_without_the_blanks_around_it(password: str | None, secret: str) -> None:
    assert secret == secret_of("prometheus", password)


@pytest.mark.parametrize("password", ["s3cr3t\nx", "s3cr3t–"])
def test_a_password_that_fits_no_header_is_refused_and_not_quoted(password: str) -> None:
    with pytest.raises(InvalidReleasePlan, match="connection 'prometheus' has characters") as refused:
        secret_of("prometheus", password)
    assert "s3cr3t" not in str(refused.value)
