"""What the release before has left to a person, and when the next one may begin."""

from typing import Any

import pytest
from tests.app_service_canary.operators.test_preflight import preflight, with_params
from tests.app_service_canary.operators.test_swap import preflight_of
from tests.app_service_canary.task_context import TaskInstance
from tests.simulator import RunningSimulator

from app_service_canary.errors import PreflightRefused
from app_service_canary.operators.last_release import note_release
from app_service_canary.operators.swap import ASKED_KEY

pytestmark = pytest.mark.usefixtures("azure_connection")

EARLIER = "manual__earlier"
REJECTED = {"swap": "success", "watch_promoted": "failed", "restore": "failed"}


def last_swap(simulator: RunningSimulator, app: str) -> str:
    operator = preflight(app)
    return operator.with_hook(lambda hook: hook.read_production(operator.target)).last_swap


def after_a_release_that_swapped(simulator: RunningSimulator, app: str, **states: Any) -> dict[str, Any]:
    """The next run's context; the one before has swapped, and its tasks ended like this, else as one whose way back
    failed."""
    context = with_params()
    ti, earlier = context["ti"], TaskInstance("swap")
    earlier.run_id = EARLIER
    note_release({**context, "ti": earlier}, preflight(app).asset, preflight_of(simulator, app))
    earlier.xcom_push(ASKED_KEY, {"at": "2026-11-22T12:00:00+00:00", "before": last_swap(simulator, app)})
    simulator.swap(app).raise_for_status()
    earlier.xcom_push("return_value", {"last_swap": last_swap(simulator, app)})
    earlier.states = {**REJECTED, **states}
    ti.others[EARLIER] = earlier
    return context


@pytest.mark.parametrize("state", ["failed", None])
def test_a_release_does_not_begin_while_the_slot_has_the_only_copy_of_the_stable_version(
    simulator: RunningSimulator, fresh_app: str, state: str | None
) -> None:
    context = after_a_release_that_swapped(simulator, fresh_app, restore=state)
    with pytest.raises(PreflightRefused) as refused:
        preflight(fresh_app).execute(context)
    said = str(refused.value)
    assert f"Users are on the version of app '{fresh_app}' that run '{EARLIER}' swapped in" in said
    assert f"(its task 'restore' is {state or 'not run'})" in said
    assert f"swap -g contoso-rg -n {fresh_app} --slot stage --target-slot production; or clear 'restore'" in said
    assert "To keep the new version: mark 'restore' of that run success." in said
    assert context["ti"].xcom_pull("preflight", key="record") is None
    with pytest.raises(PreflightRefused):
        preflight(fresh_app).execute(context)


def test_a_swap_of_which_nothing_was_heard_counts_as_well(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_a_release_that_swapped(simulator, fresh_app, swap="failed")
    del context["ti"].others[EARLIER].xcoms["swap", "return_value"]
    with pytest.raises(PreflightRefused, match="was not finished"):
        preflight(fresh_app).execute(context)


@pytest.mark.parametrize(
    "states",
    [
        {"restore": "success"},
        {"watch_promoted": "success", "restore": "success"},
        {"watch_promoted": "success", "restore": "failed"},
    ],
)
def test_a_release_begins_after_one_that_was_promoted_or_that_a_person_lets_stay(
    simulator: RunningSimulator, fresh_app: str, states: dict[str, str]
) -> None:
    preflight(fresh_app).execute(after_a_release_that_swapped(simulator, fresh_app, **states))


def test_a_release_begins_after_a_person_swapped_back(simulator: RunningSimulator, fresh_app: str) -> None:
    context = after_a_release_that_swapped(simulator, fresh_app)
    simulator.swap(fresh_app).raise_for_status()
    preflight(fresh_app).execute(context)


def test_what_somebody_swapped_in_later_is_not_held_against_the_release_before(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_a_release_that_swapped(simulator, fresh_app)
    for _ in range(2):
        simulator.swap(fresh_app).raise_for_status()
    preflight(fresh_app).execute(context)


def test_a_release_begins_where_the_one_before_asked_for_no_swap_or_is_forgotten(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_a_release_that_swapped(simulator, fresh_app)
    context["ti"].others[EARLIER].xcoms.clear()
    context["ti"].others[EARLIER].states.clear()
    preflight(fresh_app).execute(context)


def test_only_the_last_release_that_may_have_changed_the_app_counts(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = after_a_release_that_swapped(simulator, fresh_app)
    simulator.swap(fresh_app).raise_for_status()
    preflight(fresh_app).execute(context)
    simulator.swap(fresh_app).raise_for_status()
    later = with_params()
    later["asset_state_store"] = context["asset_state_store"]
    later["ti"].run_id, later["ti"].others = "manual__later", {context["ti"].run_id: context["ti"]}
    preflight(fresh_app).execute(later)
