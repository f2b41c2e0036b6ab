"""Moving users and watching what it does to them."""

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.operators.test_swap import preflight_of
from tests.app_service_canary.task_context import cleared, next_try, task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import (
    AnalysisInconclusive,
    CanaryRejected,
    ChangedByOthers,
    InvalidReleasePlan,
    SwapFailed,
)
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
    assert rules(simulator, fresh_app) == ({} if found is None else {"stage": found})


def test_before_the_first_step_there_has_to_be_no_rule(simulator: RunningSimulator, fresh_app: str) -> None:
    person_sets(simulator, fresh_app, 3.0)
    with pytest.raises(ChangedByOthers, match=r"Azure says 3 %, this release had left .*no rule\."):
        shift(fresh_app, 10, previous_task_ids=[]).execute(task_context("shift"))


def test_a_shift_that_a_person_clears_takes_the_rule_as_it_is_then(simulator: RunningSimulator, fresh_app: str) -> None:
    person_sets(simulator, fresh_app, 3.0)
    shift(fresh_app, 10, previous_task_ids=[]).execute(cleared(task_context("shift")))
    assert rules(simulator, fresh_app) == {"stage": 10}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_shift_whose_answer_was_lost_is_done_and_nobody_is_accused(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, when: str
) -> None:
    order_fault("WebApps_UpdateConfiguration", "gateway_timeout", when=when, app=fresh_app)
    shift(fresh_app, 10, previous_task_ids=[]).execute(task_context("shift"))
    assert rules(simulator, fresh_app) == {"stage": 10}


@pytest.mark.parametrize("nth", [1, 2])
def test_a_stale_answer_is_asked_for_again(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, nth: int
) -> None:
    shift(fresh_app, 10, previous_task_ids=[]).execute(task_context("shift"))
    order_fault("WebApps_GetConfiguration", "stale", nth=nth, app=fresh_app)
    context = task_context("shift", **{"canary_10.shift": {"applied": 10.0}})
    shift(fresh_app, 50, previous_task_ids=["canary_10.shift"]).execute(context)
    assert rules(simulator, fresh_app) == {"stage": 50}


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
            watch().execute(next_try(context))
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
        task_id="watch_promoted",
        bake="10m",
        hosts_by_side=hosts,
        source="https://packages.example/web.zip",
        version="2.0.0",
        **{**TARGET, "app": fresh_app},
    )
    with pytest.raises(SwapFailed, match="does not hold the new version"):
        watching.execute(context)
    simulator.swap(fresh_app)
    with pytest.raises(TaskDeferred):
        watching.execute(context)


def test_a_watch_that_a_person_clears_bakes_anew() -> None:
    context = task_context()
    with pytest.raises(TaskDeferred) as first:
        watch(bake="1s").execute(context)
    with pytest.raises(TaskDeferred) as second:
        watch(bake="10m").execute(cleared(context))
    assert second.value.trigger.bake_until > first.value.trigger.bake_until + timedelta(minutes=9)


def test_a_version_that_passes_after_the_swap_is_remembered_as_stable_without_its_signature(
    variables: dict[str, str],
) -> None:
    watching = PromotedAnalysisOperator(
        task_id="watch_promoted",
        bake="10m",
        hosts_by_side={"visitors": "storefront.azurewebsites.net"},
        source="https://packages.example/web.zip?sig={{ params.signature }}",
        version="2.0.0",
        **TARGET,
    )
    context = task_context("watch_promoted", deploy={"deployment_id": "d-2"})
    context["params"] = {"signature": "Zm9ydHktdHdvIGlzIHRoZQ"}
    watching.execute_complete(context, event("succeeded", "fine", outcome="pass", reasons=[]))
    assert watching.outlets == [watching.asset]
    assert context["outlet_events"][watching.asset].extra == {
        "version": "2.0.0",
        "source": "https://packages.example/web.zip?***",
        "secret": True,
        "deployment_id": "d-2",
    }
    assert list(variables.values()) == ["https://packages.example/web.zip?sig=Zm9ydHktdHdvIGlzIHRoZQ"]
    assert "source" not in watching.template_fields


def test_a_version_that_fails_after_the_swap_is_not_stable(variables: dict[str, str]) -> None:
    watching = PromotedAnalysisOperator(
        task_id="watch_promoted", bake="10m", hosts_by_side={}, source="https://h/web.zip", version="2.0.0", **TARGET
    )
    context = task_context("watch_promoted")
    with pytest.raises(CanaryRejected):
        watching.execute_complete(context, event("failed", "because", outcome="fail", reasons=[]))
    assert context["outlet_events"][watching.asset].extra == {}


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


def test_a_watch_that_is_cleared_after_the_way_back_does_not_promote_the_old_version(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = task_context("watch_promoted", preflight=preflight_of(simulator, fresh_app))
    context["ti"].xcoms["swap", "return_value"] = {"at": "2026-11-22T12:00:00+00:00"}
    hosts = {"visitors": f"{fresh_app}.azurewebsites.net"}
    target = {**TARGET, "app": fresh_app}
    watching = PromotedAnalysisOperator(
        task_id="watch_promoted", source="web.zip", version="2.0.0", bake="10m", hosts_by_side=hosts, **target
    )
    with pytest.raises(SwapFailed, match="does not hold the new version"):
        watching.execute(context)
