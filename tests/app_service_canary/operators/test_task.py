"""What every task has in common."""

from typing import Any

import pytest
from tests.app_service_canary.task_context import failure_of, task_context

from app_service_canary.errors import AppServiceCanaryError, CanaryRejected, PreflightRefused
from app_service_canary.operators.task import AppServiceOperator, before_of, known_before
from app_service_canary.release.app_state import Before

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
