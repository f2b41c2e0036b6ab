"""The last look at the slot before it is swapped in, in the simulator."""

from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.operators.test_swap import ready_to_swap, send_users, swap, swaps, writes
from tests.simulator import RunningSimulator

from app_service_canary.errors import CanaryRejected
from app_service_canary.hooks.app_hosts import AppHosts
from app_service_canary.operators import last_look
from app_service_canary.release.observation import Answer, Side
from app_service_canary.release.policy import Readiness

pytestmark = pytest.mark.usefixtures("azure_connection")

HEALTH = Readiness.model_validate({"path": "/health", "timeout": "2s", "statuses": [200, 204]})

GOOD, BAD, SILENT = (Answer(Side.SLOT, "GET /health", status, status == 200, 0.1, "x") for status in (200, 500, None))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_look, "PAUSE", 0.01)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What the slot answers, in turn; the last one for ever."""
    left = list[Answer]()

    async def answer(*of: Any) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(AppHosts, "ask", answer)
    return left


def test_a_slot_that_has_broken_while_a_manager_thought_is_not_swapped_in_and_nothing_is_written(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    send_users(simulator, fresh_app, 50)
    context, before = ready_to_swap(simulator, fresh_app), writes(simulator, fresh_app)
    broken = HEALTH.model_copy(update={"path": "/no-such-page"})
    with pytest.raises(CanaryRejected) as raised:
        swap(simulator, fresh_app, readiness=broken).execute(context)
    assert str(raised.value).startswith(
        f"Slot 'stage' of app '{fresh_app}' does not answer well any more: GET /no-such-page answered 404, 3 times "
        "(good: 200 or 204). It was not swapped into production"
    )
    assert writes(simulator, fresh_app) == before
    assert swaps(simulator, fresh_app) == 0


def test_a_slot_that_answers_well_is_swapped_in(simulator: RunningSimulator, fresh_app: str) -> None:
    swap(simulator, fresh_app, readiness=HEALTH).execute(ready_to_swap(simulator, fresh_app))
    assert simulator.version(fresh_app) == "2.0.0"


@pytest.mark.parametrize(
    "seen",
    [[GOOD, BAD, BAD, GOOD], [SILENT] * 9 + [GOOD]],
    ids=["it fails now and then", "it has been asleep"],
)
def test_a_slot_that_is_up_again_is_swapped_in(
    simulator: RunningSimulator, fresh_app: str, answers: list[Answer], seen: list[Answer]
) -> None:
    answers += seen
    swap(simulator, fresh_app, readiness=HEALTH).execute(ready_to_swap(simulator, fresh_app))
    assert swaps(simulator, fresh_app) == 1


@pytest.mark.parametrize(
    ("seen", "said"),
    [([GOOD, BAD, GOOD, BAD, GOOD, BAD], "3 times"), ([SILENT], "for 0s")],
    ids=["it fails every other time", "it says nothing for too long"],
)
def test_a_slot_that_answers_badly_or_not_at_all_is_not_swapped_in(
    simulator: RunningSimulator, app: str, answers: list[Answer], seen: list[Answer], said: str
) -> None:
    answers += seen
    hasty = HEALTH.model_copy(update={"timeout": timedelta(0)}) if seen == [SILENT] else HEALTH
    with pytest.raises(CanaryRejected, match=said):
        swap(simulator, app, readiness=hasty).execute(ready_to_swap(simulator, app))
    assert swaps(simulator, app) == 0
