"""Decides the run, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from app_service_canary.errors import ReleaseNotPromoted
from app_service_canary.operators.task import FAILURE_KEY, RECORD_KEY
from app_service_canary.release.decision import APPROVED
from app_service_canary.release.ending import TaskEnd, conclude

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReleaseOutcomeOperator(BaseOperator):
    """Fails unless the release was promoted; says how it ended either way.

    Returns `{"outcome", "sentence"}`, also when it fails.

    Args:
        app: the app's name.
        version: the version to be released. Templated.
        order: the ids of the release's tasks from first to last.
    """

    template_fields: Sequence[str] = ("app", "version")
    ui_color = "#e1effa"

    def __init__(self, *, app: str, version: str, order: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app, self.version, self.order = app, version, list(order)

    def execute(self, context: Context) -> dict[str, Any]:
        ti = context["ti"]
        asked = [*self.order, "restore"]
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=asked, run_ids=[ti.run_id]).get(ti.run_id, {})
        failed = [task for task in asked if states.get(task) == "failed"]
        failures = {task: ti.xcom_pull(task_ids=task, key=FAILURE_KEY) or "" for task in failed}
        restored = ti.xcom_pull(task_ids="restore") or {}
        conclusion = conclude(
            app=self.app,
            version=self.version,
            approval=self._approval(context, states),
            tasks={task: TaskEnd(state, failures.get(task, "")) for task, state in states.items()},
            order=self.order,
            restored=restored.get("sentence", ""),
            changed=ti.xcom_pull(task_ids="preflight", key=RECORD_KEY) is not None,
        )
        result = {"outcome": conclusion.ending.value, "sentence": conclusion.sentence}
        self.log.info("%s", conclusion.sentence)
        if conclusion.promoted:
            return result
        ti.xcom_push("return_value", result)
        raise ReleaseNotPromoted(conclusion.sentence)

    def _approval(self, context: Context, states: dict[str, Any]) -> str:
        decision = context["ti"].xcom_pull(task_ids="approval")
        if decision and decision["decision"] == APPROVED:
            by = f" by {decision['by']}" if decision.get("by") else ""
            return f"approved{by} ({decision['door']})"
        return "approved by marking the task" if states.get("approval") == "success" else ""
