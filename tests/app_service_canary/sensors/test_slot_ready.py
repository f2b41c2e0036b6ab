"""Waiting for a slot that answers well."""

from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.app_service_canary.task_context import deadlines, failure_of, task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import PreflightRefused, SlotWarmUpTimeout
from app_service_canary.release.policy import Readiness
from app_service_canary.sensors.slot_ready import SlotReadySensor
from app_service_canary.triggers import waiting

pytestmark = pytest.mark.usefixtures("azure_connection")


def sensor(app: str, **changed: Any) -> SlotReadySensor:
    readiness = Readiness.model_validate({"path": "/health", "timeout": "2s", "version_path": "/version"})
    arguments: dict[str, Any] = {
        "resource_group": "contoso-rg",
        "app": app,
        "slot": "stage",
        "version": "2.0.0",
        "readiness": readiness,
        "poll_interval": waiting.timedelta(seconds=0.1),
        "deferrable": False,
    }
    return SlotReadySensor(task_id="slot_ready", **{**arguments, **changed})


def test_a_slot_that_answers_well_is_ready(simulator: RunningSimulator, app: str) -> None:
    assert sensor(app).execute(task_context()) == {"requests": 3}


def test_a_slot_that_does_not_get_ready_in_time_fails_with_what_it_said(simulator: RunningSimulator, app: str) -> None:
    context = task_context("slot_ready")
    with pytest.raises(SlotWarmUpTimeout, match=r"runs version 2\.0\.0, not 7\.0\.0"):
        sensor(app, version="7.0.0").execute(context)
    assert "No traffic was moved" in failure_of(context)


def test_it_holds_no_worker_while_it_waits(simulator: RunningSimulator, app: str) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(app, deferrable=True, slot_host="storefront-stage.example").execute(task_context())
    assert deferred.value.trigger.host == "storefront-stage.example"


def test_all_its_tries_have_the_readiness_timeout_together_until_a_person_clears_it() -> None:
    context, waiting_for = task_context("slot_ready"), sensor("storefront", slot_host="storefront-stage.example")
    first, second, anew = deadlines(waiting_for, context)
    assert second == first
    assert anew > first


def test_a_slot_that_is_missing_is_not_waited_for(simulator: RunningSimulator, app: str) -> None:
    with pytest.raises(PreflightRefused, match="There is no slot 'gone'"):
        sensor(app, slot="gone").execute(task_context())
