"""Watching what the new version does in production."""

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.operators.test_swap import preflight_of, ready_to_swap, swap
from tests.app_service_canary.operators.test_traffic import TARGET
from tests.app_service_canary.task_context import task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import CanaryRejected, ChangedByOthers, SwapFailed
from app_service_canary.operators import promoted_analysis
from app_service_canary.operators.promoted_analysis import PromotedAnalysisOperator
from app_service_canary.triggers.waiting import event

pytestmark = pytest.mark.usefixtures("azure_connection")

PASSED = event("succeeded", "fine", outcome="pass", reasons=[])


def watch(app: str, **changed: Any) -> PromotedAnalysisOperator:
    arguments: dict[str, Any] = {
        **TARGET,
        "app": app,
        "bake": "10m",
        "hosts_by_side": {"visitors": f"{app}.azurewebsites.net"},
        "source": "https://packages.example/web.zip",
        "version": "2.0.0",
    }
    return PromotedAnalysisOperator(task_id="watch_promoted", **{**arguments, **changed})


def test_what_was_not_swapped_in_is_not_watched_as_promoted(simulator: RunningSimulator, fresh_app: str) -> None:
    context = task_context("watch_promoted", preflight=preflight_of(simulator, fresh_app))
    watching = watch(fresh_app)
    with pytest.raises(SwapFailed, match="does not hold the new version"):
        watching.execute(context)
    simulator.swap(fresh_app)
    with pytest.raises(TaskDeferred):
        watching.execute(context)


def test_a_version_that_passes_after_the_swap_is_remembered_as_stable_without_its_signature(
    simulator: RunningSimulator, fresh_app: str, variables: dict[str, str]
) -> None:
    watching = watch(fresh_app, source="https://packages.example/web.zip?sig={{ params.signature }}")
    preflight = preflight_of(simulator, fresh_app)
    context = task_context("watch_promoted", preflight=preflight, deploy={"deployment_id": "d-2"})
    simulator.swap(fresh_app)
    context["params"] = {"signature": "Zm9ydHktdHdvIGlzIHRoZQ"}
    watching.execute_complete(context, PASSED)
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
    watching = watch("storefront")
    context = task_context("watch_promoted")
    with pytest.raises(CanaryRejected):
        watching.execute_complete(context, event("failed", "because", outcome="fail", reasons=[]))
    assert context["outlet_events"][watching.asset].extra == {}


def test_a_watch_that_is_cleared_after_the_way_back_does_not_promote_the_old_version(
    simulator: RunningSimulator, fresh_app: str
) -> None:
    context = task_context("watch_promoted", preflight=preflight_of(simulator, fresh_app))
    context["ti"].xcoms["swap", "return_value"] = {"at": "2026-11-22T12:00:00+00:00"}
    with pytest.raises(SwapFailed, match="does not hold the new version"):
        watch(fresh_app).execute(context)


def test_what_somebody_swapped_back_while_it_was_watched_is_not_promoted(
    simulator: RunningSimulator, fresh_app: str, variables: dict[str, str]
) -> None:
    context = task_context("watch_promoted", preflight=preflight_of(simulator, fresh_app))
    for _ in range(2):
        simulator.swap(fresh_app)
    watching = watch(fresh_app)
    with pytest.raises(ChangedByOthers, match=r"Somebody took the new version out of production .* It is not promoted"):
        watching.execute_complete(context, PASSED)
    assert context["outlet_events"][watching.asset].extra == {}
    assert variables == {}


@pytest.mark.usefixtures("variables")
def test_a_promotion_is_not_undone_because_azure_cannot_be_asked_at_its_end(
    simulator: RunningSimulator, fresh_app: str, order_fault: OrderFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promoted_analysis, "A_MOMENT", timedelta(0))
    context = task_context("watch_promoted", preflight=preflight_of(simulator, fresh_app))
    simulator.swap(fresh_app)
    order_fault("WebApps_Get", "server_error", app=fresh_app, times=5)
    assert watch(fresh_app).execute_complete(context, PASSED)["outcome"] == "pass"


def test_a_watch_that_is_cleared_when_a_later_release_was_promoted_does_not_take_it_for_its_own(
    simulator: RunningSimulator, fresh_app: str, variables: dict[str, str]
) -> None:
    swapping = ready_to_swap(simulator, fresh_app)
    swapped = swap(simulator, fresh_app).execute(swapping)
    context = task_context("watch_promoted", preflight=swapping["ti"].xcom_pull("preflight", key="record"))
    context["ti"].xcoms["swap", "return_value"] = swapped
    watch(fresh_app).execute_complete(context, PASSED)
    for _ in range(2):
        simulator.swap(fresh_app)
    with pytest.raises(ChangedByOthers, match="It is not promoted"):
        watch(fresh_app).execute_complete(context, PASSED)
