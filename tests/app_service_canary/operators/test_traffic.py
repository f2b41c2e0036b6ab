"""Moving users and watching what it does to them."""

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.app_service_canary.operators.test_swap import preflight_of
from tests.app_service_canary.task_context import task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import AnalysisInconclusive, CanaryRejected, InvalidReleasePlan, SwapFailed
from app_service_canary.operators.traffic import (
    AppServiceSetCanaryWeightOperator,
    CanaryAnalysisOperator,
    PromotedAnalysisOperator,
)
from app_service_canary.triggers.waiting import event, now

pytestmark = pytest.mark.usefixtures("azure_connection")

TARGET: dict[str, Any] = {"resource_group": "contoso-rg", "app": "storefront", "slot": "stage"}


def shift(app: str, weight: Any, **changed: Any) -> AppServiceSetCanaryWeightOperator:
    return AppServiceSetCanaryWeightOperator(task_id="shift", weight=weight, **{**TARGET, "app": app, **changed})


def watch(**changed: Any) -> CanaryAnalysisOperator:
    arguments: dict[str, Any] = {"hosts_by_side": {"slot": "storefront-stage.azurewebsites.net"}, "bake": "10m"}
    return CanaryAnalysisOperator(task_id="watch", deferrable=True, **TARGET, **{**arguments, **changed})


def rules(simulator: RunningSimulator, app: str) -> dict[str, float]:
    config = simulator.arm("GET", f"{simulator.app_path(app)}/config/web").json()["properties"]
    return {rule["name"]: rule["reroutePercentage"] for rule in config["experiments"]["rampUpRules"]}


@pytest.mark.parametrize(("weight", "applied"), [(12.5, 12.5), ("25", 25), ("0", 0), (100, 100)])
def test_a_share_of_new_users_is_sent_to_the_slot(
    simulator: RunningSimulator, app: str, weight: Any, applied: float
) -> None:
    returned = shift(app, weight).execute(task_context())
    assert (returned["requested"], returned["applied"]) == (applied, applied)
    assert rules(simulator, app) == {"stage": applied}


def test_a_weight_that_is_set_already_is_not_written_again(simulator: RunningSimulator, app: str) -> None:
    shift(app, 33).execute(task_context())
    last = simulator.journal()[-1]["n"]
    shift(app, 33).execute(task_context())
    assert [call for call in simulator.journal(last) if call["method"] == "PATCH"] == []


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


def test_a_watch_begins_to_bake_and_holds_no_worker() -> None:
    context = task_context()
    with pytest.raises(TaskDeferred) as deferred:
        watch().execute(context)
    left = deferred.value.trigger.bake_until - now()
    assert timedelta(minutes=9, seconds=50) < left <= timedelta(minutes=10)


def test_a_bake_that_was_begun_is_not_begun_again_by_the_next_try() -> None:
    context, ends = task_context(), []
    for _ in range(2):
        with pytest.raises(TaskDeferred) as deferred:
            watch().execute(context)
        ends.append(deferred.value.trigger.bake_until)
    assert ends[0] == ends[1]


def test_a_watch_that_is_run_again_without_its_users_is_refused(simulator: RunningSimulator, app: str) -> None:
    shift(app, 20).execute(task_context())
    watching = CanaryAnalysisOperator(
        task_id="watch", weight="50.0", bake="10m", hosts_by_side={}, **{**TARGET, "app": app}
    )
    again = task_context()
    again["ti"].try_number = 2
    with pytest.raises(InvalidReleasePlan, match=r"should get 50 % of the users to be watched, and Azure says 20 %"):
        watching.execute(again)
    shift(app, 50).execute(task_context())
    with pytest.raises(TaskDeferred):
        watching.execute(again)


def test_what_was_not_swapped_in_is_not_watched_as_promoted(simulator: RunningSimulator, fresh_app: str) -> None:
    context = task_context("watch_promoted", preflight=preflight_of(simulator, fresh_app))
    hosts = {"visitors": f"{fresh_app}.azurewebsites.net"}
    watching = PromotedAnalysisOperator(
        task_id="watch_promoted", bake="10m", hosts_by_side=hosts, **{**TARGET, "app": fresh_app}
    )
    with pytest.raises(SwapFailed, match="does not hold the new version"):
        watching.execute(context)
    simulator.swap(fresh_app)
    with pytest.raises(TaskDeferred):
        watching.execute(context)


def test_a_bake_that_is_over_when_a_person_clears_the_watch_begins_anew() -> None:
    context = task_context()
    context["task_state_store"]["bake_until"] = (now() - timedelta(hours=1)).isoformat()
    with pytest.raises(TaskDeferred) as deferred:
        watch().execute(context)
    assert deferred.value.trigger.bake_until > now() + timedelta(minutes=9)


def test_a_watch_that_was_cleared_bakes_anew() -> None:
    context = task_context()
    with pytest.raises(TaskDeferred):
        watch().execute(context)
    watch().execute_complete(context, event("succeeded", "fine", outcome="pass", reasons=[]))
    assert context["task_state_store"] == {}


def test_a_manual_bake_has_no_end() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        watch(bake="manual").execute(task_context())
    assert deferred.value.trigger.bake_until is None


@pytest.mark.parametrize("bake", [None, "", "None"])
def test_a_step_beyond_the_end_is_not_watched(bake: Any) -> None:
    assert watch(bake=bake).execute(task_context())["outcome"] == "skipped"


def test_a_bake_that_is_no_duration_is_refused() -> None:
    with pytest.raises(InvalidReleasePlan, match="bake: 'soon' is not a duration"):
        watch(bake="soon").execute(task_context())


def test_an_unknown_side_is_refused() -> None:
    with pytest.raises(InvalidReleasePlan, match="allowed: slot, visitors"):
        watch(hosts_by_side={"moon": "moon.example"}).execute(task_context())


@pytest.mark.parametrize(
    ("details", "error"),
    [
        ({"outcome": "fail"}, CanaryRejected),
        ({"outcome": "inconclusive"}, AnalysisInconclusive),
        ({}, AnalysisInconclusive),
        ({"outcome": "splendid"}, AnalysisInconclusive),
    ],
)
def test_only_a_pass_goes_on_and_the_figures_are_kept_either_way(
    details: dict[str, Any], error: type[Exception]
) -> None:
    context = task_context("watch")
    with pytest.raises(error, match="because"):
        watch().execute_complete(context, event("failed", "because", reasons=["because"], **details))
    assert context["ti"].xcom_pull("watch") == {"reasons": ["because"], **details}
