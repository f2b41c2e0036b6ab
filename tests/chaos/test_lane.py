"""What a lane does on behalf of people, and how it reads what its visitors met."""

from collections.abc import Callable

import httpx
import pytest
from chaos.cloud import seed
from chaos.lane import ATTEMPTS, POLICY, app_name, failed, insist
from tests.chaos.releases import NOON

from app_service_canary.release.policy import ReleasePolicy
from app_service_simulator.seed import Seed
from chaos import lane
from visitors.journal import CLIENT
from visitors.journal import Entry as Visit


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "PAUSE", 0.0)


def answering(*statuses: int) -> Callable[[], int]:
    """An action whose answers have these statuses in turn, the last for ever."""
    left = list(statuses)
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(left.pop(0) if left[1:] else left[0])))
    return lambda: client.get("http://airflow").raise_for_status().status_code


@pytest.mark.parametrize(("expected", "statuses"), [(200, (200,)), (200, (500, 503, 200)), (None, (500, 409))], ids=str)
def test_an_internal_error_is_met_with_another_try(expected: int | None, statuses: tuple[int, ...]) -> None:
    assert insist(answering(*statuses)) == expected


@pytest.mark.parametrize("status", [400, 403, 409])
def test_a_refusal_is_no_reason_to_try_again(status: int) -> None:
    with pytest.raises(httpx.HTTPStatusError, match=str(status)):
        insist(answering(status, 200))


def test_an_api_that_never_answers_well_is_given_up() -> None:
    with pytest.raises(httpx.HTTPStatusError, match="500"):
        insist(answering(*[500] * ATTEMPTS, 200))


def test_failed_requests_are_told_by_time_visitor_and_what_they_met() -> None:
    served = Visit(NOON, CLIENT, "client-1", 200, True, "1.0.0", None, 0.1)
    refused = Visit(NOON, CLIENT, "client-2", 403, False, None, None, 0.1)
    cut_off = Visit(NOON, CLIENT, "client-3", None, False, None, None, 0.1, "connection reset")
    assert failed([served, refused, cut_off]) == ("12:00:00 client-2: 403", "12:00:00 client-3: connection reset")


def test_the_release_file_of_a_lane_can_be_used() -> None:
    assert ReleasePolicy.model_validate({"app": app_name(1), **POLICY}).app == "chaos-01"


def test_the_simulator_starts_with_an_app_for_each_lane() -> None:
    apps = [app_name(1), app_name(2)]
    planted = Seed.model_validate(seed(apps))
    assert [app.name for app in planted.apps] == apps
    assert POLICY["slot"] in planted.apps[0].slots
