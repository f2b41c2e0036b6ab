"""What every task has in common."""

from datetime import timedelta
from typing import Any

import pytest
from tests.app_service_canary.conftest import OrderFault
from tests.app_service_canary.task_context import cleared, failure_of, next_try, task_context
from tests.simulator import RunningSimulator

from app_service_canary.errors import (
    AppServiceCanaryError,
    AzureUnavailable,
    CanaryRejected,
    PermanentError,
    PreflightRefused,
)
from app_service_canary.operators.task import (
    AppServiceOperator,
    before_of,
    known_before,
    remember,
    remembered,
    was_cleared,
)
from app_service_canary.release.app_state import AppTarget, Before

BEFORE = {"production_deployment_id": "storefront", "slot_deployment_id": "storefront__1a2b", "slot_running": False}


class Doing(AppServiceOperator):
    """Fails as a test wishes."""

    def __init__(self, *, error: Exception | None = None, **kwargs: Any) -> None:
        super().__init__(task_id="task", resource_group="rg", app="storefront", slot="canary", **kwargs)
        self.error = error

    def act(self, context: Any) -> str:
        if self.error:
            raise self.error
        return "done"


def test_a_task_returns_what_it_did() -> None:
    assert Doing().execute(task_context()) == "done"


def test_a_failure_leaves_its_sentence_for_the_outcome() -> None:
    context = task_context()
    with pytest.raises(CanaryRejected):
        Doing(error=CanaryRejected("The slot failed.")).execute(context)
    assert failure_of(context) == "The slot failed."


def test_a_failure_nobody_expected_leaves_its_kind_and_where_to_look() -> None:
    context = task_context()
    with pytest.raises(ZeroDivisionError):
        Doing(error=ZeroDivisionError("division by zero")).execute(context)
    assert failure_of(context) == "ZeroDivisionError: division by zero (see the task's log)"


def test_resuming_without_an_event_fails_and_leaves_a_sentence() -> None:
    context = task_context()
    with pytest.raises(AppServiceCanaryError):
        Doing().execute_complete(context, None)
    assert "without a usable event" in failure_of(context)


def test_a_task_that_is_resumed_with_another_tasks_event_tries_again() -> None:
    others = {"status": "succeeded", "message": "The release was approved.", "waiter": "another try"}
    with pytest.raises(AppServiceCanaryError, match="another task's event") as refused:
        Doing().execute_complete(task_context(), others)
    assert not isinstance(refused.value, PermanentError)


def test_tasks_wait_in_the_triggerer_whatever_airflows_default_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "False")
    assert Doing().deferrable is True


def test_what_preflight_saw_is_found_again() -> None:
    context = task_context(preflight={"before": BEFORE})
    assert before_of(context, "preflight") == Before("storefront", "storefront__1a2b", False)


def test_without_a_record_of_preflight_nothing_is_known_and_nothing_may_be_swapped() -> None:
    assert before_of(task_context(), "preflight") is None
    with pytest.raises(PreflightRefused, match="left no record"):
        known_before(task_context(), "preflight")


def test_the_content_of_a_slot_that_this_run_created_is_what_start_slot_found() -> None:
    record = {"before": {**BEFORE, "slot_deployment_id": None}}
    context = task_context(preflight=record, start_slot={"deployment_id": "storefront__9f9f"})
    assert before_of(context, "preflight") == Before("storefront", "storefront__9f9f", False)


def test_what_a_try_remembered_is_known_to_the_next_and_forgotten_when_a_person_clears_the_task() -> None:
    context = task_context()
    assert remembered(context, "key") is None
    remember(context, "key", "value")
    assert remembered(next_try(context), "key") == "value"
    assert remembered(cleared(context), "key") is None
    remember(context, "key", "new")
    assert remembered(next_try(context), "key") == "new"


def test_a_try_after_a_failure_is_no_clearing() -> None:
    context = task_context()
    assert not was_cleared(next_try(context), 0)
    assert was_cleared(cleared(context), 0)


class Reading(AppServiceOperator):
    """Reads production."""

    def act(self, context: Any) -> Any:
        return self.with_hook(lambda hook: hook.read_production(self.target)).state


def reading(simulator: RunningSimulator, app: str, **changed: Any) -> Reading:
    target = AppTarget(simulator.resource_group, app, "stage")
    return Reading(task_id="task", resource_group=target.resource_group, app=app, slot=target.slot, **changed)


def tokens_given(simulator: RunningSimulator, after: int) -> int:
    return sum(call["path"].endswith("/oauth2/v2.0/token") for call in simulator.journal(after))


@pytest.mark.usefixtures("azure_connection")
@pytest.mark.parametrize("fault", ["throttled", "server_error", "truncated", "not_json", "reset"])
def test_trouble_that_passes_is_not_noticed(
    simulator: RunningSimulator, app: str, order_fault: OrderFault, fault: str
) -> None:
    order_fault("WebApps_Get", fault, app=app)
    assert reading(simulator, app).execute(task_context()) == "Running"


@pytest.mark.usefixtures("azure_connection")
def test_a_token_that_azure_no_longer_takes_is_replaced(
    simulator: RunningSimulator, app: str, order_fault: OrderFault
) -> None:
    order_fault("WebApps_Get", "expired_token", app=app)
    last = simulator.journal()[-1]["n"]
    assert reading(simulator, app).execute(task_context()) == "Running"
    assert tokens_given(simulator, last) == 2


@pytest.mark.usefixtures("azure_connection")
def test_trouble_that_does_not_pass_fails_the_task_with_azures_last_reason(
    simulator: RunningSimulator, app: str, order_fault: OrderFault
) -> None:
    order_fault("WebApps_Get", "server_timeout", times=None, app=app)
    context = task_context()
    with pytest.raises(AzureUnavailable):
        reading(simulator, app, patience=timedelta(seconds=0.3)).execute(context)
    assert "Azure answered 503 ServerTimeout" in failure_of(context)
    assert "in vain" in failure_of(context)
