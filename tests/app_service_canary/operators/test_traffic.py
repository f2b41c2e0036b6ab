"""Moving users."""

from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.task_context import cleared, task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import ChangedByOthers, InvalidReleasePlan, PreflightRefused
from app_service_canary.operators.traffic import AppServiceSetCanaryWeightOperator

pytestmark = pytest.mark.usefixtures("azure_connection")

TARGET: dict[str, Any] = {"resource_group": "contoso-rg", "app": "storefront", "slot": "stage"}


def shift(app: str, weight: Any, **changed: Any) -> AppServiceSetCanaryWeightOperator:
    return AppServiceSetCanaryWeightOperator(task_id="shift", weight=weight, **{**TARGET, "app": app, **changed})


@pytest.mark.parametrize(("weight", "applied"), [(12.5, 12.5), ("25", 25), ("0", 0), (100, 100)])
def test_a_share_of_new_users_is_sent_to_the_slot(
    simulator: RunningSimulator, app: str, weight: Any, applied: float
) -> None:
    returned = shift(app, weight).execute(task_context())
    assert (returned["requested"], returned["applied"]) == (applied, applied)
    assert simulator.rules(app) == {"stage": applied}


def test_a_weight_that_is_set_already_is_not_written_again(simulator: RunningSimulator, app: str) -> None:
    shift(app, 33).execute(task_context())
    last = simulator.journal()[-1]["n"]
    shift(app, 33).execute(task_context())
    assert [call for call in simulator.journal(last) if call["method"] == "PATCH"] == []


def person_sets(simulator: RunningSimulator, app: str, weight: float | None) -> None:
    host = f"{app}-stage.azurewebsites.net"
    found = [{"name": "stage", "actionHostName": host, "reroutePercentage": weight}] if weight is not None else []
    simulator.set_rules(app, found)


@pytest.mark.parametrize("found", [None, 3.0])
def test_a_rule_that_somebody_changed_since_the_step_before_is_left_as_it_is(
    simulator: RunningSimulator, fresh_app: str, found: float | None
) -> None:
    person_sets(simulator, fresh_app, found)
    context = task_context("shift", **{"canary_10.shift": {"applied": 10.0}})
    with pytest.raises(ChangedByOthers, match=r"Azure says (no rule|3 %), this release had left .*10 %\."):
        shift(fresh_app, 50, previous_task_ids=["canary_10.shift"]).execute(context)
    assert simulator.rules(fresh_app) == ({} if found is None else {"stage": found})


def test_before_the_first_step_there_has_to_be_no_rule(simulator: RunningSimulator, fresh_app: str) -> None:
    person_sets(simulator, fresh_app, 3.0)
    with pytest.raises(ChangedByOthers, match=r"Azure says 3 %, this release had left .*no rule\."):
        shift(fresh_app, 10, previous_task_ids=[]).execute(task_context("shift"))


def test_a_shift_that_a_person_clears_takes_the_rule_as_it_is_then(simulator: RunningSimulator, fresh_app: str) -> None:
    person_sets(simulator, fresh_app, 3.0)
    shift(fresh_app, 10, previous_task_ids=[]).execute(cleared(task_context("shift")))
    assert simulator.rules(fresh_app) == {"stage": 10}


@pytest.mark.parametrize(
    ("found", "states"),
    [
        ("'stop_slot' is skipped, 'restore' is success", {"stop_slot": "skipped", "restore": "success"}),
        ("'restore' is failed", {"stop_slot": None, "restore": "failed"}),
        ("'stop_slot' is skipped;", {"stop_slot": "skipped", "restore": "running"}),
        ("'stop_slot' is upstream_failed;", {"stop_slot": "upstream_failed", "restore": None}),
    ],
)
def test_a_shift_that_is_cleared_alone_when_its_run_is_over_sends_nobody_to_the_slot(
    simulator: RunningSimulator, fresh_app: str, found: str, states: dict[str, Any]
) -> None:
    context = cleared(task_context("shift"))
    context["ti"].states.update(states)
    with pytest.raises(PreflightRefused, match=f"{found}.* no traffic was moved. Clear this task together with all"):
        shift(fresh_app, 10, previous_task_ids=[]).execute(context)
    assert simulator.rules(fresh_app) == {}
    assert context["ti"].xcom_pull("shift", key="asked_weight") is None


@pytest.mark.parametrize("states", [{}, {"stop_slot": None, "restore": None}, {"stop_slot": "None", "restore": "None"}])
def test_a_shift_that_is_cleared_with_all_that_comes_after_it_moves_users(
    simulator: RunningSimulator, fresh_app: str, states: dict[str, Any]
) -> None:
    context = cleared(task_context("shift"))
    context["ti"].states.update(states)
    shift(fresh_app, 10, previous_task_ids=[]).execute(context)
    assert simulator.rules(fresh_app) == {"stage": 10}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_shift_whose_answer_was_lost_is_done_and_nobody_is_accused(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, when: str
) -> None:
    order_fault("WebApps_UpdateConfiguration", "gateway_timeout", when=when, app=fresh_app)
    shift(fresh_app, 10, previous_task_ids=[]).execute(task_context("shift"))
    assert simulator.rules(fresh_app) == {"stage": 10}


@pytest.mark.parametrize("nth", [1, 2])
def test_a_stale_answer_is_asked_for_again(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, nth: int
) -> None:
    shift(fresh_app, 10, previous_task_ids=[]).execute(task_context("shift"))
    order_fault("WebApps_GetConfiguration", "stale", nth=nth, app=fresh_app)
    context = task_context("shift", **{"canary_10.shift": {"applied": 10.0}})
    shift(fresh_app, 50, previous_task_ids=["canary_10.shift"]).execute(context)
    assert simulator.rules(fresh_app) == {"stage": 50}


def test_a_slot_is_not_taken_for_stopped_because_azure_tells_late_that_it_was_started(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault
) -> None:
    for change in ("stop", "start"):
        simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/{change}").raise_for_status()
    order_fault("WebApps_GetSlot", "stale", nth=1, app=fresh_app)
    shift(fresh_app, 10, previous_task_ids=[]).execute(task_context("shift"))
    assert simulator.rules(fresh_app) == {"stage": 10}


@pytest.mark.parametrize("weight", [None, "", "None", " "])
def test_a_step_beyond_the_end_moves_nobody(weight: Any) -> None:
    assert shift("no-such-app", weight).execute(task_context()) is None


@pytest.mark.parametrize("weight", ["many", "-1", "100.1", "nan"])
def test_a_weight_that_is_none_is_refused(weight: str) -> None:
    with pytest.raises(InvalidReleasePlan, match="allowed: a number from 0 to 100"):
        shift("no-such-app", weight).execute(task_context())


def test_no_traffic_is_moved_to_a_slot_that_does_not_exist(simulator: RunningSimulator, app: str) -> None:
    with pytest.raises(InvalidReleasePlan, match="There is no slot 'gone'"):
        shift(app, 10, slot="gone").execute(task_context())


def test_nobody_is_sent_to_a_slot_that_does_not_run(simulator: RunningSimulator, fresh_app: str) -> None:
    simulator.arm("POST", f"{simulator.app_path(fresh_app, 'stage')}/stop").raise_for_status()
    with pytest.raises(InvalidReleasePlan, match=r"is Stopped, .* no traffic was moved. Clear start_slot"):
        shift(fresh_app, 30).execute(task_context())
    assert simulator.rules(fresh_app) == {}
    shift(fresh_app, 0).execute(task_context())
