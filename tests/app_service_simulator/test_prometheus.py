"""Instant queries to Prometheus, over requests that are known."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from tests.app_service_simulator.stopped import NOW, Stopped
from tests.simulator import RunningSimulator

from app_service_simulator.histogram import BOUNDS

REQUESTS = "appservice_http_requests_total"
DURATION = "appservice_http_request_duration_seconds"

Vector = list[tuple[dict[str, str], str]]


async def ask(stopped: Stopped, query: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    answer = await stopped.session.get(f"{stopped.base}/prometheus/api/v1/query", params={"query": query, **parameters})
    return answer.status, await answer.json()


async def vector(stopped: Stopped, query: str, **parameters: Any) -> Vector:
    status, answer = await ask(stopped, query, **parameters)
    assert (status, answer["status"], answer["data"]["resultType"]) == (200, "success", "vector")
    return [(sample["metric"], sample["value"][1]) for sample in answer["data"]["result"]]


@pytest.fixture
def measured(stopped: Stopped) -> Stopped:
    stopped.served(300, 200, 200, 500)
    stopped.served(60, 200, seconds=0.001)
    stopped.served(60, 404, slot="production", seconds=1.0)
    return stopped


async def test_requests_are_counted_by_slot_and_status(measured: Stopped) -> None:
    _, answer = await ask(measured, REQUESTS)
    assert set(answer) == {"status", "data"}
    common = {"__name__": REQUESTS, "app": "contoso-web"}
    at = NOW.timestamp()
    assert [
        {"metric": {**common, "slot": "stage", "code": "200"}, "value": [at, "3"]},
        {"metric": {**common, "slot": "stage", "code": "500"}, "value": [at, "1"]},
        {"metric": {**common, "slot": "production", "code": "404"}, "value": [at, "1"]},
    ] == answer["data"]["result"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"sum({REQUESTS})", [({}, "5")]),
        (f'sum({REQUESTS}{{slot="stage"}})', [({}, "4")]),
        (f"sum({REQUESTS}{{slot='stage', code=~'5..',}})", [({}, "1")]),
        (f'sum({REQUESTS}{{app="contoso-web",code!~"5.."}})', [({}, "4")]),
        (f'sum({REQUESTS}{{slot!="stage"}})', [({}, "1")]),
        (f"sum({REQUESTS}{{code=~`5`}})", []),
        (f'sum({REQUESTS}{{nothing=""}})', [({}, "5")]),
        (f"sum by (slot) ({REQUESTS})", [({"slot": "stage"}, "4"), ({"slot": "production"}, "1")]),
        (f"sum({REQUESTS}) by (slot)", [({"slot": "stage"}, "4"), ({"slot": "production"}, "1")]),
        (f"sum by (nothing) ({REQUESTS})", [({}, "5")]),
        (f'sum({DURATION}_count{{slot="stage"}})', [({}, "4")]),
        (f'sum({DURATION}_sum{{slot="production"}})', [({}, "1")]),
        (f'sum({DURATION}_sum{{slot="stage"}})', [({}, "0.751")]),
        ("sum(up)", []),
        ("sum", []),
    ],
)
async def test_samples_are_chosen_by_label_and_added_up(measured: Stopped, query: str, expected: Vector) -> None:
    assert expected == await vector(measured, query)


async def test_response_times_are_cumulative_in_buckets_a_fifth_apart(measured: Stopped) -> None:
    found = await vector(measured, f'sum by (le) ({DURATION}_bucket{{slot="stage"}})')
    counts = {labels["le"]: value for labels, value in found}
    assert list(counts) == [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    assert (BOUNDS[0], BOUNDS[-1]) == (0.001, 65.536)
    assert all(second / first == pytest.approx(2**0.25, rel=1e-4) for first, second in pairwise(BOUNDS))
    below, at_least = max(end for end in BOUNDS if end < 0.25), min(end for end in BOUNDS if end >= 0.25)
    assert (counts["0.001"], counts[f"{below:g}"], counts[f"{at_least:g}"], counts["+Inf"]) == ("1", "1", "4", "4")


async def test_the_past_is_answered_as_it_was(measured: Stopped) -> None:
    before, between = NOW - timedelta(seconds=301), NOW - timedelta(seconds=61)
    assert await vector(measured, f"sum({REQUESTS})", time=before.timestamp()) == []
    assert await vector(measured, f"sum({REQUESTS})", time=between.timestamp()) == [({}, "3")]
    assert await vector(measured, f"sum({REQUESTS})", time=f"{between:%Y-%m-%dT%H:%M:%SZ}") == [({}, "3")]
    assert await vector(measured, f"sum({DURATION}_sum)", time=between.timestamp()) == [({}, "0.75")]
    assert await vector(measured, f"sum({REQUESTS})", time=NOW.timestamp() + 299) == [({}, "5")]
    assert await vector(measured, f"sum({REQUESTS})", time=NOW.timestamp() + 301) == []


async def test_the_past_that_was_forgotten_is_refused_and_the_present_is_not(measured: Stopped) -> None:
    measured.simulator.traffic.requests._most = 1
    measured.served(0, 200)
    assert await vector(measured, f"sum({REQUESTS})") == [({}, "6")]
    status, answer = await ask(measured, f"sum({REQUESTS})", time=NOW.timestamp() - 250)
    assert (status, answer["errorType"]) == (400, "bad_data")
    assert "forgotten" in answer["error"]


async def test_a_form_asks_as_well(measured: Stopped) -> None:
    answer = await measured.session.post(
        f"{measured.base}/prometheus/api/v1/query", data={"query": f"sum({REQUESTS})", "time": str(NOW.timestamp())}
    )
    assert [{"metric": {}, "value": [NOW.timestamp(), "5"]}] == (await answer.json())["data"]["result"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        f"rate({REQUESTS}[5m])",
        f"{REQUESTS}[5m]",
        f"{REQUESTS} offset 5m",
        f"sum({REQUESTS}) / 2",
        f"avg({REQUESTS})",
        f"sum without (code) ({REQUESTS})",
        f"sum by (le) (rate({DURATION}_bucket[5m]))",
        f"sum({REQUESTS}",
        f"{REQUESTS}{{slot}}",
        f'{REQUESTS}{{slot="stage" code="200"}}',
        f'{REQUESTS}{{code=~"("}}',
        f'{REQUESTS}{{code=~"\\d"}}',
        '{app="contoso-web"}',
        "1",
    ],
)
async def test_any_other_query_is_bad_data(measured: Stopped, query: str) -> None:
    status, answer = await ask(measured, query)
    assert (status, answer["status"], answer["errorType"]) == (400, "error", "bad_data")
    assert answer["error"].startswith('invalid parameter "query": ')


@pytest.mark.parametrize("parameters", [{"time": "yesterday"}, {"limit": "1"}])
async def test_a_parameter_that_is_not_understood_is_bad_data(measured: Stopped, parameters: dict[str, str]) -> None:
    status, answer = await ask(measured, REQUESTS, **parameters)
    assert (status, answer["errorType"]) == (400, "bad_data")
    assert answer["error"].startswith(f'invalid parameter "{next(iter(parameters))}": ')


async def test_another_path_is_not_found(stopped: Stopped) -> None:
    answer = await stopped.session.get(f"{stopped.base}/prometheus/api/v1/query_range")
    assert (answer.status, (await answer.json())["errorType"]) == (404, "not_found")


async def test_samples_can_be_missing_or_late_and_faults_answer_in_prometheus_shape(measured: Stopped) -> None:
    faults, operation = measured.simulator.faults, "Prometheus_Query"
    faults.add({"operation": operation, "do": "metrics_missing"})
    assert await vector(measured, f"sum({REQUESTS})") == []
    faults.add({"operation": operation, "do": "metrics_late", "seconds": 61})
    assert await vector(measured, f"sum({REQUESTS})") == [({}, "3")]
    faults.add({"operation": operation, "do": "server_timeout"})
    status, answer = await ask(measured, REQUESTS)
    assert (status, answer["status"], answer["errorType"]) == (503, "error", "unavailable")
    assert await vector(measured, f"sum({REQUESTS})") == [({}, "5")]


def test_visits_that_were_really_routed_are_counted_without_a_token(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    for path in ("/", "/nothing"):
        simulator.visit(fresh_app, path, "stage")
    query = f'sum by (slot, code) ({REQUESTS}{{app="{fresh_app}"}})'
    answer = simulator.client.get(f"{simulator.prometheus}/api/v1/query", params={"query": query}).json()
    assert {
        (sample["metric"]["slot"], sample["metric"]["code"]): sample["value"][1] for sample in answer["data"]["result"]
    } == {
        ("stage", "200"): "1",
        ("stage", "404"): "1",
    }
